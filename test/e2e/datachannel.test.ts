// A WebRTC stack that is not a browser: libdatachannel's ICE, DTLS and SRTP, in a call with a Discord client.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, type TestContext, test } from 'node:test'
import { LvspClient, VoiceClient } from '@parley/client'
import { decodeRtp, encodeRtp } from '@parley/protocol'
import { createServer } from '@parley/server'
import { Audio, cleanup, PeerConnection, type Track } from 'node-datachannel'
import WebSocket from 'ws'
import { isSilence, numberedFrames } from './opus-frames.ts'
import { until } from './until.ts'
import { ANA, BEN } from './users.ts'

// Its threads keep the process alive until they are stopped.
after(() => cleanup())

const GUILD = '41771983423143937'
const CHANNEL = '127121515262115840'
const OWN = 0x1234_5678
const TYPE = 99

interface Description {
  sdp: string
}

/** The SDP answer that a client builds from the node's fragment. */
function answerOf({ sdp }: Description, mid: string): string {
  const lines = sdp.split('\n').filter(line => /^(c=|a=(rtcp|ice-|fingerprint|candidate))/.test(line))
  const head = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=group:BUNDLE ${mid}`, 'a=ice-lite']
  const media = [
    `m=audio 9 UDP/TLS/RTP/SAVPF ${TYPE}`,
    ...new Set(lines),
    `a=mid:${mid}`,
    'a=setup:passive',
    'a=rtcp-mux',
  ]
  return [...head, ...media, 'a=sendrecv', `a=rtpmap:${TYPE} opus/48000/2`, ''].join('\r\n')
}

async function join(
  context: TestContext,
  url: string,
  who: object,
): Promise<{ track: Track; connection: PeerConnection }> {
  const connection = new PeerConnection('client', { iceServers: [] })
  const audio = new Audio('0', 'SendRecv')
  audio.addOpusCodec(TYPE)
  audio.addSSRC(OWN, 'ana')
  const track = connection.addTrack(audio)
  const offer = new Promise<string>(resolve => connection.onLocalDescription(sdp => resolve(sdp)))
  connection.setLocalDescription()
  const ws = new WebSocket(url)
  context.after(() => {
    ws.close()
    connection.close()
  })
  const description = new Promise<Description>(resolve =>
    ws.on('message', async data => {
      const { op, d } = JSON.parse(String(data)) as { op: number; d: Description }
      if (op === 8) ws.send(JSON.stringify({ op: 0, d: who }))
      if (op === 4) resolve(d)
      if (op !== 2) return
      const codecs = [{ name: 'opus', type: 'audio', priority: 1000, payload_type: TYPE, rtx_payload_type: null }]
      ws.send(JSON.stringify({ op: 1, d: { protocol: 'webrtc', sdp: await offer, codecs } }))
    }),
  )
  await once(ws, 'open')
  connection.setRemoteDescription(answerOf(await description, '0'), 'answer')
  ws.send(JSON.stringify({ op: 5, d: { speaking: 1, delay: 0, ssrc: OWN } }))
  return { track, connection }
}

test('libdatachannel and a Discord client receive each other’s frames intact', { timeout: 60_000 }, async context => {
  const server = await createServer({
    http: { listen: '127.0.0.1:0' },
    media: { listen: '127.0.0.1', port: 0 },
    log: { level: 'silent' },
  })
  context.after(() => server.close())
  const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret })
  context.after(() => backend.close())
  await backend.connect()
  await backend.requestChannel({ guildId: GUILD, channelId: CHANNEL })
  const admit = async (userId: string) => {
    const { sessionId, token } = await backend.createVoiceState({ guildId: GUILD, channelId: CHANNEL, userId })
    assert.ok(token !== undefined)
    return { sessionId, token }
  }
  const place = { serverId: GUILD, channelId: CHANNEL }
  const ben = new VoiceClient({
    endpoint: new URL(server.url).host,
    tls: false,
    ...place,
    userId: BEN,
    ...(await admit(BEN)),
  })
  context.after(() => ben.close())
  await ben.connect()
  const heardByBen: string[] = []
  ben.on('frame', ({ userId, payload }) => {
    if (userId === ANA && !isSilence(Buffer.from(payload))) heardByBen.push(Buffer.from(payload).toString('hex'))
  })
  const { sessionId, token } = await admit(ANA)
  const who = { server_id: GUILD, channel_id: CHANNEL, user_id: ANA, session_id: sessionId, token }
  const { track, connection } = await join(context, `${server.url}?v=8`, who)
  const heardByAna: string[] = []
  track.onMessage(bytes => {
    const packet = bytes[1]! >= 192 && bytes[1]! <= 223 ? undefined : decodeRtp(Uint8Array.from(bytes))
    if (packet?.payloadType === TYPE) heardByAna.push(Buffer.from(packet.payload).toString('hex'))
  })
  await until('the connection', () => connection.state() === 'connected')
  await until('the node’s SRTP key', () => JSON.stringify(server.inspect()).includes('SRTP_AEAD_AES_256_GCM'))
  const frames = numberedFrames(30, 1)
  for (const [sequence, frame] of frames.entries()) {
    const packet = {
      payloadType: TYPE,
      sequence,
      timestamp: sequence * 960,
      ssrc: OWN,
      payload: Uint8Array.from(frame),
    }
    track.sendMessageBinary(Buffer.from(encodeRtp(packet)))
    ben.sendFrame(frame)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  const expected = frames.map(frame => frame.toString('hex'))
  await until('all frames at the Discord client', () => heardByBen.length >= expected.length)
  await until('all frames at the WebRTC client', () => heardByAna.length >= expected.length)
  assert.deepEqual(heardByBen, expected)
  assert.deepEqual(heardByAna, expected)
})
