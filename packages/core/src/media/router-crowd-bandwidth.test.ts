// A call of 25 on the real router, with viewers on weak and fast links that lose one packet in ten; the bench runs it for longer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCrowd } from '../testing/link/crowd-call.ts'
import { MEGABIT } from '../testing/link/viewer-scenarios.ts'

test('in a call of 25 each viewer is sent what its link carries, and no packet of audio is lost to video', () => {
  const [weak, strong] = runCrowd([0.3 * MEGABIT, 5 * MEGABIT], 0.1, 2)
  const text = JSON.stringify([weak, strong])
  assert.ok(weak!.media > 0.3 && weak!.media < 0.9, text)
  assert.ok(strong!.media > 0.5 && strong!.media < 0.9, text)
  for (const { audioSent, audioDropped, dropped } of [weak!, strong!]) {
    assert.ok(audioSent >= 95, text)
    assert.deepEqual([audioDropped, dropped], [0, 0], text)
  }
})
