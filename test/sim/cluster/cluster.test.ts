// A cluster on the virtual clock: what seeded disturbances leave behind, and single failures with their times.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeeds } from './chaos-run.ts'
import { ClusterSim, GUILD } from './cluster-sim.ts'
import type { SimNode } from './sim-node.ts'

/** More seeds and more kinds of trouble: `test/e2e/cluster-seeds.test.ts`. */
const SEEDS = Array.from({ length: 40 }, (_, index) => 1 + index)
/** Each showed a fault that few others did: a command of an earlier channel, an older copy, an end that its own front missed. */
const ONCE_FAILED = [1_200, 1_553, 5_270, 5_701, 5_705]

for (const fronts of [1, 2])
  test(`${fronts} fronts: after random disturbances every channel is on one node, and the backend's view is that of the nodes`, () => {
    runSeeds([...SEEDS, ...ONCE_FAILED], { fronts, steps: 60, troubles: 'failures' })
  })

for (const fronts of [1, 2])
  test(`${fronts} fronts: nodes that have no room for channels or users leave nothing behind`, () => {
    runSeeds(SEEDS, { fronts, steps: 60, troubles: 'bounds' })
  })

test('a killed node: its channels are on another one within 200 ms', () => {
  const sim = new ClusterSim(7, 2)
  for (let index = 0; index < 20; index++)
    sim.backend.info(3, { channel_id: String(500 + index), guild_id: String(index + 1), user_id: '7' })
  sim.advance(500)
  const [first, second] = sim.nodes
  const onFirst = first!.contents.size
  assert.ok(onFirst > 0, 'channels on the first node')
  sim.kill(first!)
  sim.advance(200)
  assert.equal(second!.contents.size, 20)
  assert.equal([...sim.backend.granted.values()].filter(({ endpoint }) => endpoint === 'n2').length, 20)
})

test('a channel that lost its node opens on another one that answered too late at first', () => {
  const { sim, first, second } = twenty(7)
  const link = sim.fronts[0]!.links.find(({ node }) => node === second)!
  link.setCut('both')
  sim.kill(first)
  sim.advance(3_000)
  assert.ok(sim.fronts[0]!.front.inspect().channels.some(({ stage }) => stage === 'stranded'))
  link.setCut(undefined)
  sim.advance(2_000)
  assert.equal(second.contents.size, 20)
  assert.equal([...sim.backend.granted.values()].filter(({ endpoint }) => endpoint === 'n2').length, 20)
})

test('a draining node is left one channel at a time, ten a second', () => {
  const sim = new ClusterSim(9, 2)
  for (let index = 0; index < 20; index++)
    sim.backend.info(3, { channel_id: String(500 + index), guild_id: String(index + 1), user_id: '7' })
  sim.advance(500)
  const [first] = sim.nodes
  const before = first!.contents.size
  first!.isDraining = true
  sim.announce(first!)
  sim.advance(520)
  const left = before - first!.contents.size
  assert.ok(left >= 3 && left <= 6, `${left} channels have left after half a second`)
  sim.advance(3_000)
  assert.equal(first!.contents.size, 0)
})

test('without a node that accepts channels a command is refused as unavailable', () => {
  const sim = new ClusterSim(3, 1)
  sim.kill(sim.nodes[0]!)
  sim.advance(100)
  sim.backend.info(3, { channel_id: '500', guild_id: GUILD, user_id: '7' })
  sim.advance(100)
  assert.deepEqual(
    sim.backend.failures.map(({ code, in_reply_to }) => [code, in_reply_to.type]),
    [[10, 3]],
  )
})

test('channels of a draining node go where there is memory for them, and stay where there is none', () => {
  const { sim, first, second } = twenty(7, 3)
  const third = sim.nodes[2]!
  const before = first.contents.size
  for (const node of [second, third]) {
    const usage = node.bench.usage('main')
    usage.limits = { ...usage.limits, maxMemory: usage.used }
  }
  first.isDraining = true
  sim.announce(first)
  sim.advance(5_000)
  assert.deepEqual([first.contents.size, sim.backend.failures], [before, []])
  const { limits } = third.bench.usage('main')
  third.bench.usage('main').limits = { ...limits, maxMemory: 1e9 }
  first.isDraining = false
  sim.announce(first)
  sim.advance(1_000)
  first.isDraining = true
  sim.announce(first)
  sim.advance(5_000)
  assert.equal(first.contents.size, 0)
  const users = sim.nodes.reduce(
    (sum, { contents }) => sum + [...contents.values()].flatMap(each => [...each]).length,
    0,
  )
  assert.deepEqual([users, sim.backend.failures], [20, []])
})

test('a draining node: a node with too few places for the users of a channel is passed over', () => {
  const sim = new ClusterSim(7, 3)
  const [first, second, third] = sim.nodes
  for (const user_id of ['1', '2', '3']) sim.backend.info(3, { channel_id: '500', guild_id: GUILD, user_id })
  sim.advance(1_000)
  const [node] = sim.nodes.filter(({ contents }) => contents.size > 0)
  const others = [first!, second!, third!].filter(each => each !== node)
  // The one that the front would choose.
  const chosen = others[0]!
  const usage = chosen.bench.usage('main')
  usage.limits = { ...usage.limits, maxVoiceStates: 1 }
  node!.isDraining = true
  sim.announce(node!)
  sim.advance(5_000)
  const at = sim.nodes.flatMap(({ id, contents }) => [...contents.values()].map(users => `${id} ${users.size}`))
  assert.deepEqual([at, sim.backend.failures], [[`${others[1]!.id} 3`], []])
})

/** Twenty channels with a user each, over two nodes. */
function twenty(seed: number, nodes = 2): { sim: ClusterSim; first: SimNode; second: SimNode } {
  const sim = new ClusterSim(seed, nodes)
  for (let index = 0; index < 20; index++)
    sim.backend.info(3, { channel_id: String(500 + index), guild_id: String(index + 1), user_id: '7' })
  sim.advance(500)
  const [first, second] = sim.nodes
  assert.ok(first!.contents.size > 0 && second!.contents.size > 0, 'channels on both nodes')
  return { sim, first: first!, second: second! }
}

test('a node that was cut off ends what was placed elsewhere since, without any front', () => {
  const { sim, first, second } = twenty(7)
  first.condition = 'cut'
  sim.advance(8_000)
  assert.equal(second.contents.size, 20)
  assert.ok(first.contents.size > 0, 'it serves its clients while it is cut off')
  sim.fronts[0]!.kill()
  sim.resume(first)
  sim.advance(2_500)
  assert.equal(first.contents.size, 0)
})

test('a node ends nothing because NATS is unreachable, was emptied or rolled back', () => {
  const { sim, first, second } = twenty(11)
  const before = [first.contents.size, second.contents.size]
  sim.coordinator.save()
  for (const change of [() => {}, () => sim.coordinator.clear(), () => sim.coordinator.rollBack()]) {
    sim.setAvailable(false)

    sim.advance(600_000)
    change()
    sim.setAvailable(true)
    sim.advance(10_000)
    assert.deepEqual([first.contents.size, second.contents.size], before)
  }
})

test('placements that NATS has lost are written again within seconds, from what the nodes have', () => {
  const { sim } = twenty(13)
  const records = () => sim.coordinator.records.sort()
  sim.coordinator.save()
  sim.backend.info(3, { channel_id: '900', guild_id: '900', user_id: '7' })
  sim.advance(500)
  const before = records()
  assert.equal(before.length, 21)
  for (const lose of [() => sim.coordinator.clear(), () => sim.coordinator.rollBack()]) {
    sim.setAvailable(false)
    sim.advance(120_000)
    lose()
    sim.setAvailable(true)
    sim.advance(2_000)
    assert.deepEqual(records(), before)
  }
  sim.setAvailable(false)
  sim.coordinator.clear()
  sim.fronts[0]!.kill()
  sim.backend.lost(sim.fronts[0]!)
  sim.setAvailable(true)
  sim.fronts[0]!.restart()
  sim.advance(5_000)
  assert.deepEqual(records(), before, 'by a front that learned of the channels from the nodes')
})

test('placements that NATS loses while it is there are written again at the next placement', () => {
  const { sim } = twenty(17)
  sim.coordinator.save()
  sim.advance(1_000)
  for (const channel_id of ['900', '901']) sim.backend.info(3, { channel_id, guild_id: channel_id, user_id: '7' })
  sim.advance(1_000)
  sim.coordinator.rollBack()
  sim.backend.info(3, { channel_id: '902', guild_id: '902', user_id: '7' })
  sim.advance(2_000)
  assert.equal(sim.coordinator.records.length, 23)
})

test('STATS of a front counts the channels of all nodes, and what they send', () => {
  const { sim } = twenty(5)
  sim.advance(1_500)
  sim.backend.info(23, {})
  sim.advance(200)
  const { views: _, ...stats } = sim.backend.stats
  assert.deepEqual(stats, { channels: 20, sessions: 0, egress_bps: 2_000_000, health: 0.9 })
})

test('channels that lost every node are open again when a front reaches nodes again', () => {
  const { sim, first, second } = twenty(13)
  const [front] = sim.fronts
  front!.setCutOff(true)
  for (const link of front!.links) link.setCut('both')
  sim.advance(30_000)
  const stages = () => new Set(front!.front.inspect().channels.map(({ stage }) => stage))
  assert.deepEqual(stages(), new Set(['stranded']))
  // NATS first: the nodes are alive before they can be asked.
  front!.setCutOff(false)
  sim.advance(10_000)
  for (const link of front!.links) link.setCut(undefined)
  // An attempt to connect that began before takes up to 20 s to fail.
  sim.advance(25_000)
  assert.deepEqual(stages(), new Set(['open']))
  assert.equal(first.contents.size + second.contents.size, 20)
})
