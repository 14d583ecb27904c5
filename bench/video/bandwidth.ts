// How well the bandwidth of a viewer is estimated and used, on emulated links and a virtual clock: the figures do not depend on the
// machine, and a seed repeats each of them.
import { TcpFlow } from '../../packages/core/src/testing/link/competing-flow.ts'
import { type CrowdResult, runCrowd } from '../../packages/core/src/testing/link/crowd-call.ts'
import { packetLink } from '../../packages/core/src/testing/link/link-emulator.ts'
import {
  aimedLink,
  CALL,
  CAMERA,
  type EstimateRun,
  type FlappingResult,
  MEGABIT,
  type ReportedResult,
  runChangingLink,
  runEstimate,
  runFlapping,
  runFreezes,
  runReported,
  runStart,
  runStep,
  unlimitedViewer,
} from '../../packages/core/src/testing/link/viewer-scenarios.ts'
import { VirtualTime } from '../../packages/core/src/testing/link/virtual-time.ts'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'
import { round } from '../report/rows.ts'
import { percentile } from '../statistics.ts'

const START = 1_000
const RATES = [0.3, 1, 5].map(rate => rate * MEGABIT)
const LOSSES = [0, 0.1]
/** Of the links of a call of 25, and which of its viewers has the fastest link. */
const CROWD_LOSS = 0.1
const STRONGEST = 2

export interface BandwidthExtent {
  /** Seeds and virtual seconds of each estimate, seeds of each step. */
  estimates: number
  seconds: number
  steps: number
  /** Virtual seconds of a call of 25. */
  crowdSeconds: number
}

export interface EstimateFigures {
  rate: number
  loss: number
  use: EstimateRun['use']
  /** Part of the time within 0.7 to 1.05 of the link, least and most relative estimate. */
  inside: number
  least: number
  most: number
  /** Part of the time in the worst run. */
  worst: number
  /** Parts of the link that padding and media take. */
  padding: number
  media: number
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

export interface ReportedFigures extends ReportedResult {
  what: string
  rate: number
  loss: number
}

export interface BandwidthFigures {
  estimates: readonly EstimateFigures[]
  steps: readonly StepFigures[]
  /** Discord clients over UDP, which send receiver reports. */
  reported: readonly ReportedFigures[]
  /** The smaller share of two viewers behind one link, and video's share beside a download; relative to an equal share. */
  fairness: { viewers: number; download: number }
  /** Random links whose rate changes: how many, the part of the time within 0.7 to 1.05 of it, and of audio lost to video. */
  changing: { links: number; inside: number; audioLost: number }
  /** Viewers of a camera whose rate varies by content. */
  flapping: readonly (FlappingResult & { rate: number })[]
  /** Of the first three seconds: packets that a full queue drops, in all runs, and ms until a better layer, median. */
  starts: readonly { rate: number; dropped: number; raisedAfter: number }[]
  /** Freezes above 200 ms per minute of a viewer that requests lost packets, without a playout buffer and with one, and ms of its delay. */
  freezes: readonly { rate: number; loss: number; immediate: number; buffered: number; delay: number }[]
  /** Viewers of one call of 25 on the router. */
  crowd: readonly (CrowdResult & { rate: number })[]
  /** Bytes to a viewer on a fast link with a weak viewer in the call, relative to those without it. */
  independence: number
}

const seedsOf = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

export function benchBandwidth({ estimates, seconds, steps, crowdSeconds }: BandwidthExtent): BandwidthFigures {
  const cases = RATES.flatMap(rate => LOSSES.flatMap(loss => USES.map(use => ({ rate, loss, use }))))
  const crowd = runCrowd(RATES, CROWD_LOSS, crowdSeconds)
  // The links of viewers differ by their place in the call: beside the strongest one nobody else is left.
  const alone = runCrowd([RATES[STRONGEST]!], CROWD_LOSS, crowdSeconds)
  return {
    estimates: cases.map(({ rate, loss, use }) => summary(rate, loss, use, estimates, seconds)),
    steps: STEPS.flatMap(([from, to]) =>
      LOSSES.flatMap(loss => [
        stepOf('one camera, three layers', CAMERA, from, to, loss, steps),
        stepOf('24 cameras, two layers', CALL, from, to, loss, steps),
      ]),
    ),
    reported: RATES.flatMap(rate =>
      LOSSES.flatMap(loss => [
        reportedOf('one camera, three layers', CAMERA, rate, loss, estimates),
        reportedOf('24 cameras, two layers', CALL, rate, loss, estimates),
      ]),
    ),
    fairness: { viewers: mean(seedsOf(steps).map(shareOfTwo)), download: mean(seedsOf(steps).map(shareOfVideo)) },
    changing: changingLinks(3 * steps),
    flapping: FLAPPING_RATES.map(rate => flappingOf(rate, 2 * estimates)),
    starts: RATES.map(rate => startOf(rate, steps)),
    freezes: LOSSES.flatMap(loss => RATES.map(rate => freezesOf(rate, loss, estimates))),
    crowd: RATES.map((rate, index) => ({ rate, ...crowd[index]! })),
    independence: crowd[STRONGEST]!.bytes / alone[0]!.bytes,
  }
}

const USES = ['estimate', 'layers'] as const
const STEPS: readonly (readonly [number, number])[] = [
  [5 * MEGABIT, MEGABIT],
  [MEGABIT, 0.3 * MEGABIT],
  [0.3 * MEGABIT, MEGABIT],
  [MEGABIT, 5 * MEGABIT],
]

function summary(rate: number, loss: number, use: EstimateRun['use'], seeds: number, seconds: number): EstimateFigures {
  const runs = seedsOf(seeds).map(seed => runEstimate({ seed, link: aimedLink(rate, loss), use, seconds }))
  return {
    rate,
    loss,
    use,
    inside: mean(runs.map(({ inside }) => inside)),
    least: Math.min(...runs.map(({ least }) => least)),
    most: Math.max(...runs.map(({ most }) => most)),
    worst: Math.min(...runs.map(({ inside }) => inside)),
    padding: mean(runs.map(({ padding }) => padding)),
    media: mean(runs.map(({ media }) => media)),
    audioLost: mean(runs.map(({ audioLost }) => audioLost)),
    frozen: mean(runs.map(({ longestGap }) => (longestGap > 200 ? 1 : 0))),
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
  const times = seedsOf(seeds).map(seed => runStep({ seed, sources, from, to, loss }))
  return { what, from, to, loss, p50: percentile(times, 0.5), p90: percentile(times, 0.9) }
}

const REPORTED_SECONDS = 120

function reportedOf(
  what: string,
  sources: readonly (readonly number[])[],
  rate: number,
  loss: number,
  seeds: number,
): ReportedFigures {
  const link = aimedLink(rate, loss)
  const runs = seedsOf(seeds).map(seed => runReported({ seed, link, sources }, REPORTED_SECONDS))
  const of = (key: keyof ReportedResult) => mean(runs.map(run => run[key]))
  return { what, rate, loss, dropped: of('dropped'), used: of('used') }
}

const FLAPPING_RATES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1].map(rate => rate * MEGABIT)
const FLAPPING_SECONDS = 185

function flappingOf(rate: number, seeds: number): BandwidthFigures['flapping'][number] {
  const runs = seedsOf(seeds).map(seed => runFlapping(seed, rate, FLAPPING_SECONDS))
  const of = (key: keyof FlappingResult) => mean(runs.map(run => run[key]))
  return { rate, switches: of('switches'), better: of('better'), none: of('none'), dropped: of('dropped') }
}

function startOf(rate: number, seeds: number): BandwidthFigures['starts'][number] {
  const runs = seedsOf(seeds).map(seed => runStart(seed, rate))
  const dropped = runs.reduce((sum, run) => sum + run.dropped, 0)
  return {
    rate,
    dropped,
    raisedAfter: percentile(
      runs.map(run => run.raisedAfter),
      0.5,
    ),
  }
}

const FREEZE_SECONDS = 120

function freezesOf(rate: number, loss: number, seeds: number): BandwidthFigures['freezes'][number] {
  const runsOf = (playout: 'immediate' | 'buffered') =>
    seedsOf(seeds).map(seed => runFreezes(seed, aimedLink(rate, loss), playout, FREEZE_SECONDS))
  const buffered = runsOf('buffered')
  return {
    rate,
    loss,
    immediate: mean(runsOf('immediate').map(({ freezes }) => freezes)),
    buffered: mean(buffered.map(({ freezes }) => freezes)),
    delay: mean(buffered.map(({ delay }) => delay)),
  }
}

function changingLinks(links: number): BandwidthFigures['changing'] {
  const runs = seedsOf(links).map(runChangingLink)
  return {
    links,
    inside: mean(runs.map(({ inside }) => inside)),
    audioLost: mean(runs.map(({ audioLost }) => audioLost)),
  }
}

/** The smaller of two viewers' shares, by the larger. */
function shareOfTwo(seed: number): number {
  const link = aimedLink(4 * MEGABIT, 0)
  const shared = packetLink(link, seededRandom(seed))
  const viewers = [2 * seed, 2 * seed + 1].map(own => unlimitedViewer({ seed: own, link, shared }, 4 * MEGABIT))
  const time = new VirtualTime(START, [shared, ...viewers])
  time.run(START + 10_000)
  const before = viewers.map(({ arrivedBytes }) => arrivedBytes)
  time.run(START + 40_000)
  const bytes = viewers.map(({ arrivedBytes }, index) => arrivedBytes - before[index]!)
  return Math.min(...bytes) / Math.max(...bytes)
}

/** Video's share beside a TCP download, by half the link. */
function shareOfVideo(seed: number): number {
  const link = aimedLink(4 * MEGABIT, 0)
  const shared = packetLink(link, seededRandom(seed))
  const viewer = unlimitedViewer({ seed, link, shared }, 8 * MEGABIT)
  const tcp = new TcpFlow(shared, link.delay, START + 3_000)
  const time = new VirtualTime(START, [shared, viewer, tcp])
  time.run(START + 10_000)
  const before = viewer.arrivedBytes
  time.run(START + 40_000)
  return ((viewer.arrivedBytes - before) * 8) / 30 / (2 * MEGABIT)
}

const percent = (part: number) => `${round(100 * part, 1)} %`
const megabits = (rate: number) => `${rate / MEGABIT} Mbit/s`
/** A step that did not end in time. */
const time = (milliseconds: number) => (Number.isFinite(milliseconds) ? round(milliseconds, 0) : '> 15,000')

export function printBandwidth({
  estimates,
  steps,
  reported,
  changing,
  flapping,
  starts,
  freezes,
  crowd,
  fairness,
  independence,
}: BandwidthFigures): void {
  console.table(
    estimates.map(({ rate, loss, use, inside, worst, least, most, padding, media, audioLost, frozen }) => ({
      link: `${megabits(rate)}, ${percent(loss)} loss`,
      'media uses': use,
      'within 0.7–1.05': percent(inside),
      'worst run': percent(worst),
      'least–most': `${round(least, 2)}–${round(most, 2)}`,
      'media, of the link': percent(media - padding),
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
  console.table(
    reported.map(({ what, rate, loss, dropped, used }) => ({
      'Discord client with receiver reports': `${megabits(rate)}, ${percent(loss)} loss`,
      viewer: what,
      'media, of the link': percent(used),
      'packets that a full queue drops': percent(dropped),
    })),
  )
  console.table(
    flapping.map(({ rate, switches, better, none, dropped }) => ({
      'camera of 20 to 100 % of 0.9 Mbit/s': megabits(rate),
      'changes of layer per minute': round(switches, 1),
      'time in the better layer': percent(better),
      'without a layer': percent(none),
      'packets that a full queue drops': percent(dropped),
    })),
  )
  console.table(
    starts.map(({ rate, dropped, raisedAfter }) => ({
      'first three seconds, one camera, three layers': megabits(rate),
      'packets that a full queue drops': dropped,
      'better layer after, p50, ms': Number.isFinite(raisedAfter) ? round(raisedAfter, 0) : 'none fits',
    })),
  )
  console.table(
    freezes.map(({ rate, loss, immediate, buffered, delay }) => ({
      'one camera, lost packets are sent again': `${megabits(rate)}, ${percent(loss)} loss`,
      'freezes > 200 ms per minute': round(immediate, 1),
      'with a playout buffer': round(buffered, 1),
      'its delay, ms': round(delay, 0),
    })),
  )
  console.table(
    crowd.map(({ rate, media, padding, audioDropped, dropped }) => ({
      'viewer of a call of 25, on the router': `${megabits(rate)}, ${percent(CROWD_LOSS)} loss`,
      'media, of the link': percent(media),
      padding: percent(padding),
      'packets that a full queue drops': dropped,
      'of audio': audioDropped,
    })),
  )
  console.log(
    `${changing.links} random links whose rate changes every 10 s: within 0.7–1.05 ${percent(changing.inside)} of the time from 2.5 s after ` +
      `each change on, ${round(100 * changing.audioLost, 2)} % of audio lost to video`,
  )
  console.log(`two viewers behind one link: the smaller share is ${round(fairness.viewers, 2)} of the larger`)
  console.log(`beside a download: video gets ${round(fairness.download, 2)} of half the link`)
  console.log(
    `a viewer at 5 Mbit/s in a call of 25, beside viewers at 0.3 and 1 Mbit/s, receives ${round(independence, 3)} of what it receives without them`,
  )
}
