// What the aims for a viewer's bandwidth are measured with: one viewer on one emulated link, seeded. The bench runs many seeds, a test few.
import { NO_LAYER } from '../../media/layers/layer-choice.ts'
import { seededRandom } from '../seeded-random.ts'
import { AllocatedViewer } from './allocated-viewer.ts'
import type { LinkOptions } from './link-emulator.ts'
import { EstimatedSender } from './link-sender.ts'
import { ReportedViewer, type ReportedViewerOptions } from './reported-viewer.ts'
import { VaryingCamera } from './varying-camera.ts'
import { ViewerLink, type ViewerOptions } from './viewer-link.ts'
import { VirtualTime } from './virtual-time.ts'

export const MEGABIT = 1_000_000
const START = 1_000
/** What is measured begins after this time. */
const SETTLED = 5_000
/** A link has had its rate for so long when it changes, and up to a second longer: at any time between two probes. */
const BEFORE_STEP = 8_000
const LONGEST_STEP = 15_000
/** 24 cameras in two layers, as a member of a call of 25 sees them; and one camera in three. */
export const CALL = Array.from({ length: 24 }, () => [150_000, 600_000])
export const CAMERA = [[150_000, 500_000, 1_700_000]]

/** The links of the aims: 100 ms each way, and a queue of 300 ms at the highest rate. */
export const aimedLink = (rate: number, loss: number, highest = rate): LinkOptions => ({
  rate,
  delay: 100,
  queue: (highest * 0.3) / 8,
  loss,
})

/** A viewer whose media uses all of the estimate, and could use so many bits per second. */
export function unlimitedViewer(
  options: Omit<ViewerOptions<EstimatedSender>, 'sender' | 'bitrate'>,
  desired: number,
  bitrate: (estimate: number) => number = estimate => estimate,
): ViewerLink<EstimatedSender> {
  const sender = new EstimatedSender()
  sender.estimator.desired = desired
  return new ViewerLink({ ...options, sender, bitrate })
}

export interface EstimateRun {
  seed: number
  link: LinkOptions
  /** Media uses all of the estimate, or is limited to the layers that fit. */
  use: 'estimate' | 'layers'
  seconds: number
}

export interface EstimateResult {
  /** Part of the time within 0.7 to 1.05 of the link; the least and the most of the estimate relative to the link. */
  inside: number
  least: number
  most: number
  /** Parts of the link that padding and media take. */
  padding: number
  media: number
  /** Part of the audio packets that found the queue full of video. */
  audioLost: number
  /** The longest time between two packets of video, in ms. */
  longestGap: number
}

export function runEstimate({ seed, link, use, seconds }: EstimateRun): EstimateResult {
  const options = { seed, link, feedbackLoss: link.loss }
  const layers = use === 'layers' ? new AllocatedViewer({ ...options, sources: CALL }) : undefined
  const viewer = layers?.viewer ?? unlimitedViewer(options, 2 * link.rate)
  const time = layers?.time ?? new VirtualTime(START, [viewer])
  time.run(START + SETTLED)
  const before = { dropped: viewer.audioDropped, audio: viewer.audioSent, media: viewer.arrivedBytes }
  const paddingBefore = viewer.paddingBytes
  viewer.longestGap = 0
  const ratios: number[] = []
  for (let now = START + SETTLED; now < START + seconds * 1_000; now += 100) {
    time.run(now + 100)
    ratios.push(viewer.sender.estimate / link.rate)
  }
  const bits = (seconds - SETTLED / 1_000) * (link.rate / 8)
  return {
    inside: ratios.filter(ratio => ratio >= 0.7 && ratio <= 1.05).length / ratios.length,
    least: Math.min(...ratios),
    most: Math.max(...ratios),
    padding: (viewer.paddingBytes - paddingBefore) / bits,
    media: (viewer.arrivedBytes - before.media) / bits,
    audioLost: (viewer.audioDropped - before.dropped) / (viewer.audioSent - before.audio),
    longestGap: viewer.longestGap,
  }
}

export interface StepRun {
  seed: number
  sources: readonly (readonly number[])[]
  /** Bits per second before and after. */
  from: number
  to: number
  loss: number
}

/** Milliseconds until the right layers are sent after the link has changed; Infinity if they are not within 15 s. */
export function runStep({ seed, sources, from, to, loss }: StepRun): number {
  const link = aimedLink(from, loss, Math.max(from, to))
  const viewer = new AllocatedViewer({ seed, link, feedbackLoss: loss, sources })
  viewer.time.run(START + BEFORE_STEP + 1_000 * seededRandom(seed)())
  viewer.viewer.link.setRate(to, viewer.time.now)
  const least = to > from ? fitting(sources, to) : 0
  const start = viewer.time.now
  while (viewer.time.now < start + LONGEST_STEP) {
    viewer.time.run(viewer.time.now + 20)
    if (viewer.bitrate >= least && viewer.bitrate <= to) return viewer.time.now - start
  }
  return Infinity
}

/** What the layers that fit a link take, with room for a reserve: the best of one source, two thirds of the link with many. */
function fitting(sources: readonly (readonly number[])[], rate: number): number {
  if (sources.length === 1) return Math.max(0, ...sources[0]!.filter(bitrate => bitrate <= 0.85 * rate))
  const all = sources.reduce((sum, bitrates) => sum + bitrates.at(-1)!, 0)
  return 0.65 * Math.min(rate, all)
}

/** Changes of a random link, ms between two, and after which of them it is measured: then a viewer has had time to follow. */
const CHANGES = 6
const CHANGE_INTERVAL = 10_000
const FOLLOWED = 2_500

/**
 * A link whose rate changes at random between 0.4 and 5 Mbit/s; some have random loss, bursts of loss, jitter or reordering. Returns the
 * part of the time within 0.7 to 1.05 of its rate, and of the audio packets that found the queue full.
 */
export function runChangingLink(seed: number): { inside: number; audioLost: number } {
  const random = seededRandom(seed + 5_000)
  const rateOf = () => 0.4 * MEGABIT * 2 ** (random() * 3.6)
  let rate = rateOf()
  const link = {
    rate,
    delay: 10 + random() * 110,
    queue: (rate * (0.1 + random() * 0.4)) / 8,
    loss: seed % 2 === 1 ? random() * 0.1 : 0,
    burst: seed % 3 === 0 ? { begins: 0.003, ends: 0.25 } : undefined,
    reordering: seed % 5 === 0 ? { chance: 0.01, by: 15 } : undefined,
    jitter: seed % 4 === 0 ? 10 : 0,
  }
  const { viewer, time } = new AllocatedViewer({ seed, link, feedbackLoss: link.loss, sources: CALL })
  time.run(START + SETTLED)
  const before = { sent: viewer.audioSent, dropped: viewer.audioDropped }
  const ratios: number[] = []
  for (let change = 0; change < CHANGES; change++) {
    rate = rateOf()
    viewer.link.setRate(rate, time.now)
    const start = time.now
    for (let passed = FOLLOWED; passed < CHANGE_INTERVAL; passed += 100) {
      time.run(start + passed)
      ratios.push(viewer.sender.estimate / rate)
    }
  }
  return {
    inside: ratios.filter(ratio => ratio >= 0.7 && ratio <= 1.05).length / ratios.length,
    audioLost: (viewer.audioDropped - before.dropped) / (viewer.audioSent - before.sent),
  }
}

/** What is measured of a client that only reports begins after this time: nothing limits it at first. */
const REPORTED_SETTLED = 12_000

export interface ReportedResult {
  /** Part of the packets that a full queue drops. */
  dropped: number
  /** Part of the link that arriving media uses. */
  used: number
}

/** A Discord client over UDP. */
export function runReported(options: ReportedViewerOptions, seconds: number): ReportedResult {
  const viewer = new ReportedViewer(options)
  viewer.time.run(REPORTED_SETTLED)
  const before = { sent: viewer.sent, dropped: viewer.link.overflowed, bytes: viewer.arrivedBytes }
  viewer.time.run(seconds * 1_000)
  const time = seconds - REPORTED_SETTLED / 1_000
  return {
    dropped: (viewer.link.overflowed - before.dropped) / Math.max(1, viewer.sent - before.sent),
    used: ((viewer.arrivedBytes - before.bytes) * 8) / time / options.link.rate,
  }
}

/** The layers of a camera at most, of which the better one fits a slow link in some scenes only. */
const VARYING = [150_000, 900_000]

export interface FlappingResult {
  /** Times per minute that another layer, or none, was sent. */
  switches: number
  /** Part of the time in the better layer, and without a layer. */
  better: number
  none: number
  /** Part of the packets of video and audio that a full queue drops. */
  dropped: number
}

/** A viewer of a camera whose layers vary by content, on a link of constant rate. */
export function runFlapping(seed: number, rate: number, seconds: number): FlappingResult {
  const camera = new VaryingCamera(VARYING, seed + 7_000)
  const link = { rate, delay: 40, queue: (rate * 0.3) / 8, loss: 0 }
  const { viewer, time, sources } = new AllocatedViewer({ seed, link, sources: [camera] })
  const [source] = sources
  time.run(START + SETTLED)
  const before = { changes: source!.changes, dropped: viewer.link.overflowed, sent: viewer.sent + viewer.audioSent }
  const layers: number[] = []
  for (let now = START + SETTLED; now < START + seconds * 1_000; now += 100) {
    time.run(now + 100)
    layers.push(source!.current)
  }
  const partOf = (layer: number) => layers.filter(each => each === layer).length / layers.length
  return {
    switches: (source!.changes - before.changes) / ((seconds - SETTLED / 1_000) / 60),
    better: partOf(1),
    none: partOf(NO_LAYER),
    dropped: (viewer.link.overflowed - before.dropped) / (viewer.sent + viewer.audioSent - before.sent),
  }
}

const START_SECONDS = 3

export interface StartResult {
  /** Packets of video and audio that find the queue full in the first seconds. */
  dropped: number
  /** Milliseconds until a better layer than the lowest is sent; Infinity if none is in that time. */
  raisedAfter: number
}

/** The first seconds of a viewer of one camera. */
export function runStart(seed: number, rate: number): StartResult {
  const run = new AllocatedViewer({ seed, link: aimedLink(rate, 0), sources: CAMERA })
  let raisedAfter = Infinity
  for (let passed = 0; passed < START_SECONDS * 1_000; passed += 10) {
    run.time.run(START + passed)
    if (run.layers[0]! > 0) raisedAfter = Math.min(raisedAfter, passed)
  }
  return { dropped: run.viewer.link.overflowed, raisedAfter }
}

export interface FreezeResult {
  /** Times per minute that the picture stood for more than 200 ms. */
  freezes: number
  /** Milliseconds by which the viewer delays the picture in the end. */
  delay: number
}

/** What is shown is counted after this time: a receiver learns its delay. */
const LEARNED = 15_000

/** A viewer of one camera that requests lost packets, on a link of constant rate. */
export function runFreezes(
  seed: number,
  link: LinkOptions,
  playout: 'buffered' | 'immediate',
  seconds: number,
): FreezeResult {
  const { viewer, time } = new AllocatedViewer({ seed, link, feedbackLoss: link.loss, playout, sources: CAMERA })
  time.run(START + LEARNED)
  const before = viewer.playout!.freezes
  time.run(START + LEARNED + seconds * 1_000)
  return { freezes: (viewer.playout!.freezes - before) / (seconds / 60), delay: viewer.playout!.delay }
}
