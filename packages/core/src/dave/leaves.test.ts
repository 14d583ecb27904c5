// Leaf assignment against a model of the whole tree (RFC 9420 §7.7, §12.4.2).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Leaves } from './leaves.ts'

/** The whole tree: an array with blank leaves whose length is a power of two. */
class Model {
  leaves: (string | undefined)[] = ['founder']
  commit(removed: readonly number[], added: readonly string[]): void {
    for (const index of removed) this.leaves[index] = undefined
    while (this.leaves.length > 1 && this.leaves.slice(this.leaves.length / 2).every(leaf => leaf === undefined))
      this.leaves = this.leaves.slice(0, this.leaves.length / 2)
    for (const leaf of added) {
      if (!this.leaves.includes(undefined)) this.leaves.push(...new Array(this.leaves.length).fill(undefined))
      this.leaves[this.leaves.indexOf(undefined)] = leaf
    }
  }
}

test('leaves are assigned and blanked as every MLS member does', () => {
  const round = fc.record({ removed: fc.array(fc.nat(30), { maxLength: 6 }), added: fc.nat(6) })
  fc.assert(
    fc.property(fc.array(round, { maxLength: 30 }), rounds => {
      const model = new Model()
      let leaves = new Leaves(['founder'])
      let made = 0
      for (const { removed, added } of rounds) {
        const present = [...leaves.entries()].map(([index]) => index)
        const gone = removed.filter(index => present.includes(index)).slice(0, present.length - 1)
        const come = Array.from({ length: added }, () => `member ${made++}`)
        model.commit(gone, come)
        leaves = leaves.after(gone, come)
        assert.deepEqual(
          [...leaves.entries()],
          [...model.leaves.entries()].filter(([, leaf]) => leaf !== undefined),
        )
        assert.equal(leaves.capacity, model.leaves.length)
        assert.equal(leaves.used, [...leaves.entries()].length)
      }
    }),
    { numRuns: 200 },
  )
})

test('a commit does not change the leaves before it', () => {
  const before = new Leaves(['a', 'b', 'c'])
  before.after([1, 2], ['d'])
  assert.deepEqual([before.at(0), before.at(1), before.at(2)], ['a', 'b', 'c'])
})
