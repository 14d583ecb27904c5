import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AllocatedViewer } from '../../testing/link/allocated-viewer.ts'
import type { LinkOptions } from '../../testing/link/link-emulator.ts'

const MEGABIT = 1_000_000
const START = 1_000
const LAYERS = [150_000, 500_000, 1_700_000]
const linkOf = (rate: number, loss = 0): LinkOptions => ({ rate, delay: 50, queue: 150_000, loss })
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1)

/** Milliseconds until `isRight`, after the rate of the link changed; Infinity after ten seconds. */
function respond(viewer: AllocatedViewer, rate: number, isRight: () => boolean): number {
  const start = viewer.time.now
  viewer.viewer.link.setRate(rate, start)
  while (viewer.time.now < start + 10_000) {
    viewer.time.run(viewer.time.now + 20)
    if (isRight()) return viewer.time.now - start
  }
  return Infinity
}

const middle = (times: number[]) => times.sort((one, other) => one - other)[times.length >> 1]!

test('a lower layer is sent within half a second after the link fell', () => {
  const times = SEEDS.map(seed => {
    const viewer = new AllocatedViewer({ seed, link: linkOf(4 * MEGABIT), sources: [LAYERS] })
    viewer.time.run(START + 6_000)
    assert.deepEqual(viewer.layers, [2], `seed ${seed}`)
    return respond(viewer, MEGABIT, () => viewer.bitrate <= MEGABIT)
  })
  assert.ok(middle(times) <= 500 && times.at(-1)! <= 1_500, times.join())
})

test('the best layer is sent again within seconds after the link recovered', () => {
  const times = SEEDS.map(seed => {
    const viewer = new AllocatedViewer({ seed, link: linkOf(MEGABIT), sources: [LAYERS] })
    viewer.time.run(START + 6_000)
    assert.deepEqual(viewer.layers, [1], `seed ${seed}`)
    return respond(viewer, 4 * MEGABIT, () => viewer.layers[0] === 2)
  })
  assert.ok(middle(times) <= 4_000 && times.at(-1)! <= 8_000, times.join())
})

test('a narrow link carries the lowest layers of as many cameras as fit', () => {
  const sources = Array.from({ length: 24 }, () => [100_000, 600_000])
  for (const seed of SEEDS.slice(0, 5)) {
    const viewer = new AllocatedViewer({ seed, link: linkOf(MEGABIT), sources })
    viewer.time.run(START + 8_000)
    const cameras = viewer.layers.filter(layer => layer >= 0).length
    assert.ok(cameras >= 5 && cameras <= 10, `seed ${seed}: ${viewer.layers}`)
  }
})

test('video that an outage has paused returns once the link carries it', () => {
  const sources = Array.from({ length: 24 }, () => [150_000, 600_000])
  const times: number[] = []
  for (const seed of SEEDS) {
    const viewer = new AllocatedViewer({
      seed,
      link: { ...linkOf(MEGABIT, 0.1), queue: 20_000 },
      feedbackLoss: 0.1,
      sources,
    })
    viewer.time.run(START + 6_000)
    viewer.viewer.link.setRate(60_000, viewer.time.now)
    viewer.time.run(START + 20_000)
    assert.ok(viewer.bitrate <= 150_000, `seed ${seed}: ${viewer.layers}`)
    times.push(respond(viewer, MEGABIT, () => viewer.bitrate >= 450_000))
  }
  assert.ok(middle(times) <= 2_000 && times.at(-1)! <= 5_000, times.join())
})
