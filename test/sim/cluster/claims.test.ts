// Claims of a front that it gave up, and copies that are older than what another front has placed: no call moves or ends for them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../../packages/core/src/limits.ts'
import { ClusterSim, GUILD } from './cluster-sim.ts'
import type { SimFront } from './sim-front.ts'
import type { SimNode } from './sim-node.ts'

const KEY = { tenant: 'main', channelId: '500' }
const USER = { channel_id: '500', guild_id: GUILD, user_id: '1' }

/** By when a front has replaced a claim that was not opened: it connects to the nodes, and waits. */
const CLAIM_SETTLES = 2 * LIMITS.clusterClaimGrace

const holders = ({ nodes }: ClusterSim): SimNode[] => nodes.filter(node => node.contents.has('500'))
/** Ids: two nodes are too large to compare. */
const places = (sim: ClusterSim) => holders(sim).map(({ id }) => id)
const registered = ({ coordinator }: ClusterSim) => coordinator.placementOf(KEY)?.record

/** The node was away from the coordinator for so long that it looks up its placements. */
function reachAgain(sim: ClusterSim, node: SimNode): void {
  sim.coordinator.isSlow = false
  sim.setCutOff(node, true)
  sim.advance(5_000)
  sim.setCutOff(node, false)
  sim.advance(5_000)
}

for (const isSlow of [true, false])
  test(`a node restarts while its channel is placed elsewhere, ${isSlow ? 'slowly' : 'at once'}: the claim ends nothing later`, () => {
    const sim = new ClusterSim(7, 3)
    const [front] = sim.fronts
    sim.backend.info(3, USER)
    sim.advance(1_000)
    const [node] = holders(sim)
    const to = sim.nodes.find(each => each !== node)!
    sim.coordinator.isSlow = isSlow
    assert.equal(front!.front.moveChannel('main', '500', to.id), 'moving')
    sim.kill(node!)
    node!.restart()
    front!.announced(node!.record)
    sim.advance(8_000)
    assert.deepEqual(places(sim), [node!.id])
    reachAgain(sim, node!)
    assert.deepEqual([...(node!.contents.get('500')?.keys() ?? [])], ['1'], 'the call goes on')
    assert.ok(node!.epochs.get('500')! >= registered(sim)!.epoch)
  })

test('a slow coordinator writes a claim that its front gave up for the placement of another front: the call goes on', () => {
  const sim = new ClusterSim(7, 3, 2)
  const [first, second] = sim.fronts
  sim.backend.connect(second!)
  sim.advance(500)
  sim.coordinator.isSlow = true
  first!.setCutOff(true)
  // The first front opens the channel before the second one has waited long enough for the coordinator.
  first!.send(3, USER)
  sim.advance(100)
  second!.send(0, { channel_id: '500', guild_id: GUILD })
  sim.advance(450)
  const [node] = holders(sim)
  sim.advance(1_900)
  assert.notEqual(registered(sim)!.node, node!.id, 'the claim of the second front is written')
  assert.deepEqual(places(sim), [node!.id])
  reachAgain(sim, node!)
  assert.deepEqual([...(node!.contents.get('500')?.keys() ?? [])], ['1'], 'the call goes on')
})

test('a front that was stalled opens no copy that is older than what another front has placed since', () => {
  const sim = new ClusterSim(7, 3, 2)
  const [first, second] = sim.fronts
  sim.backend.info(3, USER)
  sim.advance(1_000)
  const [node] = holders(sim)
  sim.backend.connect(second!)
  sim.advance(500)
  first!.setStopped(true)
  for (const link of first!.links) if (link.node !== node) link.setCut('both')
  sim.kill(node!)
  sim.advance(1_000)
  assert.notEqual(registered(sim)!.node, node!.id, 'the second front has placed it elsewhere')
  second!.kill()
  sim.backend.lost(second!)
  node!.restart()
  sim.announce(node!)
  sim.advance(1_000)
  first!.setStopped(false)
  let opened = 0
  for (let step = 0; step < 100; step++) {
    sim.advance(50)
    const epoch = node!.epochs.get('500')
    if (epoch === undefined) continue
    opened++
    assert.ok(epoch >= registered(sim)!.epoch, 'a copy that is older than its placement')
  }
  assert.ok(opened > 0, 'the front opens the channel')
})

test('a front whose clock is hours late places later than another one, whose channel it does not know', () => {
  const sim = new ClusterSim(7, 3, 2)
  const [first, second] = sim.fronts
  first!.clockOffset = 36_000_000
  for (const link of second!.links) link.setCut('toFront')
  sim.backend.info(3, USER)
  sim.advance(2_000)
  const [early] = holders(sim)
  for (const link of second!.links) if (link.node !== early) link.setCut(undefined)
  // The placement is lost, too: only the heartbeats of the nodes say that there are later epochs.
  sim.coordinator.clear()
  first!.kill()
  sim.backend.lost(first!)
  sim.backend.connect(second!)
  sim.backend.info(3, { ...USER, user_id: '2' })
  sim.advance(2_000)
  const late = holders(sim).find(node => node !== early)!
  assert.ok(late.epochs.get('500')! > early!.epochs.get('500')!)
  for (const link of second!.links) link.setCut(undefined)
  sim.advance(20_000)
  assert.deepEqual(places(sim), [late.id], 'the placement of the second front is later')
  assert.deepEqual([...late.contents.get('500')!.keys()], ['2'])
})

/** A front moves the channel, and ends when its claim is written: before it opens the channel on the other node. */
function claimAndKill(sim: ClusterSim, front: SimFront): SimNode {
  const [node] = holders(sim)
  assert.equal(front.front.moveChannel('main', '500'), 'moving')
  for (let step = 0; registered(sim)!.node === node!.id && step < 100; step++) sim.advance(1)
  assert.notEqual(registered(sim)!.node, node!.id, 'the claim is written')
  front.kill()
  sim.backend.lost(front)
  return node!
}

/** The call was not moved, and a return of its node from a gap does not end it. */
function checkCallStays(sim: ClusterSim, node: SimNode): void {
  assert.deepEqual(places(sim), [node.id], 'the channel was not opened elsewhere')
  reachAgain(sim, node)
  assert.deepEqual([...(node.contents.get('500')?.keys() ?? [])], ['1'], 'the call goes on')
  assert.equal(registered(sim)!.node, node.id)
}

test('a front ends between the writing of a claim and its opening, and starts again: the call goes on', () => {
  const sim = new ClusterSim(7, 3)
  const [front] = sim.fronts
  sim.backend.info(3, USER)
  sim.advance(1_000)
  const node = claimAndKill(sim, front!)
  front!.restart()
  sim.backend.connect(front!)
  sim.advance(CLAIM_SETTLES)
  checkCallStays(sim, node)
})

test('a front ends between the writing of a claim and its opening, and another one takes over: the call goes on', () => {
  const sim = new ClusterSim(7, 3, 2)
  const [first, second] = sim.fronts
  // The second front acted before, and has compared the placement then.
  sim.backend.connect(second!)
  sim.backend.info(3, USER)
  sim.advance(1_000)
  sim.backend.disconnect(second!)
  sim.advance(1_000)
  const node = claimAndKill(sim, first!)
  sim.backend.connect(second!)
  sim.advance(CLAIM_SETTLES)
  checkCallStays(sim, node)
})

test('a claim on a node that ended before it was opened: the call goes on', () => {
  const sim = new ClusterSim(7, 3)
  const [front] = sim.fronts
  sim.backend.info(3, USER)
  sim.advance(1_000)
  const node = claimAndKill(sim, front!)
  sim.kill(sim.nodes.find(({ id }) => id === registered(sim)!.node)!)
  front!.restart()
  sim.backend.connect(front!)
  sim.advance(CLAIM_SETTLES)
  checkCallStays(sim, node)
})

test('a claim on a node that this front does not reach stays: the node may have opened the channel', () => {
  const sim = new ClusterSim(7, 3)
  const [front] = sim.fronts
  sim.backend.info(3, USER)
  sim.advance(1_000)
  const node = claimAndKill(sim, front!)
  const { epoch, node: claimed } = registered(sim)!
  front!.restart()
  front!.links.find(link => link.node.id === claimed)!.setCut('both')
  sim.backend.connect(front!)
  sim.advance(CLAIM_SETTLES)
  assert.deepEqual(registered(sim), { schema: 1, node: claimed, epoch })
  front!.links.find(link => link.node.id === claimed)!.setCut(undefined)
  sim.advance(CLAIM_SETTLES)
  checkCallStays(sim, node)
})
