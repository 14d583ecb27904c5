// Measures the call once a second, as long as it lasts.
import type { DaveReport } from '@parley/client/browser'
import { type Measurement, readingOf, type Stat, type TransportReport } from './measurements.ts'
import { Meter } from './meter.ts'
import { type VideoReadings, VideoStats } from './video-stats.ts'

const INTERVAL = 1_000

/** What is measured: a `WebVoiceClient`. */
export interface Measured {
  stats(): Promise<Iterable<Stat>>
  daveReport(): Promise<DaveReport | undefined>
  readonly nodeAddress: string | undefined
  readonly gatewayPing: number | undefined
}

export interface CallReading {
  readonly measurements: readonly Measurement[]
  readonly transport: TransportReport
  readonly videoReadings: VideoReadings
  readonly frames: DaveReport | undefined
  readonly nodeAddress: string | undefined
  readonly gatewayPing: number | undefined
}

export class CallMeasure {
  readonly #taken: (reading: CallReading) => void
  #measured: Measured | undefined
  #meter = new Meter()
  #videoStats = new VideoStats()
  #timer: number | undefined

  constructor(taken: (reading: CallReading) => void) {
    this.#taken = taken
  }

  /** Measures this client from now on. */
  watch(measured: Measured): void {
    this.#measured = measured
    this.#meter = new Meter()
    this.#videoStats = new VideoStats()
    this.#timer ??= window.setInterval(() => void this.#measure(), INTERVAL)
  }

  stop(): void {
    window.clearInterval(this.#timer)
    this.#timer = undefined
    this.#measured = undefined
  }

  /** One reading. A client that was replaced while it was read is ignored. */
  async #measure(): Promise<void> {
    const measured = this.#measured
    if (measured === undefined) return
    const meter = this.#meter
    // Rejects where the call ends meanwhile.
    const frames = await measured.daveReport().catch(() => undefined)
    const stats = [...(await measured.stats())]
    if (this.#measured !== measured) return
    const reading = readingOf(stats, Date.now())
    meter.add(reading)
    const { nodeAddress, gatewayPing } = measured
    const { measurements } = meter
    const videoReadings = this.#videoStats.read(stats)
    this.#taken({ measurements, transport: reading.transport, videoReadings, frames, nodeAddress, gatewayPing })
  }
}
