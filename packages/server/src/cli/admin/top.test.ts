// How `parley top` fits on a terminal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitted } from './top.ts'

test('a view that is too large is cut to the terminal, and says how much is missing', () => {
  const lines = Array.from({ length: 40 }, (_, index) => `${index} `.padEnd(117, 'x'))
  const shown = fitted(lines, { rows: 24, columns: 80 })
  assert.equal(shown.length, 23)
  assert.ok(shown.every(line => line.length <= 80))
  assert.equal(shown.at(-1), '… 18 more')
  assert.ok(shown.at(-2)!.startsWith('21 '))
})

test('a view that fits is shown as it is', () => {
  const lines = ['a'.repeat(117), 'b']
  assert.deepEqual(fitted(lines, { rows: 3, columns: 117 }), lines)
  assert.deepEqual(fitted(['a', 'b'], {}), ['a', 'b'])
})
