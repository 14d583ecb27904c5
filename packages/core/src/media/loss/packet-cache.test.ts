// What is kept of the packets of video streams, within a bound on all of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SENDER, sentTo, VideoLane, video } from '../../../../../test/contract/video-lane.ts'
import { createBatch } from '../../lane/batch.ts'
import { LIMITS } from '../../limits.ts'
import { ssrcOf } from '../../testing/plain-lane.ts'
import { PacketCache } from './packet-cache.ts'
import { CHUNK, PacketPool } from './packet-pool.ts'

const PACKETS = LIMITS.cachedPackets

/** A cache whose packets contain their sequence. */
function cacheOf(pool: PacketPool, backend = '') {
  const cache = new PacketCache(pool, backend)
  const batch = createBatch(1)
  const put = (sequence: number, isLate = false) => {
    batch.view.setUint32(12, sequence)
    return isLate ? cache.storeLate(sequence, batch.words, 0, 16, 12) : cache.store(sequence, batch.words, 0, 16, 12)
  }
  const has = (sequence: number) => {
    batch.bytes.fill(0)
    if (cache.load(sequence, batch.words) === 0) return false
    assert.deepEqual([batch.view.getUint32(12), cache.headerOf(sequence)], [sequence, 12])
    return true
  }
  /** Of these sequences, those that are kept. */
  const kept = (first: number, count: number) =>
    Array.from({ length: count }, (_, index) => (first + index) & 0xffff).filter(has)
  return { cache, put, has, kept }
}

test('the last packets are kept, over the end of the sequences', () => {
  const { put, kept } = cacheOf(new PacketPool())
  for (let index = 0; index < 2 * PACKETS; index++) assert.ok(put((65_000 + index) & 0xffff))
  const all = kept(65_000, 2 * PACKETS)
  assert.deepEqual([all.length, all[0]], [PACKETS, (65_000 + PACKETS) & 0xffff])
})

test('a packet that is kept is not kept again, and a late one is kept until a newer one has its place', () => {
  const { put, has } = cacheOf(new PacketPool())
  for (const sequence of [1, 2, 40]) assert.ok(put(sequence))
  assert.equal(put(2), false)
  assert.equal(put(3, true), true)
  assert.equal(put(3, true), false)
  assert.ok(put(3 + PACKETS))
  assert.deepEqual([put(3, true), has(3), has(3 + PACKETS), has(2)], [false, false, true, true])
})

test('a sender that starts over empties its cache', () => {
  const { put, kept } = cacheOf(new PacketPool())
  for (let sequence = 1_000; sequence < 1_200; sequence++) put(sequence)
  put(900)
  assert.deepEqual(kept(900, 300), [900])
})

test('a cache takes memory for what it has', () => {
  const pool = new PacketPool()
  const { cache, put } = cacheOf(pool)
  put(7)
  assert.equal(pool.size, 1)
  for (let sequence = 8; sequence < 8 + 10 * PACKETS; sequence++) put(sequence)
  assert.equal(pool.size, PACKETS / CHUNK)
  cache.close()
  assert.equal(pool.size, 0)
})

test('at the bound of the lane the oldest packets of the backend yield, of whatever stream, and the newest of each stay', () => {
  const pool = new PacketPool(8 * CHUNK)
  const caches = Array.from({ length: 3 }, () => cacheOf(pool))
  const [quiet, first, second] = caches as [ReturnType<typeof cacheOf>, ...ReturnType<typeof cacheOf>[]]
  for (let sequence = 0; sequence < 2 * CHUNK; sequence++) quiet.put(sequence)
  for (let sequence = 0; sequence < 20 * CHUNK; sequence++) {
    first!.put(sequence)
    second!.put(sequence)
    assert.ok(pool.size <= 8)
  }
  assert.deepEqual(quiet.kept(0, 2 * CHUNK), [])
  for (const each of [first!, second!]) {
    const kept = each.kept(0, 20 * CHUNK)
    assert.deepEqual([kept.length, kept[0]], [4 * CHUNK, 16 * CHUNK])
  }
  // A packet from before does not appear under the sequence of another stream.
  assert.ok(quiet.put(2 * CHUNK))
  assert.deepEqual(quiet.kept(0, PACKETS), [2 * CHUNK])
})

test('the video of one backend takes nothing from the share of another, and all of what no other uses', () => {
  const pool = new PacketPool(8 * CHUNK)
  const busy = Array.from({ length: 3 }, () => cacheOf(pool, 'busy'))
  const quiet = cacheOf(pool, 'quiet')
  const flood = (from: number) => {
    for (let sequence = from * CHUNK; sequence < (from + 20) * CHUNK; sequence++)
      for (const { put } of busy) put(sequence)
    return busy.reduce((sum, { kept }) => sum + kept(from * CHUNK, 20 * CHUNK).length, 0)
  }
  const has = () => quiet.kept(0, PACKETS).length
  const fill = (chunks: number) => {
    for (let sequence = 0; sequence < chunks * CHUNK; sequence++) quiet.put(sequence)
  }
  assert.equal(flood(0), 8 * CHUNK)
  fill(2)
  assert.deepEqual([flood(20), has()], [6 * CHUNK, 2 * CHUNK])
  fill(40)
  assert.deepEqual([flood(40), has()], [4 * CHUNK, 4 * CHUNK])
  quiet.cache.close()
  assert.deepEqual([flood(60), pool.size], [8 * CHUNK, 8])
  for (const { cache } of busy) cache.close()
  assert.deepEqual([pool.size, pool.backends], [0, 0])
})

test('a lane that keeps as many packets of one backend as it may answers the NACKs of another', () => {
  const lane = new VideoLane()
  lane.send(1)
  const members = LIMITS.cachedPacketsPerLane / PACKETS
  for (let member = 10; member < 10 + members; member++) {
    const ssrc = 0xbeef_0000 + member
    lane.connectWebrtcPeer(member, SENDER, { backend: 'busy' })
    lane.routeVideo(member, ssrc)
    for (let sequence = 0; sequence < PACKETS; sequence += 64)
      lane.packets(member, ...Array.from({ length: 64 }, (_, index) => video(sequence + index, { ssrc })))
  }
  assert.equal(sentTo(2, lane.nack(2, 1)).length, 1)
})

test('the chunk that a stream fills again is not the next that another one takes', () => {
  const pool = new PacketPool(PACKETS + CHUNK)
  const busy = cacheOf(pool)
  const quiet = cacheOf(pool)
  for (let sequence = 0; sequence < PACKETS; sequence++) busy.put(sequence)
  quiet.put(0)
  for (let sequence = PACKETS; sequence < PACKETS + CHUNK; sequence++) busy.put(sequence)
  cacheOf(pool).put(0)
  assert.equal(quiet.has(0), true)
  assert.deepEqual(busy.kept(PACKETS, CHUNK).length, CHUNK)
  assert.deepEqual(busy.kept(CHUNK, CHUNK).length, 0)
})

test('a stream that ends between others leaves the order of theirs', () => {
  const pool = new PacketPool(3 * CHUNK)
  const caches = Array.from({ length: 3 }, () => cacheOf(pool))
  for (const each of caches) each.put(0)
  caches[1]!.cache.close()
  const later = [cacheOf(pool), cacheOf(pool)]
  for (const each of later) each.put(0)
  assert.deepEqual(
    [...caches, ...later].map(each => each.has(0)),
    [false, false, true, true, true],
  )
})

test('a member that sends one packet of each layer takes little memory of the lane', () => {
  const lane = new VideoLane()
  const members = Array.from({ length: 40 }, (_, index) => 10 + index)
  for (const member of members) {
    lane.connectWebrtcPeer(member, SENDER)
    lane.routeVideo(member, 0xbeef_0000 + member)
  }
  const before = process.memoryUsage().arrayBuffers
  for (const member of members)
    assert.ok(lane.packets(member, video(1, { ssrc: 0xbeef_0000 + member })).length > 0, `of ${ssrcOf(member)}`)
  const taken = process.memoryUsage().arrayBuffers - before
  assert.equal(lane.router.inspect().videos, members.length)
  // Most of it are the batches of the test.
  assert.ok(taken < members.length * 256 * 1024, `${taken} bytes for ${members.length} streams`)
})
