// How well the bandwidth of a viewer is estimated and used, on emulated links and a virtual clock: the figures do not depend on the
// machine, and a seed repeats each of them.
import { AllocatedViewer } from '../../packages/core/src/testing/link/allocated-viewer.ts'
import { TcpFlow } from '../../packages/core/src/testing/link/competing-flow.ts'
import { type LinkOptions, packetLink } from '../../packages/core/src/testing/link/link-emulator.ts'
import { HIGH, VideoCall } from '../../packages/core/src/testing/link/video-call.ts'
import { ViewerLink } from '../../packages/core/src/testing/link/viewer-link.ts'
import { VirtualTime } from '../../packages/core/src/testing/link/virtual-time.ts'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'
import { round } from '../report/rows.ts'
import { percentile } from '../statistics.ts'

const MEGABIT = 1_000_000
const START = 1_000
const SETTLED = 5_000
/** The links of the aims: 100 ms each way, 10 % loss or none; a queue of 300 ms. */
const RATES = [0.3, 1, 5].map(rate => rate * MEGABIT)
const LOSSES = [0, 0.1]
/** 24 cameras in two layers, as a member of a call of 25 sees them; and one camera in three. */
const CALL = Array.from({ length: 24 }, () => [150_000, 600_000])
const CAMERA = [[150_000, 500_000, 1_700_000]]

export interface BandwidthExtent {
  /** Seeds and virtual seconds of each estimate, seeds of each step. */
  estimates: number
  seconds: number
  steps: number
}

export interface EstimateFigures {
  rate: number
  loss: number
  /** Media uses all of the estimate, or is limited to the layers that fit. */
  use: 'estimate' | 'layers'
  /** Part of the time within 0.7 to 1.05 of the link, least and most relative estimate. */
  inside: number
  least: number
  most: number
  /** Part of the link that padding takes. */
  padding: number
  /** Part of the audio packets that found the queue full of video. */
  audioLost: number
  /** Part of the runs with a gap above 200 ms between two packets of video. */
  frozen: number
}

export interface StepFigures {
  what: string
  from: number
  to: number
  loss: number
  /** Milliseconds until the right layer. */
  p50: number
  p90: number
}

export interface BandwidthFigures {
  estimates: readonly EstimateFigures[]
  steps: readonly StepFigures[]
  /** The smaller share of two viewers behind one link, and video's share beside a download; relative to an equal share. */
  fairness: { viewers: number; download: number }
  /** Bytes to a viewer on a fast link with a weak viewer in the call, relative to those without it. */
  independence: number
}

const linkOf = (rate: number, loss: number, largest = rate): LinkOptions => ({
  rate,
  delay: 100,
  queue: (largest * 0.3) / 8,
  loss,
})
const seedsOf = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

export function benchBandwidth({ estimates, seconds, steps }: BandwidthExtent): BandwidthFigures {
  const cases = RATES.flatMap(rate => LOSSES.flatMap(loss => USES.map(use => ({ rate, loss, use }))))
  return {
    estimates: cases.map(({ rate, loss, use }) => summary(rate, loss, use, estimates, seconds)),
    steps: STEPS.flatMap(([from, to]) =>
      LOSSES.flatMap(loss => [
        stepOf('one camera, three layers', CAMERA, from, to, loss, steps),
        stepOf('24 cameras, two layers', CALL, from, to, loss, steps),
      ]),
    ),
    fairness: { viewers: mean(seedsOf(steps).map(shareOfTwo)), download: mean(seedsOf(steps).map(shareOfVideo)) },
    independence: bytesBeside(true) / bytesBeside(false),
  }
}

const USES = ['estimate', 'layers'] as const
const STEPS: readonly (readonly [number, number])[] = [
  [5 * MEGABIT, MEGABIT],
  [MEGABIT, 0.3 * MEGABIT],
  [0.3 * MEGABIT, MEGABIT],
  [MEGABIT, 5 * MEGABIT],
]

function summary(
  rate: number,
  loss: number,
  use: EstimateFigures['use'],
  seeds: number,
  seconds: number,
): EstimateFigures {
  const runs = seedsOf(seeds).map(seed => estimateOf(seed, rate, loss, use, seconds))
  return {
    rate,
    loss,
    use,
    inside: mean(runs.map(({ inside }) => inside)),
    least: Math.min(...runs.map(({ least }) => least)),
    most: Math.max(...runs.map(({ most }) => most)),
    padding: mean(runs.map(({ padding }) => padding)),
    audioLost: mean(runs.map(({ audioLost }) => audioLost)),
    frozen: mean(runs.map(({ gap }) => (gap > 200 ? 1 : 0))),
  }
}

/** One run, measured once it has settled. */
function estimateOf(seed: number, rate: number, loss: number, use: EstimateFigures['use'], seconds: number) {
  const link = linkOf(rate, loss)
  const layers = use === 'layers' ? new AllocatedViewer({ seed, link, feedbackLoss: loss, sources: CALL }) : undefined
  const viewer = layers?.viewer ?? new ViewerLink({ seed, link, feedbackLoss: loss, bitrate: estimate => estimate })
  if (layers === undefined) viewer.estimator.desired = 2 * rate
  const time = layers?.time ?? new VirtualTime(START, [viewer])
  time.run(START + SETTLED)
  const droppedBefore = viewer.audioDropped
  const sentBefore = viewer.audioSent
  viewer.longestGap = 0
  const ratios: number[] = []
  for (let now = START + SETTLED; now < START + seconds * 1_000; now += 100) {
    time.run(now + 100)
    ratios.push(viewer.estimator.estimate / rate)
  }
  return {
    inside: ratios.filter(ratio => ratio >= 0.7 && ratio <= 1.05).length / ratios.length,
    least: Math.min(...ratios),
    most: Math.max(...ratios),
    padding: (viewer.paddingBytes * 8) / seconds / rate,
    audioLost: (viewer.audioDropped - droppedBefore) / (viewer.audioSent - sentBefore),
    gap: viewer.longestGap,
  }
}

function stepOf(
  what: string,
  sources: readonly (readonly number[])[],
  from: number,
  to: number,
  loss: number,
  seeds: number,
): StepFigures {
  const times = seedsOf(seeds).map(seed => {
    const viewer = new AllocatedViewer({
      seed,
      link: linkOf(from, loss, Math.max(from, to)),
      feedbackLoss: loss,
      sources,
    })
    viewer.time.run(START + 8_000)
    viewer.viewer.link.setRate(to, viewer.time.now)
    const least = to > from ? fitting(sources, to) : 0
    const start = viewer.time.now
    while (viewer.time.now < start + 15_000) {
      viewer.time.run(viewer.time.now + 20)
      if (viewer.bitrate >= least && viewer.bitrate <= to) return viewer.time.now - start
    }
    return Infinity
  })
  return { what, from, to, loss, p50: percentile(times, 0.5), p90: percentile(times, 0.9) }
}

/** What the layers that fit a link take, with room for a reserve: the best of one source, two thirds of the link with many. */
function fitting(sources: readonly (readonly number[])[], rate: number): number {
  if (sources.length === 1) return Math.max(0, ...sources[0]!.filter(bitrate => bitrate <= 0.85 * rate))
  return (
    0.65 *
    Math.min(
      rate,
      sources.reduce((sum, bitrates) => sum + bitrates.at(-1)!, 0),
    )
  )
}

/** The smaller of two viewers' shares, by the larger. */
function shareOfTwo(seed: number): number {
  const link = linkOf(4 * MEGABIT, 0)
  const shared = packetLink(link, seededRandom(seed))
  const viewers = [2 * seed, 2 * seed + 1].map(
    own => new ViewerLink({ seed: own, link, shared, bitrate: estimate => estimate }),
  )
  for (const { estimator } of viewers) estimator.desired = 4 * MEGABIT
  const time = new VirtualTime(START, [shared, ...viewers])
  time.run(START + 10_000)
  const before = viewers.map(({ arrivedBytes }) => arrivedBytes)
  time.run(START + 40_000)
  const bytes = viewers.map(({ arrivedBytes }, index) => arrivedBytes - before[index]!)
  return Math.min(...bytes) / Math.max(...bytes)
}

/** Video's share beside a TCP download, by half the link. */
function shareOfVideo(seed: number): number {
  const link = linkOf(4 * MEGABIT, 0)
  const shared = packetLink(link, seededRandom(seed))
  const viewer = new ViewerLink({ seed, link, shared, bitrate: estimate => estimate })
  viewer.estimator.desired = 8 * MEGABIT
  const tcp = new TcpFlow(shared, link.delay, START + 3_000)
  const time = new VirtualTime(START, [shared, viewer, tcp])
  time.run(START + 10_000)
  const before = viewer.arrivedBytes
  time.run(START + 40_000)
  return ((viewer.arrivedBytes - before) * 8) / 30 / (2 * MEGABIT)
}

/** Bytes of video that a viewer on a fast link receives, with or without a viewer on a weak link. */
function bytesBeside(isWeakPresent: boolean): number {
  const call = new VideoCall()
  const strong = call.join(3, 5 * MEGABIT)
  if (isWeakPresent) call.join(2, 0.3 * MEGABIT)
  call.run(15_000)
  return strong.take(HIGH)
}

const percent = (part: number) => `${round(100 * part, 1)} %`
const megabits = (rate: number) => `${rate / MEGABIT} Mbit/s`
/** A step that did not end in time. */
const time = (milliseconds: number) => (Number.isFinite(milliseconds) ? round(milliseconds, 0) : '> 15,000')

export function printBandwidth({ estimates, steps, fairness, independence }: BandwidthFigures): void {
  console.table(
    estimates.map(({ rate, loss, use, inside, least, most, padding, audioLost, frozen }) => ({
      link: `${megabits(rate)}, ${percent(loss)} loss`,
      'media uses': use,
      'within 0.7–1.05': percent(inside),
      'least–most': `${round(least, 2)}–${round(most, 2)}`,
      padding: percent(padding),
      'audio lost to video': percent(audioLost),
      // Lost packets are not sent again here.
      'runs with a gap > 200 ms': loss > 0 ? '' : percent(frozen),
    })),
  )
  console.table(
    steps.map(({ what, from, to, loss, p50, p90 }) => ({
      step: `${megabits(from)} → ${megabits(to)}, ${percent(loss)} loss`,
      viewer: what,
      'right layer, p50, ms': time(p50),
      'p90, ms': time(p90),
    })),
  )
  console.log(`two viewers behind one link: the smaller share is ${round(fairness.viewers, 2)} of the larger`)
  console.log(`beside a download: video gets ${round(fairness.download, 2)} of half the link`)
  console.log(`a viewer beside a weak one receives ${round(independence, 3)} of what it receives without it`)
}
