import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConstantFlow, TcpFlow } from '../../testing/link/competing-flow.ts'
import { type LinkOptions, packetLink } from '../../testing/link/link-emulator.ts'
import { unlimitedViewer } from '../../testing/link/viewer-scenarios.ts'
import { VirtualTime } from '../../testing/link/virtual-time.ts'
import { seededRandom } from '../../testing/seeded-random.ts'

const MEGABIT = 1_000_000
const START = 1_000
const linkOf = (rate: number, more: Partial<LinkOptions> = {}): LinkOptions => ({
  rate,
  delay: 40,
  queue: (rate * 0.3) / 8,
  loss: 0,
  ...more,
})

/** A viewer who could use twice the link, and whose video follows the estimate. */
function eager(link: LinkOptions, seed = 1) {
  const viewer = unlimitedViewer({ seed, link }, 2 * link.rate)
  return { viewer, time: new VirtualTime(START, [viewer]) }
}

/** Mean of the estimate over `seconds`, in parts of `rate`. */
function meanOf({ viewer, time }: ReturnType<typeof eager>, seconds: number, rate: number): number {
  let sum = 0
  const samples = seconds * 10
  for (let sample = 0; sample < samples; sample++) {
    time.run(time.now + 100)
    sum += viewer.sender.estimator.estimate
  }
  return sum / samples / rate
}

test('the estimate settles near the bandwidth of 100 random links', () => {
  const random = seededRandom(13)
  const means: number[] = []
  for (let seed = 1; seed <= 100; seed++) {
    const rate = 250_000 * 2 ** (random() * 3.3)
    const link = linkOf(rate, {
      delay: 10 + random() * 90,
      loss: seed % 2 === 0 ? random() * 0.1 : 0,
      burst: seed % 5 === 0 ? { begins: 0.002, ends: 0.3 } : undefined,
      reordering: seed % 7 === 0 ? { chance: 0.01, by: 15 } : undefined,
      jitter: seed % 3 === 0 ? 8 : 0,
    })
    const run = eager(link, seed)
    run.time.run(START + 4_000)
    means.push(meanOf(run, 3, rate))
  }
  means.sort((one, other) => one - other)
  const text = `lowest ${means.slice(0, 6).map(mean => mean.toFixed(2))}, highest ${means.slice(-3).map(mean => mean.toFixed(2))}`
  assert.ok(means[5]! >= 0.7 && means[0]! >= 0.4 && means[99]! <= 1.1, text)
})

test('loss of one packet in ten does not lower the estimate', () => {
  const run = eager(linkOf(2 * MEGABIT, { loss: 0.1 }))
  run.time.run(START + 5_000)
  const mean = meanOf(run, 5, 2 * MEGABIT)
  assert.ok(mean > 0.75 && mean < 1.1, String(mean))
})

test('probes find the bandwidth that media does not use', () => {
  const viewer = unlimitedViewer({ seed: 4, link: linkOf(5 * MEGABIT) }, 5 * MEGABIT, () => 500_000)
  const time = new VirtualTime(START, [viewer])
  time.run(START + 3_000)
  assert.ok(viewer.sender.estimator.isLimitedBySource)
  assert.ok(viewer.sender.estimator.estimate > 4 * MEGABIT, String(viewer.sender.estimator.estimate))
  assert.ok(viewer.paddingBytes * 8 < MEGABIT, String(viewer.paddingBytes))
})

test('no padding is sent to a viewer who is sent all that it wants', () => {
  const viewer = unlimitedViewer({ seed: 4, link: linkOf(5 * MEGABIT) }, 500_000, () => 500_000)
  const time = new VirtualTime(START, [viewer])
  time.run(START + 3_000)
  const before = viewer.paddingBytes
  time.run(START + 20_000)
  assert.equal(viewer.paddingBytes, before)
})

test('the estimate follows a link that falls to a fifth within a second, and rises with it again', () => {
  const run = eager(linkOf(5 * MEGABIT))
  run.time.run(START + 5_000)
  run.viewer.link.setRate(MEGABIT, run.time.now)
  run.time.run(START + 6_000)
  assert.ok(run.viewer.sender.estimator.estimate < 1.1 * MEGABIT, String(run.viewer.sender.estimator.estimate))
  run.time.run(START + 15_000)
  run.viewer.link.setRate(5 * MEGABIT, run.time.now)
  run.time.run(START + 27_000)
  assert.ok(run.viewer.sender.estimator.estimate > 3.5 * MEGABIT, String(run.viewer.sender.estimator.estimate))
})

test('media that exceeds the link from one moment on does not lower the estimate far below it', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    let bitrate = 100_000
    const viewer = unlimitedViewer({ seed, link: linkOf(400_000) }, MEGABIT, () => bitrate)
    const time = new VirtualTime(START, [viewer])
    time.run(START + 8_000)
    bitrate = 900_000
    let least = Infinity
    for (let passed = 0; passed < 1_000; passed += 20) {
      time.run(START + 8_000 + passed)
      least = Math.min(least, viewer.sender.estimator.estimate)
    }
    assert.ok(least > 0.6 * 400_000, `seed ${seed}: ${least}`)
  }
})

test('no audio packet is lost to video once the bandwidth is known', () => {
  const run = eager(linkOf(MEGABIT))
  run.time.run(START + 3_000)
  const before = run.viewer.audioDropped
  run.time.run(START + 20_000)
  assert.ok(run.viewer.audioSent > 900)
  assert.equal(run.viewer.audioDropped - before, 0)
})

test('two viewers behind one link share it', () => {
  const link = linkOf(4 * MEGABIT)
  const shared = packetLink(link, seededRandom(7))
  const viewers = [1, 2].map(seed => unlimitedViewer({ seed, link, shared }, 4 * MEGABIT))
  const time = new VirtualTime(START, [shared, ...viewers])
  time.run(START + 10_000)
  const before = viewers.map(({ arrivedBytes }) => arrivedBytes)
  time.run(START + 25_000)
  const rates = viewers.map(({ arrivedBytes }, index) => ((arrivedBytes - before[index]!) * 8) / 15)
  assert.ok(Math.min(...rates) > 0.25 * Math.max(...rates), rates.join())
  assert.ok(rates[0]! + rates[1]! > 2.5 * MEGABIT, rates.join())
})

test('the estimate makes room for other traffic, and takes it back', () => {
  const link = linkOf(4 * MEGABIT)
  const shared = packetLink(link, seededRandom(7))
  const viewer = unlimitedViewer({ seed: 1, link, shared }, 8 * MEGABIT)
  const other = new ConstantFlow(shared, 2.5 * MEGABIT, START + 6_000)
  const time = new VirtualTime(START, [shared, viewer, other])
  time.run(START + 9_000)
  assert.ok(viewer.sender.estimator.estimate < 1.8 * MEGABIT, String(viewer.sender.estimator.estimate))
  other.deadline = Infinity
  time.run(START + 25_000)
  assert.ok(viewer.sender.estimator.estimate > 2.5 * MEGABIT, String(viewer.sender.estimator.estimate))
})

test('a download that fills the queue leaves video a part of the link', () => {
  const link = linkOf(4 * MEGABIT)
  const shared = packetLink(link, seededRandom(7))
  const viewer = unlimitedViewer({ seed: 1, link, shared }, 8 * MEGABIT)
  const tcp = new TcpFlow(shared, link.delay, START + 3_000)
  const time = new VirtualTime(START, [shared, viewer, tcp])
  time.run(START + 20_000)
  assert.ok(viewer.sender.estimator.estimate > 0.1 * MEGABIT, String(viewer.sender.estimator.estimate))
  assert.ok(tcp.arrivedBytes * 8 > 4 * MEGABIT)
})

test('without feedback nothing is limited but by what a viewer is sent to begin with', () => {
  const viewer = unlimitedViewer({ seed: 1, link: linkOf(4 * MEGABIT), feedbackLoss: 1 }, 0, () => MEGABIT)
  const time = new VirtualTime(START, [viewer])
  time.run(START + 5_000)
  assert.equal(viewer.sender.estimator.isActive, false)
})

test('a viewer whose feedback ends is sent less and less', () => {
  const run = eager(linkOf(4 * MEGABIT))
  run.time.run(START + 4_000)
  const before = run.viewer.sender.estimator.estimate
  run.viewer.feedbackEnds = true
  run.time.run(START + 10_000)
  assert.ok(run.viewer.sender.estimator.estimate < before / 4)
})
