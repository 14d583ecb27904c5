// The address table behaves like a Map keyed by text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AddressTable } from './address-table.ts'

/** A small set of addresses that differ in single words, so that collisions and probe runs occur. */
const words = fc.tuple(fc.nat(3), fc.nat(3), fc.constant(0xffff), fc.nat(3), fc.nat(3))
const steps = fc.array(fc.tuple(fc.constantFrom('set', 'delete'), words, fc.integer({ min: 1, max: 20 })), {
  maxLength: 400,
  size: 'max',
})

test('the address table agrees with a map at every step', () => {
  fc.assert(
    fc.property(steps, commands => {
      const table = new AddressTable()
      const model = new Map<string, number>()
      for (const [kind, address, peer] of commands) {
        const key = address.join()
        const at = Int32Array.of(99, ...address)
        if (kind === 'set') table.set(at, 1, peer)
        else table.delete(at, 1, peer)
        if (kind === 'set') model.set(key, peer)
        else if (model.get(key) === peer) model.delete(key)
      }
      assert.equal(table.size, model.size)
      for (const [, address] of commands)
        assert.equal(table.get(Int32Array.from(address), 0), model.get(address.join()) ?? 0)
    }),
  )
})

test('ten thousand addresses are found, and none after their removal', () => {
  const table = new AddressTable()
  const addressOf = (index: number) => Int32Array.of(0, 0, 0xffff, 0x0a00_0000 + (index >> 3), 40_000 + (index & 7))
  for (let index = 0; index < 10_000; index++) table.set(addressOf(index), 0, index + 1)
  for (let index = 0; index < 10_000; index++) assert.equal(table.get(addressOf(index), 0), index + 1)
  for (let index = 0; index < 10_000; index++) table.delete(addressOf(index), 0, index + 1)
  assert.equal(table.size, 0)
  for (let index = 0; index < 10_000; index++) assert.equal(table.get(addressOf(index), 0), 0)
})
