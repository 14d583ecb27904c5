import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapStatistics } from 'node:v8'
import { defaultBackendMemory } from './backend-memory.ts'

test('the backends together may occupy half of the memory that the process can have', () => {
  const one = defaultBackendMemory(1)
  assert.ok(one > 64 * 1024 * 1024, `${one} bytes`)
  assert.ok(one <= getHeapStatistics().heap_size_limit / 2)
  for (const backends of [2, 10]) {
    const each = defaultBackendMemory(backends)
    assert.ok(each * backends <= one && each * backends > one - backends)
  }
})
