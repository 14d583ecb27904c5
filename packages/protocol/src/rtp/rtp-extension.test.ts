import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp, rtpHeaderLength } from './rtp.ts'
import { extensionLength, extensionPlace, findExtension } from './rtp-extension.ts'

function find(profile: number, elements: number[], id: number): number[] | undefined {
  const extension = { profile, elements: Uint8Array.from(elements) }
  const packet = { payloadType: 1, sequence: 1, timestamp: 1, ssrc: 1, payload: Uint8Array.of(0x10, 0x99), extension }
  const plain = encodeRtp({ ...packet, csrcs: [7] })
  const bytes = Uint8Array.from([0xaa, ...plain])
  const view = new DataView(bytes.buffer)
  const found = findExtension(view, 1, rtpHeaderLength(view, 1, plain.length), id)
  return found < 0
    ? undefined
    : [...bytes.subarray(extensionPlace(found), extensionPlace(found) + extensionLength(found))]
}

test('one-byte extension elements are found between padding', () => {
  const elements = [0x10, 0xb2, 0, 0x32, 1, 2, 3, 0]
  assert.deepEqual(find(0xbede, elements, 1), [0xb2])
  assert.deepEqual(find(0xbede, elements, 3), [1, 2, 3])
  assert.equal(find(0xbede, elements, 2), undefined)
  assert.equal(find(0xbede, elements, 0), undefined)
})

test('two-byte extension elements are found, empty ones included', () => {
  const elements = [1, 0, 0, 200, 2, 5, 6, 0]
  assert.deepEqual(find(0x1000, elements, 1), [])
  assert.deepEqual(find(0x1005, elements, 200), [5, 6])
  assert.equal(find(0x1000, elements, 5), undefined)
})

test('elements beyond their block, id 15 and other profiles are not found', () => {
  assert.equal(find(0xbede, [0x13, 1, 2, 3], 1), undefined)
  assert.equal(find(0x1000, [1, 3, 1, 2], 1), undefined)
  assert.equal(find(0x1000, [0, 0, 0, 1], 1), undefined)
  assert.equal(find(0xbede, [0xf0, 0, 0x10, 1], 1), undefined)
  assert.equal(find(0x1234, [0x10, 1, 0, 0], 1), undefined)
})

test('a packet without header extensions has no elements', () => {
  const plain = encodeRtp({ payloadType: 1, sequence: 1, timestamp: 1, ssrc: 1, payload: Uint8Array.of(0x10, 1) })
  assert.equal(findExtension(new DataView(plain.buffer), 0, 12, 1), -1)
})
