// Cases of a backend: authentication, heartbeats, and what it does when the connection is lost.
import { setTimeout as sleep } from 'node:timers/promises'
import { LvspClose, LvspInfo, LvspOp } from '@parley/protocol'
import { type CheckedCase, expect } from '../checked-case.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import type { ScriptedNode } from './scripted-node.ts'

/** LVSP does not say how soon a backend connects again. Until it does, users cannot join. */
const RECONNECT = 20_000
const INTERVAL = 200
const WATCH = 3_000
/** Attempts within `WATCH`: a pause of half a second before the first one, doubled for each. */
const MOST_ATTEMPTS = 6

/** The connection with this number is ready. */
const isBack = (node: ScriptedNode, number: number) => node.ready(number, RECONNECT)

/** Loses the connection by `lose`; the backend has to be ready again. */
const reconnects = (
  name: string,
  meaning: string,
  lose: (node: ScriptedNode) => void,
): CheckedCase<BackendUnderTest> => ({
  number: name,
  meaning,
  run: async backend => {
    const node = await backend.start()
    await node.ready()
    lose(node)
    await isBack(node, 2)
  },
})

export const CONNECTION_CASES: readonly (CheckedCase<BackendUnderTest> & { readonly mayEnd?: boolean })[] = [
  {
    number: 'identify',
    meaning: 'IDENTIFY has the HMAC-SHA256 of the nonce of HELLO',
    run: async backend => {
      const node = await backend.start()
      const { entry } = await node.ready()
      expect(entry?.op === LvspOp.Identify, `expected IDENTIFY (op 1) on the first connection, found op ${entry?.op}`)
    },
  },
  {
    number: 'identify-hello',
    meaning: 'the backend waits for HELLO before it authenticates',
    run: async backend => {
      const node = await backend.start({ helloDelay: 1_500 })
      await node.until('a connection', () => node.connections.length > 0)
      await node.ready()
      expect(node.connections.length === 1, 'the backend connected again instead of waiting for HELLO')
    },
  },
  {
    number: 'identify-nonce',
    meaning: 'each connection is authenticated with its own nonce',
    run: async backend => {
      const node = await backend.start()
      await node.ready()
      node.drop()
      const isAgain = () => node.connections[1]?.entry !== undefined
      await node.until('IDENTIFY or RESUME on a second connection', isAgain, RECONNECT)
      const { nonce, entry } = node.connections[1]!
      const isRight = node.tokens(nonce).includes(String(entry?.d.token))
      expect(isRight, 'the token of the second connection is not the HMAC of its nonce')
    },
  },
  {
    number: 'secret',
    meaning: 'the secret is never sent',
    run: async backend => {
      const node = await backend.start()
      const connection = await node.ready()
      const texts = [connection.request, ...connection.socket.messages.map(({ text }) => text)]
      expect(!texts.some(text => text.includes(node.secret)), 'the secret is in the request or in a message')
    },
  },
  {
    number: 'capabilities',
    meaning: 'the backend requests only capabilities that HELLO offers',
    run: async backend => {
      const node = await backend.start({ capabilities: ['failure'] })
      const { entry } = await node.ready()
      const requested = Array.isArray(entry?.d.capabilities) ? (entry.d.capabilities as string[]) : []
      const others = requested.filter(name => name !== 'failure')
      expect(others.length === 0, `the backend requests ${others.join(', ')}, which HELLO does not offer`)
    },
  },
  {
    number: 'refused',
    meaning: 'after a close with 4001 the backend ends, or pauses: it does not connect again in a loop',
    mayEnd: true,
    run: async backend => {
      const node = await backend.start({ entry: 'refuse' })
      await node.until('IDENTIFY', () => node.connections[0]?.entry !== undefined)
      await sleep(WATCH)
      const attempts = node.connections.length
      expect(attempts <= MOST_ATTEMPTS, `the backend connected ${attempts} times in ${WATCH / 1_000} s after 4001`)
    },
  },
  {
    number: 'certificate',
    meaning: 'a node whose certificate the backend does not trust gets no connection',
    run: async backend => {
      const node = await backend.startUntrusted()
      await sleep(WATCH)
      expect(node.connections.length === 0, 'the backend connected to a node whose certificate it does not trust')
    },
    mayEnd: true,
  },
  {
    number: 'backoff',
    meaning: 'while a node closes every connection the backend pauses between its attempts',
    run: async backend => {
      const node = await backend.start({ entry: 'close' })
      await node.until('a connection', () => node.connections.length > 0)
      await sleep(WATCH)
      const attempts = node.connections.length
      expect(attempts <= MOST_ATTEMPTS, `the backend connected ${attempts} times in ${WATCH / 1_000} s`)
      node.behaviour.entry = 'accept'
      await node.until('the backend to be ready again', () => node.newest.hasReady, RECONNECT)
    },
  },
  {
    number: 'heartbeats',
    meaning: 'the backend sends heartbeats in the interval of HELLO',
    run: async backend => {
      const node = await backend.start({ heartbeatInterval: INTERVAL })
      const { socket } = await node.ready()
      const started = performance.now()
      for (let beat = 0; beat < 5; beat++)
        await socket.take('a heartbeat (op 4)', ({ op }) => op === LvspOp.Heartbeat, 10 * INTERVAL)
      const time = performance.now() - started
      expect(
        time > 3 * INTERVAL,
        `five heartbeats came within ${Math.round(time)} ms, at an interval of ${INTERVAL} ms`,
      )
    },
  },
  {
    number: 'heartbeat-lost',
    meaning: 'a node that does not answer heartbeats is left, and connected again',
    run: async backend => {
      const node = await backend.start({ heartbeatInterval: INTERVAL, answersHeartbeats: false })
      const { socket } = await node.ready()
      await socket.closes('the backend to close the connection without heartbeat answers', RECONNECT)
      node.behaviour.answersHeartbeats = true
      await isBack(node, 2)
    },
  },
  reconnects('lost-1006', 'a connection that is lost without a close frame is made again', node => node.drop()),
  reconnects('lost-4000', 'after 4000 the backend connects again', node =>
    node.newest.socket.close(LvspClose.GeneralError),
  ),
  reconnects('lost-1001', 'after 1001, of a node that stops, the backend connects again', node =>
    node.newest.socket.close(1001),
  ),
  {
    number: 'resume',
    meaning:
      'after a lost connection the backend resumes with RESUME, or identifies and creates its voice states again',
    run: async backend => {
      backend.needsCommands()
      const node = await backend.start()
      await node.ready()
      const seat = backend.seat()
      await backend.do('join', seat)
      const { seq } = node
      node.forget()
      node.drop()
      const { entry } = await isBack(node, 2)
      if (entry?.op === LvspOp.Resume) {
        const isKnown = entry.d.seq == null || Number(entry.d.seq) === seq
        return expect(isKnown, `expected seq ${seq} or none in RESUME, found ${entry.d.seq}`)
      }
      await node.command(
        'the voice state to be created again after IDENTIFY',
        ({ type, data }) => type === LvspInfo.VoiceStateCreate && data.user_id === seat.user_id,
      )
    },
  },
  {
    number: 'restart',
    meaning: 'a node that lost its state receives the voice states of the backend again',
    run: async backend => {
      backend.needsCommands()
      const node = await backend.start()
      await node.ready()
      const seats = [backend.seat(), backend.seat()]
      for (const seat of seats) await backend.do('join', seat)
      node.forget()
      node.restart()
      await isBack(node, 2)
      for (const { user_id } of seats)
        await node.command(
          `VOICE_STATE_CREATE for user ${user_id} after the restart of the node`,
          ({ type, data }) => type === LvspInfo.VoiceStateCreate && String(data.user_id) === user_id,
        )
    },
  },
  {
    number: 'outage',
    meaning: 'a user who joins while the node is away is let in when it is back, or refused',
    run: async backend => {
      backend.needsCommands()
      const node = await backend.start()
      await node.ready()
      node.drop()
      const seat = backend.seat()
      if (await backend.fails('join', seat)) return
      const created = node.commands.some(({ data }) => String(data.user_id) === seat.user_id)
      expect(created, 'the backend let the user in, but has not created a voice state')
    },
  },
  {
    number: 'unanswered',
    meaning: 'a request that was not answered before the connection was lost is sent again, or fails',
    run: async backend => {
      backend.needsCommands()
      const node = await backend.start()
      await node.ready()
      node.behaviour.answersInfo = false
      const seat = backend.seat()
      const joined = backend.fails('join', seat).catch((error: unknown) => error)
      const isAsked = () => node.commands.some(({ data }) => String(data.channel_id) === seat.channel_id)
      await node.until('a request for the channel', isAsked)
      node.behaviour.answersInfo = true
      node.drop()
      const outcome = await joined
      if (outcome instanceof Error) throw outcome
    },
  },
  {
    number: 'silence',
    meaning: 'nothing is sent before READY',
    run: async backend => {
      backend.needsCommands()
      const node = await backend.start({ readyDelay: 1_000 })
      await node.until('IDENTIFY', () => node.connections[0]?.entry !== undefined)
      // It waits, or is refused.
      await backend.fails('join', backend.seat())
      const early = node.commands.find(({ isEarly }) => isEarly)
      expect(early === undefined, `the backend sent INFO before READY: ${early?.text}`)
    },
  },
]
