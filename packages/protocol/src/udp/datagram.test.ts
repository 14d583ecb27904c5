// Every row of the demultiplexing table, and ambiguous datagrams.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classifyDatagram, DatagramKind } from './datagram.ts'

const kindOf = (bytes: Uint8Array) => classifyDatagram(new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length)
const datagram = (length: number, ...start: number[]) => {
  const bytes = new Uint8Array(length)
  bytes.set(start)
  return bytes
}

const rows: [string, Uint8Array, DatagramKind][] = [
  ['74 bytes that begin with 00010046 are a discovery request', datagram(74, 0, 1, 0, 70), DatagramKind.Discovery],
  ['a discovery request may have 78 bytes', datagram(78, 0, 1, 0, 70), DatagramKind.Discovery],
  ['a discovery request of 79 bytes is unknown', datagram(79, 0, 1, 0, 70), DatagramKind.Unknown],
  ['the legacy discovery request of 70 bytes is unknown', datagram(70, 0, 0, 0x30, 0x39), DatagramKind.Unknown],
  ['a discovery response is not a request', datagram(74, 0, 2, 0, 70), DatagramKind.Unknown],
  ['1337CAFE in 8 bytes is a ping', datagram(8, 0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 9), DatagramKind.Ping],
  ['1337CAFE in 9 bytes is not a ping', datagram(9, 0x13, 0x37, 0xca, 0xfe), DatagramKind.Keepalive],
  ['a STUN binding request has the magic cookie', datagram(20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42), DatagramKind.Stun],
  ['STUN without its cookie is unknown', datagram(20, 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43), DatagramKind.Unknown],
  ['a DTLS handshake record', datagram(60, 22, 0xfe, 0xff), DatagramKind.Dtls],
  ['a counter of 22 in 8 bytes is a keepalive, not DTLS', datagram(8, 22), DatagramKind.Keepalive],
  ['a sender report', datagram(52, 0x80, 200), DatagramKind.Rtcp],
  ['feedback', datagram(40, 0x81, 206), DatagramKind.Rtcp],
  ['Opus', datagram(35, 0x80, 0x78), DatagramKind.Rtp],
  ['marked Opus with extension', datagram(60, 0x90, 0xf8), DatagramKind.Rtp],
  ['media without room for a tag', datagram(27, 0x80, 0x78), DatagramKind.Unknown],
  ['JDA keepalive of 9 bytes', datagram(9, 0xc9), DatagramKind.Keepalive],
  ['a keepalive whose counter begins like RTP', datagram(8, 0x80, 0x78), DatagramKind.Keepalive],
  ['an empty datagram', datagram(0), DatagramKind.Keepalive],
  ['one byte', datagram(1, 0x80), DatagramKind.Keepalive],
  ['17 unknown bytes', datagram(17, 0x70), DatagramKind.Unknown],
]

for (const [name, bytes, kind] of rows) test(`datagram: ${name}`, () => assert.equal(kindOf(bytes), kind))

test('a datagram in the middle of a slab is classified by its own bytes', () => {
  const slab = new Uint8Array(300).fill(0x80)
  slab.set([0x13, 0x37, 0xca, 0xfe], 100)
  assert.equal(classifyDatagram(new DataView(slab.buffer), 100, 8), DatagramKind.Ping)
})
