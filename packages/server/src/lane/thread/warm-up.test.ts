// The warm-up opens, routes and seals packets. Without this test a change could make it run without an effect.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Native } from '../engine/native-calls.ts'
import { WarmUp } from './warm-up.ts'

const loaded = await Native.load()

test('the warm-up forwards every packet to every listener and ends', {
  skip: !loaded.ok && loaded.reason,
}, t => {
  assert.ok(loaded.ok)
  const warmUp = new WarmUp(loaded.value)
  let steps = 1
  while (warmUp.step()) steps++
  // Receiver reports come in addition.
  assert.ok(warmUp.forwarded >= steps * (6 * 24 + 42))
  assert.ok(steps >= 100)
  const { copiesPerSecond = 0 } = warmUp
  // Wide enough for any machine.
  assert.ok(copiesPerSecond > 5_000 && copiesPerSecond < 50_000_000, String(copiesPerSecond))
  t.diagnostic(`${copiesPerSecond} copies a second`)
})
