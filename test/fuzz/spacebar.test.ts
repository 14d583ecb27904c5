// Fuzz: whatever is on Spacebar's bus, the reader keeps its bounds and the bridge its invariants.
import assert from 'node:assert/strict'
import { readMessage } from '../../packages/spacebar/src/bus/bus.ts'
import { FrameError, FrameReader, frameOf } from '../../packages/spacebar/src/bus/frames.ts'
import { Bridge } from '../../packages/spacebar/src/core/bridge.ts'
import { verdictOn } from '../../packages/spacebar/src/database/permissions.ts'
import { streamSessionOf, voiceStateOf } from '../../packages/spacebar/src/database/rows.ts'
import { fuzz } from './harness.ts'

const ENDPOINT = 'voice.test:8443'
const state = { user_id: '7', guild_id: '100', channel_id: '500', session_id: 'S7', member: {}, self_stream: true }
const key = 'guild:100:500:7'
const EVENTS: [event: string, data: object, ids: object][] = [
  ['VOICE_STATE_UPDATE', state, { guild_id: '100', channel_id: '500', user_id: '7' }],
  ['VOICE_SERVER_UPDATE', { token: 't7', guild_id: '100', endpoint: ENDPOINT }, { user_id: '7' }],
  ['VOICE_STATE_UPDATE', { ...state, channel_id: null }, { guild_id: '100' }],
  ['VOICE_STATE_UPDATE', { ...state, guild_id: null, member: null }, { channel_id: '500' }],
  ['VOICE_SERVER_UPDATE', { token: 't7', guild_id: null, channel_id: '500', endpoint: ENDPOINT }, { user_id: '7' }],
  ['STREAM_CREATE', { stream_key: key, rtc_server_id: '777' }, { user_id: '7' }],
  ['STREAM_SERVER_UPDATE', { stream_key: key, token: 's7', endpoint: ENDPOINT }, { user_id: '7' }],
  ['STREAM_DELETE', { stream_key: key }, { guild_id: '100' }],
  ['GUILD_MEMBER_REMOVE', { guild_id: '100', user: { id: '7' } }, { guild_id: '100' }],
  ['GUILD_BAN_ADD', { guild_id: '100', user: { id: '7' } }, { guild_id: '100' }],
  ['CHANNEL_DELETE', { id: '500' }, { channel_id: '500' }],
  ['GUILD_DELETE', { id: '100' }, { guild_id: '100' }],
]
const frames = EVENTS.map(([event, data, ids]) => frameOf({ id: '1', event: { event, data, ...ids } }))
const envelopeIn = (message: unknown) => (message as { event?: unknown } | null)?.event

/** Seats by node, channel and user, as the commands for the node describe them. */
function run(bytes: Uint8Array): void {
  const bridge = new Bridge(
    { nodes: [{ name: 'n', endpoint: ENDPOINT }], hasDatabase: false, checksPermissions: false },
    0,
  )
  bridge.nodeReady('n', { isSameSession: false })
  let now = 0
  const reader = new FrameReader(frame => {
    const event = readMessage(frame.toString(), envelopeIn)
    if (event !== undefined) bridge.event(event, ++now)
  })
  try {
    for (let at = 0; at < bytes.length; at += 64) reader.push(Buffer.from(bytes.subarray(at, at + 64)))
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
  }
  const seats = new Set<string>()
  for (const output of bridge.takeOutputs()) {
    if (output.kind === 'grant') {
      assert.ok(output.token.length > 0 && output.token.length <= 512)
      seats.add(`${output.seat.channelId} ${output.seat.userId}`)
    } else if (output.kind === 'remove') seats.delete(`${output.seat.channelId} ${output.seat.userId}`)
    else if (output.kind === 'close')
      for (const seat of [...seats]) if (seat.startsWith(`${output.channel.channelId} `)) seats.delete(seat)
  }
  const perUser = [...seats].map(seat => seat.split(' ')[1])
  // One call and any number of streams; without streams, one seat.
  if (!Buffer.from(bytes).includes('STREAM_')) assert.equal(new Set(perUser).size, perUser.length)
}

fuzz('frames and events of the bus', {
  covers: ['spacebar/bus/frames.ts', 'spacebar/bus/bus.ts', 'spacebar/core/events.ts'],
  corpus: [...frames, Buffer.concat(frames), Buffer.concat(frames.slice(0, 2))],
  run,
})

const encoder = new TextEncoder()
const row = { ...state, token: 't7', mute: false, region: 'eu', is_member: true }
const stream = {
  server_id: '777',
  owner_id: '7',
  channel_id: '500',
  guild_id: '100',
  endpoint: ENDPOINT,
  user_id: '8',
  token: 's',
}
const overwrites = JSON.stringify([{ id: '100', allow: '1024', deny: '1048576' }])
const permissions = { type: 2, user_limit: 5, overwrites, owner_id: '1', is_member: true, roles: ['100 1049600'] }

fuzz('rows of the database', {
  covers: ['spacebar/database/rows.ts', 'spacebar/database/permissions.ts'],
  corpus: [row, stream, permissions].map(value => encoder.encode(JSON.stringify(value))),
  run(bytes) {
    let value: unknown
    try {
      value = JSON.parse(new TextDecoder().decode(bytes))
    } catch {
      return
    }
    for (const userId of [voiceStateOf(value)?.userId, streamSessionOf(value)?.userId])
      assert.ok(userId === undefined || /^\d{1,20}$/.test(userId))
    assert.ok(['allowed', 'denied'].includes(verdictOn(value, '7', '100').kind))
  },
})
