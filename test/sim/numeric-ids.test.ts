// Snowflakes as bare 64-bit integers, which JSON.parse would round: from backends and from voice clients.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import { NodeBench } from '../../packages/core/src/testing/node-bench.ts'

const GUILD = '1183927471058403329'
const CHANNEL = '9223372036854775807'
const USER = '18446744073709551615'
const OTHER = '18446744073709551614'

function granted(bench: NodeBench, userId: string) {
  const backend = bench.backend()
  const ids = `"channel_id":${CHANNEL},"guild_id":${GUILD}`
  backend.socket.sendText(`{"op":6,"d":{"type":0,"data":{${ids}}}}`)
  backend.socket.sendText(`{"op":6,"d":{"type":3,"data":{"user_id":${userId},${ids}}}}`)
  return backend
}

test('a backend may send ids as 64-bit integers; the answers hold them as strings', () => {
  const backend = granted(new NodeBench(), USER)
  const { channel_id, guild_id } = backend.infos(1)[0]
  assert.deepEqual([channel_id, guild_id], [CHANNEL, GUILD])
  const state = backend.infos(4)[0]
  assert.deepEqual([state.user_id, state.channel_id, state.guild_id], [USER, CHANNEL, GUILD])
})

test('a refusal repeats 64-bit integers as strings', () => {
  const backend = granted(new NodeBench(), USER)
  backend.socket.sendText(
    `{"op":6,"d":{"type":22,"data":{"user_id":${OTHER},"channel_id":${CHANNEL},"guild_id":${GUILD}}}}`,
  )
  const { in_reply_to } = backend.infos(17)[0]
  assert.deepEqual(in_reply_to, { type: 22, data: { channel_id: CHANNEL, guild_id: GUILD, user_id: OTHER } })
})

test('a voice client identifies and resumes with ids as 64-bit integers', () => {
  const bench = new NodeBench()
  const { session_id, token } = granted(bench, USER).infos(4)[0]
  const identify = (socket: ReturnType<NodeBench['client']>) =>
    socket.sendText(
      `{"op":0,"d":{"server_id":${GUILD},"channel_id":${CHANNEL},"user_id":${USER},"session_id":"${session_id}","token":"${token}"}}`,
    )
  const client = identify(bench.client('9'))
  assert.ok(client.last(VoiceOp.Ready) !== undefined, client.closeReason)
  client.drop()
  const resumed = bench.client('9')
  resumed.sendText(`{"op":7,"d":{"server_id":${GUILD},"session_id":"${session_id}","token":"${token}","seq_ack":0}}`)
  assert.deepEqual(resumed.ops(VoiceOp.Resumed).length, 1, resumed.closeReason)
})

test('members are announced with their ids as strings', () => {
  const bench = new NodeBench()
  const backend = granted(bench, USER)
  const first = backend.infos(4)[0]
  backend.socket.sendText(
    `{"op":6,"d":{"type":3,"data":{"user_id":${OTHER},"channel_id":${CHANNEL},"guild_id":${GUILD}}}}`,
  )
  const [client, other] = [first, backend.infos(4)[1]].map(({ user_id, session_id, token }) => {
    const socket = bench.client()
    socket.sendText(
      `{"op":0,"d":{"server_id":${GUILD},"user_id":${user_id},"session_id":"${session_id}","token":"${token}"}}`,
    )
    return socket.send(VoiceOp.SelectProtocol, {
      protocol: 'udp',
      data: { address: '192.0.2.1', port: 40_000, mode: 'aead_aes256_gcm_rtpsize' },
    })
  })
  assert.deepEqual(other?.last(VoiceOp.ClientsConnect), { user_ids: [USER] })
  assert.deepEqual(client?.last(VoiceOp.ClientsConnect), { user_ids: [OTHER] })
})
