import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

/** Actions that end when the test says so. */
function scene(limits = { concurrent: 2, backlog: 3, wait: 100 }) {
  const clock = { now: 0 }
  const turns = new Turns(limits, () => clock.now)
  const started: number[] = []
  const ends: ((fails?: boolean) => void)[] = []
  const run = (id: number) =>
    turns.run(() => {
      started.push(id)
      return new Promise<number>((resolve, reject) => {
        ends[id] = fails => (fails ? reject(new Error('failed')) : resolve(id))
      })
    })
  return { clock, started, ends, run }
}
const settled = () => new Promise(resolve => setImmediate(resolve))

test('turns run in order, as many at once as the limit, also after one that failed', async () => {
  const { started, ends, run } = scene()
  const results = Promise.allSettled([run(0), run(1), run(2), run(3)])
  await settled()
  assert.deepEqual(started, [0, 1])
  ends[1]!(true)
  await settled()
  assert.deepEqual(started, [0, 1, 2])
  ends[0]!()
  await settled()
  ends[2]!()
  ends[3]!()
  assert.deepEqual(
    (await results).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
})

test('a turn beyond the backlog is rejected at once, one that waited too long when another ends', async () => {
  const { clock, started, ends, run } = scene({ concurrent: 1, backlog: 2, wait: 100 })
  const first = run(0)
  const late = assert.rejects(run(1), /too slow/)
  clock.now = 50
  const inTime = run(2)
  await assert.rejects(run(3), /too many/)
  clock.now = 120
  ends[0]!()
  await Promise.all([first, late])
  await settled()
  assert.deepEqual(started, [0, 2])
  ends[2]!()
  assert.equal(await inTime, 2)
})
