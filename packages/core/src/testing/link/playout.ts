// A receiver of video with NACK and a playout buffer, as browsers have them: it requests what a gap shows as missing, shows frames in order
// once they are complete, and delays all of them by what late ones needed recently.

/** Milliseconds beyond the turnaround after which a packet is requested again. */
const REPEAT_AFTER = 20
/** The delay is what this part of the last frames needed at most, and follows by this part of the difference per frame. */
const FRAMES = 300
const ON_TIME = 0.98
const FOLLOWING = 0.1
/** A picture that stays for so many ms has frozen. */
const FROZEN = 200

/** A packet of a frame. Sequences have no gaps. */
export interface FramePacket {
  readonly sequence: number
  /** The first of its frame, and how many that has. */
  readonly first: number
  readonly count: number
  /** When the frame was produced. */
  readonly at: number
}

export class Playout {
  readonly #turnaround: number
  readonly #isBuffered: boolean
  readonly #request: (sequence: number, now: number) => void
  /** When packets that are missing are requested next, by sequence. */
  readonly #missing = new Map<number, number>()
  /** Packets that arrived of frames that were not shown yet, by the first sequence. */
  readonly #waiting = new Map<number, { readonly packet: FramePacket; arrived: number }>()
  #highest = -1
  /** The first sequence of the frame that is shown next. */
  #next = 0
  #shownAt = Infinity
  /** Milliseconds from the production of a frame to the last of its packets: the least, those of the last frames, and the delay. */
  #least = Infinity
  readonly #needed: number[] = []
  #delay = 0
  /** Times that the picture stood for more than 200 ms. */
  freezes = 0
  deadline = Infinity

  /** `request`: a NACK of the packet leaves. Without a buffer frames are shown as soon as they are complete. */
  constructor(turnaround: number, isBuffered: boolean, request: (sequence: number, now: number) => void) {
    this.#turnaround = turnaround
    this.#isBuffered = isBuffered
    this.#request = request
  }

  /** Milliseconds that frames wait so that late ones are shown in time. */
  get delay(): number {
    return this.#delay
  }

  arrived(packet: FramePacket, now: number): void {
    const { sequence, first } = packet
    if (sequence <= this.#highest && !this.#missing.delete(sequence)) return
    for (let lost = this.#highest + 1; lost < sequence; lost++) this.#missing.set(lost, now)
    this.#highest = Math.max(this.#highest, sequence)
    const frame = this.#waiting.get(first) ?? { packet, arrived: 0 }
    frame.arrived++
    this.#waiting.set(first, frame)
    this.#show(now)
    this.tick(now)
  }

  /** Requests what is missing. */
  tick(now: number): void {
    this.deadline = Infinity
    for (const [sequence, at] of this.#missing) {
      const next = at > now ? at : now + this.#turnaround + REPEAT_AFTER
      if (at <= now) this.#request(sequence, now)
      this.#missing.set(sequence, next)
      this.deadline = Math.min(this.deadline, next)
    }
  }

  /** Shows the frames that are complete, in order. */
  #show(now: number): void {
    for (;;) {
      const frame = this.#waiting.get(this.#next)
      if (frame === undefined || frame.arrived < frame.packet.count) return
      this.#waiting.delete(this.#next)
      this.#next += frame.packet.count
      const at = Math.max(now, this.#timeOf(frame.packet.at, now))
      if (at - this.#shownAt > FROZEN) this.freezes++
      this.#shownAt = at
    }
  }

  /** When a frame that is complete now is to be shown. */
  #timeOf(produced: number, now: number): number {
    const needed = now - produced
    this.#least = Math.min(this.#least, needed)
    if (!this.#isBuffered) return now
    this.#needed.push(needed)
    if (this.#needed.length > FRAMES) this.#needed.shift()
    const sorted = [...this.#needed].sort((one, other) => one - other)
    const enough = sorted[Math.floor(ON_TIME * (sorted.length - 1))]! - this.#least
    this.#delay += FOLLOWING * (enough - this.#delay)
    return produced + this.#least + this.#delay
  }
}
