// Fuzz: messages of clients to the test server's main gateway, and fault words.
import assert from 'node:assert/strict'
import { FaultError, parseFaults } from '../../packages/server/src/dev/faults/fault-words.ts'
import { readServed } from '../../packages/server/src/dev/front/voice-messages.ts'
import { decodeGatewayMessage, GatewayError } from '../../packages/server/src/dev/gateway/gateway-messages.ts'
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
      for (const { delay } of parseFaults(Buffer.from(bytes).toString('latin1'))) assert.ok(delay >= 0)
    } catch (error) {
      assert.ok(error instanceof FaultError)
    }
  },
})

fuzz('the relay reads every voice message without a failure', {
  covers: ['server/dev/front/voice-messages.ts'],
  corpus: bytes([
    '{"op":0,"d":{"server_id":"1","user_id":"2","session_id":"s","token":"t"}}',
    '{"op":2,"d":{"ssrc":1,"ip":"127.0.0.1","port":50000,"modes":[]}}',
    '{"op":6,"d":{"t":1}}',
  ]),
  run(bytes) {
    const { ready } = readServed(Buffer.from(bytes).toString('latin1'))
    if (ready !== undefined) assert.equal(JSON.parse(ready.withPort(1)).d.port, 1)
  },
})
