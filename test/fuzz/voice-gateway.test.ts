// Fuzz: arbitrary messages from a voice client. The node answers or closes with a defined code, and never logs an error.
import assert from 'node:assert/strict'
import { memberSource, VoiceClose } from '@parley/protocol'
import { connect, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { fuzz } from './harness.ts'

const text = new TextEncoder()
const CODES: ReadonlySet<number> = new Set(Object.values(VoiceClose))
const IDENTIFY = {
  server_id: '100',
  user_id: '1',
  session_id: 's',
  token: 't',
  video: true,
  streams: [{ rid: '100', quality: 100 }],
}
const corpus = [
  { op: 0, d: { ...IDENTIFY, channel_id: '500', max_dave_protocol_version: 1 } },
  { op: 7, d: { ...IDENTIFY, seq_ack: 5 } },
  { op: 3, d: { t: 1_784_000_000_123, seq_ack: 12 } },
  { op: 3, d: 12.5 },
  {
    op: 1,
    d: {
      protocol: 'udp',
      data: { address: '192.0.2.1', port: 1, mode: 'aead_aes256_gcm_rtpsize' },
      codecs: [{ name: 'opus', type: 'audio', priority: 1000, payload_type: 120 }],
    },
  },
  { op: 1, d: { protocol: 'webrtc', data: 'a=ice-ufrag:x', sdp: 'a=ice-ufrag:x' } },
  { op: 5, d: { speaking: 5, delay: 0, ssrc: 1 } },
  {
    op: 12,
    d: {
      audio_ssrc: 1,
      video_ssrc: 2,
      rtx_ssrc: 3,
      streams: [{ type: 'video', rid: '100', ssrc: 2, max_resolution: { type: 'fixed', width: 1, height: 1 } }],
    },
  },
  { op: 14, d: { codecs: [] } },
  { op: 15, d: { any: 100, 4001: 0, pixelCounts: { 4001: 1.5 } } },
  { op: 16, d: {} },
  { op: 32, d: {} },
].map(message => text.encode(JSON.stringify(message)))

/** A node serves so many clients in turn: its state between two inputs is part of what is tested. */
const CLIENTS_PER_NODE = 100
const MESSAGES_PER_CLIENT = 1_000

function survives(isIdentified: boolean) {
  let bench = new NodeBench()
  let backend = bench.backend()
  let clients = 0
  const open = () => {
    if (++clients % CLIENTS_PER_NODE === 0) {
      bench = new NodeBench()
      backend = bench.backend()
    }
    return isIdentified ? connect(bench, backend.join('1')) : bench.client()
  }
  let client = open()
  return (bytes: Uint8Array) => {
    client.sendText(new TextDecoder().decode(bytes))
    client.sendText(bytes)
    bench.advance(1_000)
    const errors = bench.notes.filter(note => note.level === 'error')
    assert.deepEqual(errors, [])
    bench.notes.length = 0
    if (client.closeCode === undefined && client.raw.length < MESSAGES_PER_CLIENT) return
    if (client.closeCode === undefined) client.drop()
    else assert.ok(CODES.has(client.closeCode), `close code ${client.closeCode}`)
    client = open()
  }
}

fuzz('a voice client that has not identified', {
  covers: ['core/gateway/connection.ts', 'core/gateway/decode.ts'],
  corpus,
  run: survives(false),
})
fuzz('a voice client that has identified', {
  covers: ['core/gateway/commands.ts', 'core/gateway/connection.ts', 'protocol/voice/voice.ts'],
  corpus,
  run: survives(true),
})

fuzz('source text of JSON members', {
  covers: ['protocol/json-source.ts'],
  corpus,
  run(bytes) {
    const source = new TextDecoder().decode(bytes)
    const found = memberSource(source, 'd')
    let parsed: { d?: unknown } | null
    try {
      parsed = JSON.parse(source)
    } catch {
      return
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || found === undefined) return
    assert.deepEqual(JSON.parse(found), parsed.d)
  },
})
