// Fuzz: arbitrary messages from a node to a voice client, with DAVE in another thread. Neither side throws, the session stays within
// its bounds, and it ends.
import assert from 'node:assert/strict'
import { type DaveEvent, loadDavey, VoiceClientSession } from '@parley/client'
import { DaveHost } from '../../packages/client/src/dave-worker/dave-host.ts'
import { fuzz } from './harness.ts'

const MODE = 'aead_aes256_gcm_rtpsize'
const messages = [
  { op: 8, d: { v: 9, heartbeat_interval: 13_750 } },
  { op: 2, d: { ssrc: 4001, ip: '127.0.0.1', port: 50004, modes: [MODE], experiments: [], streams: [] } },
  { op: 4, seq: 1, d: { mode: MODE, secret_key: Array(32).fill(7), audio_codec: 'opus', dave_protocol_version: 0 } },
  { op: 4, seq: 1, d: { sdp: 'm=audio 50004 ICE/SDP\na=ice-ufrag:abcd\n', audio_codec: 'opus' } },
  { op: 11, seq: 2, d: { user_ids: ['8', '9'] } },
  { op: 5, seq: 3, d: { user_id: '8', ssrc: 11, speaking: 1 } },
  { op: 12, seq: 4, d: { user_id: '9', audio_ssrc: 21, video_ssrc: 22, rtx_ssrc: 23, streams: [{ ssrc: 22 }] } },
  { op: 14, seq: 5, d: { audio_codec: 'opus', video_codec: 'H264' } },
  { op: 15, seq: 6, d: { any: 100, 4002: 50 } },
  { op: 18, seq: 7, d: { user_id: '8', flags: 2 } },
  { op: 20, seq: 8, d: { user_id: '8', platform: 1 } },
  { op: 3, d: null },
  { op: 6, d: { t: 1 } },
  { op: 13, seq: 65_535, d: { user_id: '8' } },
  { op: 9, d: null },
  { op: 4, seq: 9, d: { mode: MODE, secret_key: Array(32).fill(7), audio_codec: 'opus', dave_protocol_version: 1 } },
  { op: 24, seq: 10, d: { protocol_version: 1, epoch: 1 } },
  { op: 21, seq: 11, d: { protocol_version: 0, transition_id: 7 } },
  { op: 22, seq: 12, d: { transition_id: 7 } },
]
const text = (message: unknown) => new TextEncoder().encode(JSON.stringify(message))
/** A whole exchange, one message per line; every line is also fed as binary. */
const conversation = Buffer.from(messages.map(message => JSON.stringify(message)).join('\n'))
const binary = [25, 27, 29, 30].map(op => Uint8Array.of(0, 9, op, 0, 1, 2, 3))
const corpus = [conversation, ...messages.map(text), ...binary]
const library = await loadDavey()

function run(bytes: Uint8Array): void {
  const credentials = { serverId: '1', userId: '7', sessionId: 's', token: 't', attempts: 2 }
  const session = new VoiceClientSession({ ...credentials, dave: { version: 1 } })
  const events: DaveEvent[] = []
  const host = library && new DaveHost(library, event => events.push(event))
  session.start(0)
  session.connectionOpened(0)
  for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
    session.messageReceived(line, 1)
    session.messageReceived(Buffer.from(line, 'latin1'), 1)
    if (session.state === 'selecting') session.select({ protocol: 'udp', address: '127.0.0.1', port: 1, mode: MODE })
    check(session, host)
    for (const event of events.splice(0)) session.daveEvent(event)
  }
  check(session, host)
  for (let now = 1; session.deadline !== Infinity; now = session.deadline) {
    assert.ok(session.deadline >= now, 'a deadline is never in the past')
    session.tick(session.deadline)
    check(session, host)
  }
}

function check(session: VoiceClientSession, host: DaveHost | undefined): void {
  assert.ok(session.seq >= 0 && session.seq <= 0xffff)
  for (const member of session.members) if (member.ssrc) assert.ok(session.members.bySsrc(member.ssrc) !== undefined)
  for (const output of session.takeOutputs())
    if (output.kind === 'send' && typeof output.data === 'string') JSON.parse(output.data)
    else if (output.kind === 'dave') host?.command(output.command)
}

fuzz('messages to a voice client', {
  covers: ['client/parse-json.ts', 'client/voice/session/session.ts', 'client/voice/session/voice-messages.ts'],
  corpus,
  run,
})
