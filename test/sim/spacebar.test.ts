// Stories of the bridge to Spacebar with a real node on a virtual clock: what clients see when events and Identify cross.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose, VoiceOp } from '@parley/protocol'
import type { BenchSocket } from '../../packages/core/src/testing/node-bench.ts'
import { SpacebarSim } from './spacebar-sim.ts'

const HOME = { guildId: '100', channelId: '500' }
const OTHER = { guildId: '100', channelId: '501' }
const isReady = (socket: BenchSocket) => socket.ops(VoiceOp.Ready).length === 1
const channelOf = (sim: SpacebarSim, userId: string) =>
  sim.bench.node.inspect().sessions.find(session => session.userId === userId)?.channelId

test('a user who identifies before the bridge has read the bus is admitted when it has', () => {
  const sim = new SpacebarSim()
  sim.isStopped = true
  sim.join('7', HOME)
  const client = sim.identify('7', '100')
  sim.advance(1_200)
  assert.equal(isReady(client), false)
  sim.resume()
  assert.ok(isReady(client))
})

test('after a move the client enters the new channel with the same token', () => {
  const sim = new SpacebarSim()
  sim.join('7', HOME)
  const before = sim.identify('7', '100')
  sim.state('7', OTHER)
  assert.equal(before.closeCode, VoiceClose.Disconnected)
  const client = sim.identify('7', '100')
  assert.equal(isReady(client), false)
  sim.server('7', OTHER)
  assert.ok(isReady(client))
  assert.equal(channelOf(sim, '7'), '501')
})

test('a client that entered the old channel again, because the bridge stood still, is sent a voice server update', () => {
  const sim = new SpacebarSim()
  sim.join('7', HOME)
  sim.identify('7', '100')
  sim.isStopped = true
  sim.join('7', OTHER)
  const client = sim.identify('7', '100')
  assert.ok(isReady(client))
  sim.advance(1_200)
  sim.resume()
  assert.equal(client.closeCode, VoiceClose.Disconnected)
  sim.advance(4_000)
  assert.deepEqual(
    sim.outputs.map(output => output.kind),
    ['publish'],
  )
  assert.ok(isReady(sim.identify('7', '100')))
  assert.equal(channelOf(sim, '7'), '501')
})

test('a kick and a deleted channel end the voice sessions', () => {
  const sim = new SpacebarSim()
  sim.join('7', HOME)
  sim.join('8', HOME)
  const [kicked, other] = [sim.identify('7', '100'), sim.identify('8', '100')]
  sim.bus('GUILD_MEMBER_REMOVE', { guild_id: '100', user: { id: '7' } }, { guild_id: '100' })
  assert.equal(kicked.closeCode, VoiceClose.Disconnected)
  assert.equal(other.closeCode, undefined)
  sim.bus('CHANNEL_DELETE', { id: '500', guild_id: '100' }, { channel_id: '500' })
  assert.notEqual(other.closeCode, undefined)
  assert.deepEqual(sim.bench.node.inspect().channels, [])
})

test('a call without a guild is reached by its channel id', () => {
  const sim = new SpacebarSim()
  sim.join('7', { guildId: null, channelId: '900' })
  assert.ok(isReady(sim.identify('7', '900')))
})

test('a stream is reached by its server id, and closes when its owner leaves the call', () => {
  const sim = new SpacebarSim()
  const key = 'guild:100:500:7'
  sim.join('7', HOME)
  sim.join('8', HOME)
  for (const userId of ['7', '8']) {
    sim.bus('STREAM_CREATE', { stream_key: key, rtc_server_id: '777' }, { user_id: userId })
    const data = { stream_key: key, token: `s${userId}`, endpoint: 'voice.test:8443', guild_id: null }
    sim.bus('STREAM_SERVER_UPDATE', data, { user_id: userId })
  }
  const [owner, viewer] = [sim.identify('7', '777', 's7'), sim.identify('8', '777', 's8')]
  assert.ok(isReady(owner) && isReady(viewer))
  sim.state('7', { guildId: '100', channelId: null })
  assert.notEqual(owner.closeCode, undefined)
  assert.notEqual(viewer.closeCode, undefined)
})

test('a restarted node has every call again, and each user is sent a voice server update', () => {
  const sim = new SpacebarSim()
  sim.join('7', HOME)
  sim.join('8', OTHER)
  sim.identify('7', '100')
  sim.restartNode()
  sim.advance(5_000)
  const published = sim.outputs.flatMap(output => (output.kind === 'publish' ? output.userId : []))
  assert.deepEqual(published, ['7', '8'])
  assert.ok(isReady(sim.identify('7', '100')))
  assert.ok(isReady(sim.identify('8', '100')))
})

test('users that a restarted bridge does not find in the database are removed after the grace', () => {
  const sim = new SpacebarSim({ hasDatabase: true })
  sim.advance(5_000)
  sim.backend.request(3, { user_id: '9', channel_id: '500', guild_id: '100', session_id: 'S9', token: 't9' })
  const left = sim.identify('9', '100')
  const { now } = sim.bench
  sim.bridge.snapshot({ voiceStates: [], streamSessions: [] }, now, now)
  sim.pump()
  for (let seconds = 0; seconds < 44; seconds++) {
    left.send(3, seconds)
    sim.advance(1_000)
  }
  assert.equal(left.closeCode, undefined)
  sim.advance(2_000)
  assert.notEqual(left.closeCode, undefined)
})
