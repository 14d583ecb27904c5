// The fencing numbers of one tenant, which another one, a node or a clock may try to push.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROTOCOL_LIMITS } from '@parley/protocol'
import { FrontBench } from '../../testing/front-bench.ts'
import { nodeRecord } from '../../testing/node-record.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
/** The clock of the front. */
const BEGIN = 1_000_000

const epochsOf = ({ requests }: FrontBench) =>
  requests.flatMap(({ request }) => (request.kind === 'channel' ? [request.epoch] : []))

test('a mirrored epoch that no front can have used is ignored', () => {
  const bench = new FrontBench()
  const backend = bench.backend()
  bench.mirrored('n1', 'main', { epoch: Number.MAX_SAFE_INTEGER })
  assert.deepEqual(bench.front.inspect().channels, [])
  backend.info(0, { ...CHANNEL, channel_id: '501' })
  assert.deepEqual(epochsOf(bench), [BEGIN])
})

test('the epochs of a tenant, mirrored or reported by nodes, are not those of another one', () => {
  const bench = new FrontBench(['main', 'other'])
  const other = bench.backend('other')
  const main = bench.backend('main')
  bench.mirrored('n1', 'other', { epoch: PROTOCOL_LIMITS.clusterEpoch - 1 })
  const { id, boot } = nodeRecord('n1')
  const report = { schema: 1, id, boot, load: 0.1, sessions: 0, channels: 0 }
  bench.front.loadReported({ ...report, epochs: { other: BEGIN + 500, main: BEGIN + 50, stranger: BEGIN } }, bench.now)
  main.info(0, CHANNEL)
  other.info(0, { ...CHANNEL, channel_id: '501' })
  assert.deepEqual(
    bench.requests.map(({ tenant, request }) => [tenant, request.kind === 'channel' && request.epoch]),
    [
      ['main', BEGIN + 51],
      ['other', PROTOCOL_LIMITS.clusterEpoch],
    ],
  )
})

test('a tenant whose epochs are at the highest one goes on with it', () => {
  const bench = new FrontBench()
  const backend = bench.backend()
  bench.mirrored('n1', 'main', { epoch: PROTOCOL_LIMITS.clusterEpoch })
  assert.equal(bench.front.moveChannel('main', '500', 'n2'), 'moving')
  bench.settle()
  backend.info(0, { ...CHANNEL, channel_id: '501' })
  assert.deepEqual(epochsOf(bench), [PROTOCOL_LIMITS.clusterEpoch, PROTOCOL_LIMITS.clusterEpoch])
  assert.deepEqual(
    bench.front.inspect().channels.map(({ node, stage }) => [node, stage]),
    [
      ['n2', 'open'],
      ['n1', 'open'],
    ],
  )
  assert.deepEqual(backend.infos(17), [])
})
