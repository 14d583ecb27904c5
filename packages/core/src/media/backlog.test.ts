// A lane's queue on a virtual clock: what is dropped when the lane is too slow, and when it only did not run.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBatch } from '../lane/batch.ts'
import { LIMITS } from '../limits.ts'
import { Backlog } from './backlog.ts'

interface Load {
  /** Packets per millisecond; every third is video. */
  rate: number
  /** Packets forwarded per millisecond of work. Dropping costs nothing. */
  speed: number
  /** Whether the lane runs at this time. */
  runs?: (time: number) => boolean
  /** Milliseconds for which packets arrive. */
  duration: number
}

const BATCH = 20

/** Runs a lane in steps of a millisecond, until its queue is empty. */
function run({ rate, speed, runs = () => true, duration }: Load) {
  const backlog = new Backlog()
  const batch = createBatch(BATCH)
  const queue: { at: number; isAudio: boolean }[] = []
  const counts = { audio: 0, video: 0, droppedAudio: 0, droppedVideo: 0, longest: 0 }
  let arrived = 0
  let budget = 0
  for (let now = 0; now < duration || queue.length > 0; now++) {
    for (; now < duration && arrived < now * rate; arrived++) queue.push({ at: now, isAudio: arrived % 3 !== 0 })
    if (!runs(now)) continue
    budget = Math.min(budget + speed, 2 * BATCH)
    while (budget >= 1 && queue.length > 0) {
      const taken = queue.splice(0, Math.min(BATCH, Math.floor(budget)))
      batch.count = taken.length
      for (const [slot, { at }] of taken.entries()) batch.waited[slot] = now - at
      backlog.read(batch, now)
      for (const { at, isAudio } of taken) {
        const isDropped = backlog.isTooOld(now - at, isAudio)
        if (!isDropped) budget--
        if (!isDropped) counts.longest = Math.max(counts.longest, now - at)
        counts[isAudio ? (isDropped ? 'droppedAudio' : 'audio') : isDropped ? 'droppedVideo' : 'video']++
      }
    }
  }
  return { ...counts, dropped: counts.droppedAudio + counts.droppedVideo, isOverloaded: backlog.isOverloaded }
}

test('a lane that keeps up drops nothing', () => {
  const { dropped, longest } = run({ rate: 4, speed: 5, duration: 10_000 })
  assert.equal(dropped, 0)
  assert.ok(longest <= 1)
})

test('a lane on a starved host, which runs for 10 of 200 ms, drops nothing while it can do the work', () => {
  const { dropped, longest } = run({ rate: 1, speed: 40, runs: time => time % 200 < 10, duration: 60_000 })
  assert.equal(dropped, 0)
  assert.ok(longest > LIMITS.audioWait)
})

test('a lane that did not run for half a second drops nothing; of a longer stop, what nobody can use', () => {
  assert.equal(run({ rate: 4, speed: 20, runs: time => time < 1_000 || time >= 1_500, duration: 3_000 }).dropped, 0)
  const stopped = run({ rate: 4, speed: 20, runs: time => time < 1_000 || time >= 6_000, duration: 8_000 })
  assert.ok(Math.abs(stopped.dropped - 4 * (5_000 - LIMITS.longestWait)) < 100, `${stopped.dropped}`)
})

test('an overloaded lane sheds the oldest packets, video first, and the delay stays bounded', () => {
  const { audio, video, droppedAudio, droppedVideo, longest } = run({ rate: 10, speed: 8, duration: 10_000 })
  assert.ok(droppedVideo > 0 && droppedVideo + droppedAudio < 0.25 * 100_000)
  assert.ok(droppedAudio / (audio + droppedAudio) < droppedVideo / (video + droppedVideo))
  assert.ok(longest <= LIMITS.audioWait + LIMITS.backlogWork, `${longest} ms`)
})

test('twice the load that a lane can do costs about half of the packets, and no delay beyond that of audio', () => {
  const { dropped, longest } = run({ rate: 16, speed: 8, duration: 6_000 })
  assert.ok(dropped > 0.4 * 96_000 && dropped < 0.6 * 96_000, `${dropped}`)
  assert.ok(longest <= LIMITS.audioWait + LIMITS.backlogWork, `${longest} ms`)
})

test('a lane that gets half of the processor and needs more sheds packets too', () => {
  const { dropped, longest } = run({ rate: 12, speed: 16, runs: time => time % 200 < 100, duration: 20_000 })
  assert.ok(dropped > 0.25 * 240_000 && dropped < 0.5 * 240_000, `${dropped}`)
  assert.ok(longest <= LIMITS.audioWait + 2 * LIMITS.backlogWork + 200, `${longest} ms`)
})

test('once a lane has caught up, it is not overloaded', () => {
  assert.equal(run({ rate: 16, speed: 8, duration: 5_000 }).isOverloaded, true)
  const backlog = new Backlog()
  const batch = createBatch(1)
  const read = (waited: number, now: number) => {
    batch.count = 1
    batch.waited[0] = waited
    backlog.read(batch, now)
  }
  for (let now = 0; now <= 400; now += 10) read(150, now)
  assert.ok(backlog.isTooOld(LIMITS.audioWait + 1, true))
  assert.ok(!backlog.isTooOld(LIMITS.audioWait, true))
  assert.ok(backlog.isTooOld(LIMITS.videoWait + 1, false))
  read(LIMITS.caughtUp, 410)
  assert.ok(!backlog.isTooOld(LIMITS.longestWait, true))
  assert.ok(backlog.isTooOld(LIMITS.longestWait + 1, true))
})
