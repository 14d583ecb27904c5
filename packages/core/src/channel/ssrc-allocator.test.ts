// SSRC blocks never overlap, stay within bounds, and are not reused while others are free.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Crypto } from '../crypto.ts'
import { LIMITS } from '../limits.ts'
import { SsrcAllocator } from './ssrc-allocator.ts'

const allocatorOf = (bytes: (size: number) => Uint8Array) =>
  new SsrcAllocator({ randomBytes: bytes } as unknown as Crypto)

test('a hundred thousand blocks are distinct, aligned and within bounds', () => {
  const allocator = allocatorOf(randomBytes)
  const bases = new Set<number>()
  for (let count = 0; count < 100_000; count++) {
    const base = allocator.allocate()
    assert.equal((base - 1000) % LIMITS.ssrcsPerSession, 0)
    assert.ok(base >= 1000 && base < 2 ** 31 - LIMITS.ssrcsPerSession, String(base))
    bases.add(base)
  }
  assert.equal(bases.size, 100_000)
  assert.equal(allocator.size, 100_000)
})

test('released blocks are not reused soon, whatever the random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), random => {
      const allocator = allocatorOf(() => random)
      const seen = new Set<number>()
      for (let count = 0; count < 500; count++) {
        const base = allocator.allocate()
        assert.ok(!seen.has(base))
        seen.add(base)
        allocator.release(base)
      }
      assert.equal(allocator.size, 0)
    }),
  )
})

test('the next block is not predictable from the last', () => {
  const allocator = allocatorOf(randomBytes)
  const bases = Array.from({ length: 1000 }, () => allocator.allocate())
  const steps = new Set(bases.slice(1).map((base, index) => base - bases[index]!))
  assert.ok(steps.size > 990, `${steps.size} different steps`)
})
