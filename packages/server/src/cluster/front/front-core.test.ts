// The core of a front's process drives two cores: a fault of one is not one of the other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Front, VoiceNode } from '@parley/core'
import { coreOf } from './front-core.ts'

test('the gateway is ticked although the front throws', () => {
  const ticks: number[] = []
  const front = {
    tick: () => {
      throw new Error('a fault')
    },
  } as unknown as Front
  const gateway = { tick: (now: number) => void ticks.push(now) } as unknown as VoiceNode
  assert.throws(() => coreOf(front, gateway).tick(7), /a fault/)
  assert.deepEqual(ticks, [7])
})
