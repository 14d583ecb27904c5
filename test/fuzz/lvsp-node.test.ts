// Fuzz: arbitrary messages from a backend to a node, before and after READY. The node never throws or logs an error.
import assert from 'node:assert/strict'
import { LvspMessage, LvspOp } from '@parley/protocol'
import { ALL_CAPABILITIES, LvspBench, type LvspSocket, SECRET } from '../../packages/core/src/testing/lvsp-bench.ts'
import { fuzz } from './harness.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const USER = { ...CHANNEL, user_id: '7' }
const info = (type: number, data: unknown) => ({ op: 6, d: { type, data } })
const messages = [
  info(0, { ...CHANNEL, channel_properties: { bitrate: 64_000 } }),
  info(0, { channel_id: 9, guild_id: null }),
  info(3, { ...USER, session_id: 'session', mute: true, flags: 2 }),
  info(6, { ...USER, deaf: true, suppress: false }),
  info(6, { session_id: 'session', priority: true }),
  info(16, { ...CHANNEL, channel_properties: { user_limit: 5, video: true, kind: 'stream', owner_id: '7' } }),
  info(2, { ...CHANNEL, channel_properties: {} }),
  info(21, { channels: [{ ...CHANNEL, users: [{ user_id: '7', session_id: null }] }], more: true }),
  info(21, { channels: [] }),
  info(22, USER),
  info(23, {}),
  info(4, USER),
  info(5, { user_id: '7', guild_id: '100' }),
  info(3, CHANNEL),
  info(2, CHANNEL),
  { op: 4, d: { s: 0 } },
  { op: 1, d: { token: 'f'.repeat(64), capabilities: ['events'] } },
  { op: 2, d: { token: 'f'.repeat(43), seq: 3, session: 'x' } },
]
const lines = messages.map(message => JSON.stringify(message))
const corpus = [Buffer.from(lines.join('\n')), ...lines.map(line => Buffer.from(line))]

/** A node takes so many inputs in turn: its state between two inputs is part of what is tested. */
const INPUTS_PER_NODE = 50
let bench = new LvspBench()
let backend: LvspSocket | undefined
let inputs = 0
/** Of the backend's newest INFO message. */
let seq = 0

/** One message per line: each to a new connection, and all to one identified connection. */
function run(bytes: Uint8Array): void {
  if (++inputs % INPUTS_PER_NODE === 0) {
    bench = new LvspBench()
    backend = undefined
  }
  if (backend === undefined || backend.closeCode !== undefined) {
    backend = bench.backend(SECRET, ALL_CAPABILITIES)
    seq = backend.ops(LvspOp.Ready)[0].seq
  }
  const known = backend.raw.length
  for (const encoding of ['latin1', 'utf8'] as const)
    for (const line of Buffer.from(bytes).toString(encoding).split('\n')) {
      const other = bench.open().sendText(line)
      if (other.closeCode === undefined) other.drop()
      if (backend.closeCode === undefined) backend.sendText(line)
    }
  bench.open().sendText(bytes)
  bench.advance(60_000)
  check(backend, known)
}

/** `known`: the messages of the backend that were checked before. */
function check(to: LvspSocket, known: number): void {
  const errors = bench.notes.filter(({ level }) => level === 'error')
  assert.deepEqual(errors, [])
  bench.notes.length = 0
  for (const text of to.raw.slice(known)) {
    const message = LvspMessage.parse(JSON.parse(text))
    if (message.op !== LvspOp.Info) continue
    assert.equal(message.s, ++seq)
  }
  if (to.closeCode !== undefined) assert.equal(to.closeCode, 4002)
}

fuzz('messages to a node', {
  covers: ['core/lvsp/connection.ts', 'core/lvsp/commands.ts', 'protocol/lvsp/lvsp.ts'],
  corpus,
  run,
})
