// What the cluster does for itself while NATS stays away: nodes that return serve again, with all channels.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterSim, GUILD } from './cluster-sim.ts'

const CHANNELS = 10

/** Ten channels with a user each; then NATS is unreachable for as long as the test takes. */
function withoutNats(nodes: number) {
  const sim = new ClusterSim(7, nodes)
  for (let index = 0; index < CHANNELS; index++)
    sim.backend.info(3, { channel_id: String(500 + index), guild_id: String(index + 1), user_id: '7' })
  sim.advance(1_000)
  sim.setAvailable(false)
  sim.advance(10_000)
  const [front] = sim.fronts
  return { sim, front: front!.front, node: sim.nodes[0]! }
}

const contents = ({ nodes }: ClusterSim) => nodes.flatMap(node => [...node.contents.keys()]).sort()
const IDS = Array.from({ length: CHANNELS }, (_, index) => String(500 + index)).sort()

for (const count of [1, 3])
  for (const away of [2, 1_000, 20_000])
    test(`of ${count} nodes one is restarted within ${away} ms: it serves again, and no channel is lost`, () => {
      const { sim, front, node } = withoutNats(count)
      sim.kill(node)
      sim.advance(away)
      node.restart()
      sim.advance(10_000)
      assert.deepEqual(contents(sim), IDS)
      assert.ok(front.inspect().nodes.every(({ state }) => state === 'alive'))
      assert.ok(front.health > 0)
      sim.backend.info(3, { channel_id: '900', guild_id: GUILD, user_id: '8' })
      sim.advance(1_000)
      assert.deepEqual([contents(sim).length, sim.backend.failures], [CHANNELS + 1, []])
    })

test('a node that cannot be reached for seconds serves again, with its channels', () => {
  const { sim, front, node } = withoutNats(1)
  node.condition = 'cut'
  sim.advance(20_000)
  assert.equal(front.health, 0)
  sim.resume(node)
  sim.advance(20_000)
  assert.ok(front.health > 0)
  assert.deepEqual(contents(sim), IDS)
  assert.deepEqual(
    front.inspect().channels.map(({ stage }) => stage),
    IDS.map(() => 'open'),
  )
})
