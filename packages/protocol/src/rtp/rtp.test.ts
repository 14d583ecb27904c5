// RTP headers, extensions and padding: published bytes, and lengths beyond the packet.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeRtp, encodeRtp, type RtpPacket, rtpHeaderLength, rtpPaddingLength } from './rtp.ts'

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const headerOf = (bytes: Uint8Array) => rtpHeaderLength(view(bytes), 0, bytes.length)
const paddingOf = (bytes: Uint8Array) => rtpPaddingLength(view(bytes), 0, bytes.length, headerOf(bytes))

const silence: RtpPacket = {
  payloadType: 120,
  sequence: 0x1234,
  timestamp: 0x0001_0203,
  ssrc: 12345,
  payload: unhex('f8fffe'),
}
const extension = { profile: 0xbede, elements: unhex('10b29004') }

test('a packet is encoded as published', () => {
  assert.equal(hex(encodeRtp(silence)), '807812340001020300003039f8fffe')
  assert.equal(hex(encodeRtp({ ...silence, extension })), '907812340001020300003039bede000110b29004f8fffe')
  assert.equal(
    hex(encodeRtp({ ...silence, csrcs: [7], extension })),
    '91781234000102030000303900000007bede000110b29004f8fffe',
  )
})

test('the header ends behind CSRCs and extension', () => {
  assert.equal(headerOf(encodeRtp(silence)), 12)
  assert.equal(headerOf(encodeRtp({ ...silence, extension })), 20)
  assert.equal(headerOf(encodeRtp({ ...silence, csrcs: [7, 8], extension })), 28)
})

test('a header longer than its packet is malformed', () => {
  assert.equal(headerOf(unhex('8078123400010203000030')), -1)
  assert.equal(headerOf(unhex('817812340001020300003039')), -1)
  assert.equal(headerOf(unhex('907812340001020300003039bede')), -1)
  assert.equal(headerOf(unhex('907812340001020300003039bede000210b29004f8fffe')), -1)
  assert.equal(headerOf(unhex('907812340001020300003039bede000110b29004')), 20)
})

test('padding of zero, or longer than the payload, is malformed', () => {
  assert.equal(paddingOf(encodeRtp(silence)), 0)
  assert.equal(paddingOf(encodeRtp({ ...silence, padding: 5 })), 5)
  assert.equal(paddingOf(unhex('a07812340001020300003039f8ff03')), 3)
  assert.equal(paddingOf(unhex('a07812340001020300003039f8ff04')), -1)
  assert.equal(paddingOf(unhex('a07812340001020300003039f8ff00')), -1)
  assert.equal(paddingOf(unhex('a07812340001020300003039')), -1)
})

test('an encoded packet is read back without its padding', () => {
  const u32 = fc.nat(0xffff_ffff)
  const packets = fc.record(
    {
      payloadType: fc.nat(127),
      sequence: fc.nat(0xffff),
      timestamp: u32,
      ssrc: u32,
      payload: fc.uint8Array({ maxLength: 300 }),
      marker: fc.boolean(),
      csrcs: fc.array(u32, { maxLength: 15 }),
      extension: fc.option(
        fc.record(
          {
            profile: fc.nat(0xffff),
            elements: fc.nat(20).chain(words => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
          },
          { noNullPrototype: true },
        ),
        { nil: undefined },
      ),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(packets, fc.nat(255), (packet, padding) => {
      assert.deepEqual(decodeRtp(encodeRtp({ ...packet, padding })), packet)
    }),
  )
})
