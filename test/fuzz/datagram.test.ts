// Fuzz: classification of datagrams, and IP discovery in both directions.
import assert from 'node:assert/strict'
import {
  classifyDatagram,
  DatagramKind,
  decodeDiscoveryResponse,
  encodeDiscoveryRequest,
  encodeReceiverReport,
  readDiscoveryRequest,
  writeDiscoveryResponse,
} from '@parley/protocol'
import { VECTORS } from '../contract/vectors.ts'
import { fuzz } from './harness.ts'

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const response = new Uint8Array(74)
writeDiscoveryResponse(response, 12345, '203.0.113.77', 50123)
const corpus = [
  ...VECTORS.map(vector => Uint8Array.from(Buffer.from(vector.sealed, 'hex'))),
  encodeDiscoveryRequest(12345),
  response,
  encodeReceiverReport(1, []),
  Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1),
  Uint8Array.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...Array(12).fill(7)]),
  Uint8Array.from([22, 254, 253, ...Array(60).fill(0)]),
  new Uint8Array(9).fill(0xc9),
]
const SHORTEST: Record<DatagramKind, number> = { 0: 17, 1: 74, 2: 8, 3: 20, 4: 14, 5: 12, 6: 28, 7: 0 }

fuzz('every datagram has one kind and the minimum length of that kind', {
  covers: ['protocol/udp/datagram.ts'],
  corpus,
  run(bytes) {
    const kind = classifyDatagram(viewOf(bytes), 0, bytes.length)
    assert.ok(Object.values(DatagramKind).includes(kind))
    assert.ok(bytes.length >= SHORTEST[kind], `kind ${kind}`)
    assert.equal(kind === DatagramKind.Discovery, readDiscoveryRequest(viewOf(bytes), 0, bytes.length) >= 0)
  },
})

fuzz('a discovery response is rejected or survives a round trip', {
  covers: ['protocol/udp/discovery.ts'],
  corpus,
  run(bytes) {
    const read = decodeDiscoveryResponse(bytes)
    if (read === undefined) return
    const again = new Uint8Array(74)
    writeDiscoveryResponse(again, read.ssrc, read.ip, read.port)
    assert.deepEqual(decodeDiscoveryResponse(again), read)
  },
})
