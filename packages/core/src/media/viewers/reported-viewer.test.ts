// Discord clients over UDP on emulated links: what their reports tell keeps the video within the link, and never ends it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReportedViewer } from '../../testing/link/reported-viewer.ts'
import { aimedLink, CALL, CAMERA, MEGABIT, runReported } from '../../testing/link/viewer-scenarios.ts'

for (const loss of [0, 0.1])
  test(`receiver reports keep video within a link that loses ${100 * loss} %`, () => {
    for (const megabits of [0.3, 1, 5])
      for (const sources of [CAMERA, CALL]) {
        const link = aimedLink(megabits * MEGABIT, loss)
        const runs = [1, 2, 3].map(seed => runReported({ seed, link, sources }, 60))
        const mean = (key: 'dropped' | 'used') => runs.reduce((sum, each) => sum + each[key], 0) / runs.length
        const where = `${megabits} Mbit/s, ${sources.length} sources: ${JSON.stringify(runs)}`
        assert.ok(mean('dropped') < 0.08, where)
        assert.ok(mean('used') > 0.12, where)
      }
  })

test('a client that estimates its bandwidth itself is sent no more than that', () => {
  for (const seed of [1, 2, 3]) {
    const { dropped, used } = runReported({ seed, link: aimedLink(MEGABIT, 0.1), sources: CALL, remb: 0.95 }, 60)
    assert.ok(dropped === 0 && used > 0.7, `seed ${seed}: ${dropped}, ${used}`)
  }
})

test('video that a client’s link could not carry returns, although a client without video reports nothing', () => {
  for (const seed of [1, 2, 3]) {
    const viewer = new ReportedViewer({ seed, link: aimedLink(0.1 * MEGABIT, 0, MEGABIT), sources: CAMERA })
    viewer.time.run(30_000)
    viewer.setRate(MEGABIT)
    let arrived = viewer.arrivedBytes
    viewer.time.run(60_000)
    arrived = viewer.arrivedBytes - arrived
    assert.ok(arrived * 8 > 60_000 * 30, `seed ${seed}: ${arrived}`)
    assert.ok(viewer.bitrate > 0, `seed ${seed}`)
  }
})
