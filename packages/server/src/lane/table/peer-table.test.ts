// The table against a Map, with peers that come and go.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DESTINATION_WORDS } from '../engine/outgoing-datagrams.ts'
import { PeerTable, ROOM_FOR_DESTINATION } from './peer-table.ts'

test('every peer that was added is found with its values until it is removed, in any order', () => {
  const step = fc.record({ isAdd: fc.boolean(), peer: fc.oneof(fc.nat(40), fc.integer({ min: 1, max: 0x7fff_ffff })) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), steps => {
      const table = new PeerTable()
      const expected = new Map<number, number>()
      for (const [number, { isAdd, peer }] of steps.entries()) {
        if (!isAdd) {
          table.remove(peer)
          expected.delete(peer)
        } else if (!expected.has(peer)) {
          const place = table.add(peer)
          assert.equal(table.counter(place), 0)
          table.setCounter(place, number)
          table.setKey(place, 2 ** 46 + number)
          expected.set(peer, number)
        }
      }
      for (const { peer } of steps) {
        const place = table.find(peer)
        const value = expected.get(peer)
        assert.equal(place >= 0, value !== undefined)
        if (value === undefined) continue
        assert.equal(table.counter(place), value)
        assert.equal(table.key(place), 2 ** 46 + value)
      }
    }),
  )
})

test('a pointer keeps all its bits', () => {
  const table = new PeerTable()
  const place = table.add(1)
  for (const pointer of [1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_ffff]) {
    table.setKey(place, pointer)
    assert.equal(table.key(place), pointer)
  }
})

test('a destination fits into a row', () => {
  assert.ok(DESTINATION_WORDS <= ROOM_FOR_DESTINATION)
})
