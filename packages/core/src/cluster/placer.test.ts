// A coordinator that refuses every change: the front does not ask without end, and the channel does not wait.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { FrontBench, placed } from '../testing/front-bench.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }

for (const [answers, outcome] of Object.entries({
  'that the placement was removed': () => ({ kind: 'taken', placed: undefined }) as const,
  'with an older placement': () =>
    ({ kind: 'taken', placed: { record: { schema: 1, node: 'n2', epoch: 1 }, revision: 1 } }) as const,
}))
  test(`a coordinator that answers each change ${answers}: the channel opens without it`, () => {
    const bench = new FrontBench()
    const backend = bench.backend()
    bench.coordinate = outcome
    backend.info(0, CHANNEL)
    assert.equal(backend.infos(1).length, 1)
    assert.ok(bench.changes.length <= 3 * LIMITS.clusterConflicts, `${bench.changes.length} changes`)
  })

test('a placement that cannot be read is replaced at once', () => {
  const bench = new FrontBench()
  const backend = bench.backend()
  const junk = { record: { schema: 1, node: '', epoch: 0 }, revision: 7 }
  bench.coordinate = ({ record, revision }) =>
    revision === junk.revision ? placed(record, 8) : { kind: 'taken', placed: junk }
  backend.info(0, CHANNEL)
  assert.equal(backend.infos(1).length, 1)
  assert.deepEqual(
    bench.changes.map(({ revision }) => revision),
    [undefined, junk.revision],
  )
})

test('a placement that only a later version can read: the channel opens, and nothing is written', () => {
  const bench = new FrontBench()
  const backend = bench.backend()
  bench.coordinate = () => ({ kind: 'unavailable' })
  backend.info(0, CHANNEL)
  bench.advance(60_000)
  assert.equal(backend.infos(1).length, 1)
  assert.ok(bench.changes.length <= 2, `${bench.changes.length} changes`)
})
