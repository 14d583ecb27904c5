// Cases of a node: HELLO, authentication, heartbeats, and input that is not LVSP.
import { LvspClose, LvspInfo, LvspOp } from '@parley/protocol'
import { applies, type CheckedCase, expect } from '../checked-case.ts'
import type { NodeUnderTest } from './node-under-test.ts'

const NONCE = /^[A-Za-z0-9]{10}$/
const WRONG = '00'.repeat(32)
const TOO_LONG = 200_000

/** The node implements addendum 1 of docs/lvsp.md: its HELLO has capabilities. */
const extended = (capabilities: readonly string[] | undefined) =>
  applies(capabilities !== undefined, 'HELLO has no capabilities: the node implements the specification only')

export const GREETING_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  {
    number: 'hello',
    meaning: 'HELLO is the first message, with a heartbeat interval and a nonce of 10 letters and digits',
    run: async node => {
      const { nonce } = (await node.connect()).hello
      expect(NONCE.test(nonce), `expected a nonce of 10 letters and digits, found "${nonce}"`)
    },
  },
  {
    number: 'hello-nonce',
    meaning: 'each connection has a nonce of its own',
    run: async node => {
      const [first, second] = [await node.connect(), await node.connect()]
      expect(first.hello.nonce !== second.hello.nonce, `two connections have the nonce ${first.hello.nonce}`)
    },
  },
  {
    number: 'identify',
    meaning: 'the HMAC of the nonce in hexadecimal authenticates; READY has a health from 0 to 1',
    run: async node => {
      await (await node.connect()).identify([])
    },
  },
  ...(['base64', 'base64url'] as const).map(encoding => ({
    number: `identify-${encoding}`,
    meaning: `the HMAC of the nonce in ${encoding} authenticates`,
    run: async (node: NodeUnderTest) => {
      const probe = await node.connect()
      extended(probe.hello.capabilities)
      await probe.identify([], probe.token(encoding))
    },
  })),
  {
    number: 'identify-again',
    meaning: 'a second IDENTIFY on a connection is ignored',
    run: async node => {
      const probe = await node.ready()
      extended(probe.hello.capabilities)
      probe.send(LvspOp.Identify, { token: probe.token() })
      await probe.silent('a second IDENTIFY')
    },
  },
  {
    number: 'capabilities',
    meaning: 'READY lists the capabilities that were offered and requested, and no others',
    run: async node => {
      const probe = await node.connect()
      extended(probe.hello.capabilities)
      const offered = (probe.hello.capabilities ?? []).filter(name => name !== 'adopt_token')
      const { capabilities } = await probe.identify([...offered, 'no_such_capability'])
      const [found, wanted] = [[...(capabilities ?? [])].sort().join(' '), [...offered].sort().join(' ')]
      expect(found === wanted, `expected the capabilities "${wanted}" in READY, found "${found}"`)
    },
  },
  {
    number: 'heartbeat',
    meaning: 'a heartbeat is answered with the health',
    run: async node => {
      const health = await (await node.ready()).settled()
      expect(health >= 0 && health <= 1, `expected a health from 0 to 1, found ${health}`)
    },
  },
  {
    number: 'heartbeat-early',
    meaning: 'a heartbeat before IDENTIFY is answered',
    run: async node => {
      const probe = await node.connect()
      extended(probe.hello.capabilities)
      await probe.settled()
    },
  },
  {
    number: 'info-early',
    meaning: 'INFO before READY changes nothing',
    run: async node => {
      const probe = await node.connect()
      const channel = node.channel()
      probe.info(LvspInfo.VoiceStateCreate, { user_id: node.id(), ...channel })
      await probe.identify([])
      await probe.silent('INFO before READY')
    },
  },
  {
    number: 'unknown-opcodes',
    meaning: 'opcodes that are unknown, or that only a node sends, are ignored',
    run: async node => {
      const probe = await node.ready()
      for (const op of [LvspOp.Hello, LvspOp.Ready, LvspOp.HeartbeatAck, 7, 99, -1]) probe.send(op, {})
      await probe.silent('unknown opcodes')
    },
  },
  {
    number: 'unknown-fields',
    meaning: 'unknown fields are ignored',
    run: async node => {
      const probe = await node.connect()
      probe.socket.send({ op: LvspOp.Identify, x: [], d: { token: probe.token(), new_field: { a: [1] } } })
      await probe.ready()
    },
  },
  ...[
    { number: 'bad-json', what: 'text that is not JSON', message: '{"op":' },
    { number: 'bad-array', what: 'a JSON array', message: '[1]' },
    { number: 'bad-binary', what: 'a binary message', message: Uint8Array.of(1, 2, 3) },
    { number: 'bad-length', what: 'a message of 200 kB', message: JSON.stringify({ op: 4, d: 'x'.repeat(TOO_LONG) }) },
  ].map(({ number, what, message }) => ({
    number,
    meaning: `${what} closes the connection with 4002`,
    run: async (node: NodeUnderTest) => {
      const probe = await node.ready()
      if (number !== 'bad-json') extended(probe.hello.capabilities)
      probe.socket.send(message)
      await probe.socket.closesWith([LvspClose.DecodeError], what)
    },
  })),
  {
    number: 'bad-depth',
    meaning: 'JSON nested ten thousand levels deep does not harm the node',
    run: async node => {
      const probe = await node.ready()
      const depth = 10_000
      probe.socket.send(`{"op":6,"d":{"type":0,"data":${'['.repeat(depth)}${']'.repeat(depth)}}}`)
      const other = await node.connect()
      await other.identify([])
    },
  },
  {
    number: 'identify-malformed',
    meaning: 'IDENTIFY without a token closes the connection with 4001',
    run: async node => {
      const probe = await node.connect()
      probe.send(LvspOp.Identify, {})
      await probe.socket.closesWith([LvspClose.AuthenticationFailed], 'IDENTIFY without a token')
    },
  },
  {
    number: 'identify-wrong',
    meaning: 'a wrong token closes the connection with 4001',
    run: async node => {
      const probe = await node.connect()
      probe.send(LvspOp.Identify, { token: WRONG })
      await probe.socket.closesWith([LvspClose.AuthenticationFailed], 'a wrong token')
    },
  },
  {
    number: 'identify-replayed',
    meaning: 'the token of another connection does not authenticate',
    run: async node => {
      const [first, second] = [await node.connect(), await node.connect()]
      second.send(LvspOp.Identify, { token: first.token() })
      await second.socket.closesWith([LvspClose.AuthenticationFailed], 'the token of another connection')
    },
  },
]
