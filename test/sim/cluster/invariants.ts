// What has to hold of a simulated cluster: after each step, after everything works again, and after the backend has ended everything.
import assert from 'node:assert/strict'
import { CHANNELS, type Chaos, type Troubles, USERS } from './chaos.ts'
import type { ClusterSim } from './cluster-sim.ts'

/** By when a node that has returned to the cluster has ended what was placed elsewhere while it was away. */
const FENCED = 5_000

/** After each step, whatever fails at the moment. That no event is sent twice, `SimBackend` checks itself. */
export function checkAlways(sim: ClusterSim): void {
  const { nodes, fronts } = sim
  checkFencing(sim)
  const copies = new Set<string>()
  for (const { id, contents, epochs } of nodes) {
    const users = [...contents.values()].flatMap(each => [...each.keys()])
    assert.equal(new Set(users).size, users.length, `${id}: a user is in two channels of a guild`)
    for (const [channelId, epoch] of epochs) {
      // Two fronts without the coordinator may choose the same number; one front never does.
      assert.ok(fronts.length > 1 || !copies.has(`${channelId} ${epoch}`), `${channelId}: two copies of epoch ${epoch}`)
      copies.add(`${channelId} ${epoch}`)
    }
  }
  for (const { id, isUp, front } of fronts) {
    if (!isUp) continue
    const { channels, backends } = front.inspect()
    assert.ok(channels.length <= CHANNELS.length, `${id} has ${channels.length} channels`)
    assert.ok(backends[0]!.voiceStates <= CHANNELS.length * USERS.length, `${id} has too many voice states`)
  }
}

/** This needs no front. */
function checkFencing({ nodes, coordinator, now }: ClusterSim): void {
  for (const node of nodes) {
    for (const [channelId, epoch] of node.epochs) {
      const since = node.heldSince(channelId, epoch)
      const placed = coordinator.placementOf({ tenant: 'main', channelId })
      if (placed === undefined || placed.at < since || placed.at > node.confirmedSince) continue
      if (node.condition !== 'up' || !node.hasReached(FENCED, now)) continue
      const { node: owner, epoch: latest } = placed.record
      assert.ok(owner === node.id || latest <= epoch, `${node.id} still forwards ${channelId}, which is on ${owner}`)
    }
  }
}

/** After everything works again. */
export function checkRecovered({ sim, wanted, troubles }: Chaos): void {
  const { granted, connected } = sim.backend
  const expected = new Map([...wanted].map(([channelId, users]) => [channelId, [...users].sort()]))
  const found = new Map<string, string[]>()
  const places = new Map<string, string>()
  for (const node of sim.nodes)
    for (const [channelId, users] of node.contents) {
      assert.ok(!found.has(channelId), `channel ${channelId} is on two nodes`)
      found.set(channelId, [...users.keys()].sort())
      places.set(channelId, `${node.id} ${users.size}`)
      for (const [userId, token] of users) {
        const grant = granted.get(`${channelId}/${userId}`)
        assert.deepEqual([grant?.endpoint, grant?.token], [node.id, token], `the grant of ${userId} in ${channelId}`)
      }
    }
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(expected))
  const present = sim.nodes.flatMap(node => node.connected)
  const users = [...found].flatMap(([channelId, ids]) => ids.map(id => `${channelId}/${id}`))
  assert.deepEqual(users.filter(user => connected.get(user) === true).sort(), present.sort(), 'connected users')
  checkKnowledge(sim, places, troubles)
}

/** What the fronts and the coordinator have. `places`: node and number of users, by channel. */
function checkKnowledge({ fronts, coordinator }: ClusterSim, places: ReadonlyMap<string, string>, troubles: Troubles) {
  for (const { id, front } of fronts) {
    const { channels, backends } = front.inspect()
    const known = new Map(channels.map(({ channelId, node, users }) => [channelId, `${node} ${users}`]))
    // A front that was stalled while a channel ended, and its node was restarted, learns of that only when it acts.
    const isExact = troubles === 'failures' || backends[0]!.acts
    if (!isExact) for (const channelId of known.keys()) if (!places.has(channelId)) known.delete(channelId)
    const open = channels.filter(({ channelId }) => known.has(channelId)).every(({ stage }) => stage === 'open')
    assert.ok(open, `${id}: every channel is open`)
    assert.deepEqual(Object.fromEntries(known), Object.fromEntries(places), `${id} knows where each channel is`)
  }
  // What a slow coordinator did not take in time is written when a front connects to it again.
  if (troubles === 'networks') return
  const registered = new Map(coordinator.records.map(([name, node]) => [name.split('.').at(-1), node]))
  for (const [channelId, place] of places)
    assert.equal(registered.get(channelId), place.split(' ')[0], `the coordinator has channel ${channelId}`)
}

/** What users notice: where each is, and with which token. */
export const callsOf = ({ nodes }: ClusterSim): unknown => nodes.map(({ id, contents }) => [id, contents])

/** After the backend has ended everything: the tables of the nodes, and of the fronts that act, are empty. */
export function checkEmpty({ nodes, fronts }: ClusterSim): void {
  for (const { id, contents } of nodes) assert.equal(contents.size, 0, `channels on ${id}`)
  for (const { id, front } of fronts) {
    const { channels, backends } = front.inspect()
    if (!backends[0]!.acts) continue
    assert.deepEqual([channels.length, backends[0]!.voiceStates], [0, 0], `channels and voice states of ${id}`)
  }
}
