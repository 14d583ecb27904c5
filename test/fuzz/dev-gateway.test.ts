// Fuzz: messages of clients to the test server's main gateway, and fault words.
import assert from 'node:assert/strict'
import { MESSAGE_RULES } from '../../packages/server/src/dev/faults/fault-table.ts'
import { FaultError, parseFaults } from '../../packages/server/src/dev/faults/fault-words.ts'
import { UserFaults } from '../../packages/server/src/dev/faults/user-faults.ts'
import { decodeGatewayMessage, GatewayError } from '../../packages/server/src/dev/gateway/gateway-messages.ts'
import { datagramRecord } from '../../packages/server/src/dev/media/datagram-record.ts'
import { MediaFaults } from '../../packages/server/src/dev/media/media-faults.ts'
import { readLinkMessage, writeLinkMessage } from '../../packages/server/src/dev/messages/link-message.ts'
import { acknowledged, changed } from '../../packages/server/src/dev/messages/message-changes.ts'
import { portOfReady, sessionOf } from '../../packages/server/src/dev/messages/voice-messages.ts'
import { tracePcapng } from '../../packages/server/src/dev/trace/pcapng.ts'
import { stableLines } from '../../packages/server/src/dev/trace/stable-lines.ts'
import { traceHtml } from '../../packages/server/src/dev/trace/trace-html.ts'
import { readTraceLine } from '../../packages/server/src/dev/trace/trace-lines.ts'
import { traceText } from '../../packages/server/src/dev/trace/trace-text.ts'
import { TranscriptBuilder } from '../../packages/server/src/dev/trace/transcript.ts'
import { fuzz } from './harness.ts'

const bytes = (texts: readonly string[]) => texts.map(text => Uint8Array.from(Buffer.from(text, 'latin1')))

fuzz('a message to the main gateway is decoded or refused with a close code', {
  covers: ['server/dev/gateway/gateway-messages.ts'],
  corpus: bytes([
    '{"op":1,"d":251}',
    '{"op":2,"d":{"token":"any.fault:drop-ws@3s","intents":129,"shard":[0,1],"properties":{"os":"linux"}}}',
    '{"op":4,"d":{"guild_id":"1300000000000000001","channel_id":null,"self_mute":false,"self_deaf":true}}',
    '{"op":6,"d":{"token":"any","session_id":"0123456789abcdef","seq":1337}}',
    '{"op":8,"d":{"guild_id":1300000000000000001,"query":"","limit":0,"nonce":"n"}}',
  ]),
  run(bytes) {
    const text = Buffer.from(bytes).toString('latin1')
    try {
      decodeGatewayMessage(text)
    } catch (error) {
      assert.ok(error instanceof GatewayError)
      assert.ok(error.code >= 4000 && error.code <= 4014)
    }
  },
})

fuzz('fault words are parsed or refused', {
  covers: ['server/dev/faults/fault-words.ts'],
  corpus: bytes(['drop-ws@3s,udp-loss:12.5%@500ms', 'close-ws:4006,endpoint-move@2m', 'discovery-lost:3']),
  run(bytes) {
    try {
      for (const { trigger } of parseFaults(Buffer.from(bytes).toString('latin1'))) assert.ok(trigger.delay >= 0)
    } catch (error) {
      assert.ok(error instanceof FaultError)
    }
  },
})

fuzz('the relay reads and changes every voice message without a failure', {
  covers: [
    'server/dev/messages/voice-messages.ts',
    'server/dev/messages/link-message.ts',
    'server/dev/messages/message-changes.ts',
  ],
  corpus: bytes([
    '{"op":0,"d":{"server_id":"1","user_id":"2","session_id":"s","token":"t"}}',
    '{"op":2,"d":{"ssrc":1,"ip":"127.0.0.1","port":50000,"modes":[]}}',
    '{"op":7,"d":{"server_id":1300000000000000001,"seq_ack":3}}',
    '{"op":6,"d":{"t":1},"seq":7}',
    '\0\x05\x1d\0\x01commit',
  ]),
  run(bytes) {
    for (const isBinary of [false, true]) {
      for (const from of ['client', 'node'] as const) {
        const message = readLinkMessage(Buffer.from(bytes), isBinary, from)
        sessionOf(message, '3')
        portOfReady(message)
        for (const { name } of MESSAGE_RULES) writeLinkMessage(acknowledged(changed(message, name, 5)), 'client')
      }
    }
  },
})

fuzz('the relay reads and changes every datagram without a failure', {
  covers: ['server/dev/media/datagram-record.ts', 'server/dev/media/media-faults.ts'],
  corpus: [
    Uint8Array.of(0x80, 120, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xf8, 0xff, 0xfe),
    Uint8Array.of(
      0xb0,
      120,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      9,
      0xbe,
      0xde,
      0,
      1,
      0x10,
      0xff,
      0,
      0,
      1,
      2,
      3,
      0xfa,
      0xfa,
      2,
      2,
    ),
    new Uint8Array(74).fill(0, 0, 2),
  ],
  run(bytes) {
    const faults = new UserFaults({ act() {}, began() {} })
    faults.add('rtp-padding,rtp-extension,rtp-csrc,ssrc-change,frame-corrupt:50%')
    const media = new MediaFaults(
      faults,
      () => 0.2,
      () => {},
    )
    media.begin('empty-frame', 1)
    media.changed(bytes, [])
    media.changed(bytes, [])
    datagramRecord('node', bytes, bytes, undefined, { fate: 'sent', by: [] })
  },
})

fuzz('a line of a trace is read or refused, and what is read can be shown', {
  covers: ['server/dev/trace/trace-lines.ts', 'server/dev/trace/pcapng.ts', 'server/dev/trace/transcript.ts'],
  corpus: bytes([
    '{"at":1.5,"user":"1","kind":"message","from":"client","op":0,"name":"Identify","data":{},"fate":"sent","by":[]}',
    '{"at":2,"user":"1","kind":"datagram","from":"client","type":"rtp","length":40,"fate":"lost","by":["udp-loss"],"nonce":"00","rtp":{"ssrc":1,"sequence":2,"timestamp":3,"payloadType":120,"payload":4},"raw":"gHg=","plain":"gHg="}',
    '{"at":3,"user":"1","kind":"connection","what":"voice close","from":"node","code":4006}',
    '{"at":4,"user":"1","kind":"key","mode":"aead_aes256_gcm_rtpsize","key":"00"}',
  ]),
  run(bytes) {
    const event = readTraceLine(Buffer.from(bytes).toString('latin1'))
    if (event === undefined) return
    traceText([event], id => id)
    traceHtml([event], id => id)
    tracePcapng([event])
    stableLines([event])
    new TranscriptBuilder().add(event)
  },
})
