// Fuzz: arbitrary messages from a node to a backend. The session never throws, settles every request, and ends.
import assert from 'node:assert/strict'
import { LvspClientSession } from '@parley/client'
import { LvspInfo } from '@parley/protocol'
import { fuzz } from './harness.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const USER = { ...CHANNEL, user_id: '7' }
const info = (s: number, type: number, data: unknown) => ({ op: 6, s, d: { type, data } })
const capabilities = ['events', 'failure', 'sync', 'stats', 'user_token']
const messages = [
  { op: 0, d: { heartbeat_interval: 5_000, nonce: 'q7Zp2LmX0a', capabilities, server: { name: 'x', version: '1' } } },
  info(1, 1, { ...CHANNEL, token: 'before READY' }),
  { op: 3, d: { health: 0.5, session: 'a', seq: 1, resumed: 'replay', capabilities } },
  info(2, 1, { ...CHANNEL, token: 'k3', endpoint: 'voice.example:443' }),
  info(3, 4, { ...USER, session_id: 's', token: 'Zq' }),
  info(4, 17, { in_reply_to: { type: 3, data: USER }, code: 9, message: 'draining' }),
  info(5, 18, { ...USER, session_id: 's', protocol: 'udp' }),
  info(6, 20, { ...USER, speaking: 1, video: false }),
  info(7, 19, { ...USER, session_id: 's', protocol: 'webrtc', code: 4014, resumable: false }),
  info(8, 23, { channels: 1, sessions: 2, egress_bps: 3.5, health: 1 }),
  { op: 5, d: { health: 1 } },
]
const lines = messages.map(message => JSON.stringify(message))
const corpus = [Buffer.from(lines.join('\n')), ...lines.map(line => Buffer.from(line))]

function run(bytes: Uint8Array): void {
  const session = new LvspClientSession({ random: () => 0.5 })
  session.start(0)
  const open = new Set([
    session.request(LvspInfo.ChannelRequest, CHANNEL, 0),
    session.request(LvspInfo.VoiceStateCreate, USER, 0),
    session.request(LvspInfo.Stats, {}, 0),
  ])
  session.command(LvspInfo.Sync, { channels: [] })
  session.connectionOpened(0)
  for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
    session.messageReceived(line, 1)
    session.messageReceived(Buffer.from(line), 1)
    session.signed('token')
    drain(session, open)
  }
  for (let now = 1; now < 120_000; now = session.deadline) {
    assert.ok(session.deadline > now - 1, 'a deadline is never in the past')
    session.tick(session.deadline)
    drain(session, open)
  }
  assert.equal(open.size, 0, 'every request is settled in time')
  session.close()
  assert.equal(session.deadline, Infinity)
}

function drain(session: LvspClientSession, open: Set<number>): void {
  for (const output of session.takeOutputs()) {
    if (output.kind === 'send') JSON.parse(output.data)
    if (output.kind === 'answered' || output.kind === 'failed') assert.ok(open.delete(output.request), 'settled once')
  }
}

fuzz('messages to a backend', { covers: ['client/lvsp/session.ts', 'client/lvsp/lvsp-messages.ts'], corpus, run })
