// Video that got lost on its way to the lane: asked of its source (RFC 4585 §6.2.1), before anybody who sees it has to.
import { writeNack } from '@parley/protocol'
import type { PacketIo } from '../../lane/packet-io.ts'
import type { RouteTable } from '../forward/route-table.ts'
import { LANE_SSRC } from '../rtcp/receiver-reports.ts'
import type { KeyframeRequests, SourceRequestParts } from './keyframe-requests.ts'
import { MissingPackets } from './missing-packets.ts'

/** Sequences that one NACK can ask for. */
const MOST_ASKED = 64
const LONGEST_NACK = 12 + 4 * MOST_ASKED

export class NackGenerator {
  readonly #io: PacketIo
  readonly #routes: RouteTable
  readonly #clientSsrc: SourceRequestParts['clientSsrc']
  readonly #keyframes: KeyframeRequests
  /** By the SSRC of the video. */
  readonly #sources = new Map<number, MissingPackets>()
  /** Those of which something is missing. */
  readonly #waiting = new Set<number>()
  readonly #asked = new Int32Array(MOST_ASKED)
  readonly #bytes = new Uint8Array(LONGEST_NACK)
  readonly #view = new DataView(this.#bytes.buffer)
  deadline = Infinity

  constructor({ io, routes, clientSsrc }: SourceRequestParts, keyframes: KeyframeRequests) {
    this.#io = io
    this.#routes = routes
    this.#clientSsrc = clientSsrc
    this.#keyframes = keyframes
  }

  get size(): number {
    return this.#sources.size
  }

  /** The video with this SSRC has ended. */
  forget(ssrc: number): void {
    this.#sources.delete(ssrc)
    if (this.#waiting.delete(ssrc)) this.#rearm()
  }

  /** A packet of the video came by itself. Per packet: allocates only for the first. */
  arrived(ssrc: number, sequence: number, now: number): void {
    const missing = this.#sources.get(ssrc) ?? this.#open(ssrc)
    if (!missing.arrived(sequence, now)) return
    this.#waiting.add(ssrc)
    this.deadline = Math.min(this.deadline, this.#deadlineOf(ssrc, missing))
  }

  /** A packet came because it was asked for, or unasked. Returns whether it had been missing. */
  repaired(ssrc: number, sequence: number, now: number): boolean {
    return this.#sources.get(ssrc)?.found(sequence, now) ?? false
  }

  /** Somebody who is sent the video misses the first `count` of `sequences`, as the lane does. */
  missedBy(ssrc: number, sequences: Int32Array, count: number, now: number): void {
    const missing = this.#sources.get(ssrc)
    if (missing === undefined) return
    let isUrgent = false
    for (let index = 0; index < count; index++) if (missing.hurry(sequences[index]!, now)) isUrgent = true
    if (isUrgent) this.#ask(ssrc, missing, now)
  }

  tick(now: number): void {
    for (const ssrc of this.#waiting) this.#ask(ssrc, this.#sources.get(ssrc)!, now)
    this.#rearm()
  }

  #open(ssrc: number): MissingPackets {
    const missing = new MissingPackets()
    this.#sources.set(ssrc, missing)
    return missing
  }

  #ask(ssrc: number, missing: MissingPackets, now: number): void {
    const row = this.#routes.row(ssrc)
    const count = missing.take(this.#asked, now)
    if (count > 0 && row >= 0) {
      const source = this.#routes.owners[row]!
      const ssrcs = { sender: LANE_SSRC, media: this.#clientSsrc(source, ssrc) }
      this.#io.sendRtcp(source, this.#bytes, writeNack(this.#view, 0, ssrcs, this.#asked, count))
    }
    if (missing.isBroken && this.#keyframes.ask(ssrc, now)) missing.isBroken = false
    if (missing.count === 0 && !missing.isBroken) this.#waiting.delete(ssrc)
  }

  #deadlineOf(ssrc: number, missing: MissingPackets): number {
    return missing.isBroken ? Math.min(missing.deadline, this.#keyframes.mayAskAt(ssrc)) : missing.deadline
  }

  #rearm(): void {
    this.deadline = Infinity
    for (const ssrc of this.#waiting)
      this.deadline = Math.min(this.deadline, this.#deadlineOf(ssrc, this.#sources.get(ssrc)!))
  }
}
