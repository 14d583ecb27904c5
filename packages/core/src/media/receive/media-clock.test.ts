// Streams of one peer on its clock, whatever that shows and however it drifts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { type Peer, Peers } from '../address/peers.ts'
import { MediaClock } from './media-clock.ts'
import { ReceiveStats } from './receive-stats.ts'

/** Audio and video of one peer. */
function makeClocks() {
  const stats = new ReceiveStats()
  const owner: Peer = new Peers().add({ kind: 'addPeer', peer: 1, ssrcs: Int32Array.of(1000) })!
  return { stats, owner, audio: new MediaClock(stats), video: new MediaClock(new ReceiveStats()) }
}

test('between reports the timestamp advances with the clock', () => {
  const { audio, owner } = makeClocks()
  audio.reported(owner, 9e12, 1_000, 500)
  assert.equal(audio.timestampAt(500, 48), 1_000)
  assert.equal(audio.timestampAt(1_500, 48), 49_000)
})

test('media captured together stays together, however different the transit times of its reports', () => {
  const { audio, video, owner } = makeClocks()
  audio.reported(owner, 10_000, 0, 1_020)
  video.reported(owner, 10_000, 0, 1_150)
  const skew = audio.timestampAt(3_000, 48) / 48 - video.timestampAt(3_000, 90) / 90
  assert.ok(Math.abs(skew) < 5, `${skew} ms`)
})

test('a clock that was set is followed at once, a drifting one over time', () => {
  const { audio, owner } = makeClocks()
  audio.reported(owner, 10_000, 0, 1_000)
  audio.reported(owner, 3_610_000, 0, 2_000)
  assert.equal(audio.timestampAt(2_000, 48), 0)
  // 100 ppm slow: 0.36 s in an hour.
  for (let now = 2_000; now < 7_200_000; now += 5_000) audio.reported(owner, now * 0.9999, 0, now)
  const late = audio.timestampAt(7_197_000, 48) / 48
  assert.ok(Math.abs(late) < 50, `${late} ms`)
})

test('once a report has expired, the arrival of packets counts', () => {
  const { stats, audio, owner } = makeClocks()
  audio.reported(owner, 10_000, 0, 1_000)
  const now = 1_000 + LIMITS.senderReportLife
  stats.received(1, 5, now, 48)
  assert.equal(audio.timestampAt(now + 10, 48), 485)
})
