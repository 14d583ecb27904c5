// A network link on the virtual clock: rate, delay, a bounded queue, loss, reordering. Seeded, so that a run can be repeated.

export interface LinkOptions {
  /** Bits per second. */
  rate: number
  /** One way, in milliseconds. */
  delay: number
  /** Bytes that wait at most. A packet that does not fit is dropped. */
  queue: number
  /** Part of the packets that is lost behind the queue, one by one. */
  loss: number
  /** Loss in bursts: the chance per packet that a burst begins, and that it ends. All packets of a burst are lost. */
  burst?: { begins: number; ends: number } | undefined
  /** The chance that a packet arrives later than others, and by how many milliseconds. */
  reordering?: { chance: number; by: number } | undefined
  /** Packets wait up to so many milliseconds more, in order. */
  jitter?: number | undefined
}

/** A packet that notifies its flow when it arrives. */
export interface Packet {
  readonly arrived?: ((now: number) => void) | undefined
}

/** A link for flows of several kinds. */
export const packetLink = (options: LinkOptions, random: () => number): LinkEmulator<Packet> =>
  new LinkEmulator<Packet>(options, random, (packet, now) => packet.arrived?.(now))

interface Waiting<T> {
  readonly packet: T
  readonly bytes: number
}
interface Arriving<T> {
  readonly packet: T
  readonly at: number
}

/** Packets enter with `send`, and leave through `deliver` when `tick` is called at `deadline`. */
export class LinkEmulator<T> {
  readonly #options: LinkOptions
  readonly #random: () => number
  readonly #deliver: (packet: T, now: number) => void
  readonly #queue: Waiting<T>[] = []
  #queuedBytes = 0
  /** When the first packet of the queue is through. */
  #throughAt = Infinity
  #arriving: Arriving<T>[] = []
  #isInBurst = false
  #lastArrival = -Infinity
  /** Packets that did not fit the queue, and packets lost behind it. */
  overflowed = 0
  lost = 0

  constructor(options: LinkOptions, random: () => number, deliver: (packet: T, now: number) => void) {
    this.#options = { ...options }
    this.#random = random
    this.#deliver = deliver
  }

  /** When `tick` is due; `Infinity` for an empty link. */
  get deadline(): number {
    return Math.min(this.#throughAt, this.#arriving[0]?.at ?? Infinity)
  }

  /** Milliseconds that a packet sent now would wait. */
  get queueDelay(): number {
    return (this.#queuedBytes * 8_000) / this.#options.rate
  }

  /** Another rate from now on. */
  setRate(rate: number, now: number): void {
    if (this.#throughAt < Infinity) this.#throughAt = now + ((this.#throughAt - now) * this.#options.rate) / rate
    this.#options.rate = rate
  }

  /** Queues the packet, or drops it at a full queue (drop-tail), which `overflowed` counts. */
  /** Returns false if the packet does not fit the queue. */
  send(packet: T, bytes: number, now: number): boolean {
    if (this.#queuedBytes + bytes > this.#options.queue) {
      this.overflowed++
      return false
    }
    this.#queue.push({ packet, bytes })
    this.#queuedBytes += bytes
    if (this.#queue.length === 1) this.#throughAt = now + this.#timeOf(bytes)
    return true
  }

  /** What left the queue before `now` is delivered in the order of arrival, at its own time and not at `now`. */
  tick(now: number): void {
    while (this.#throughAt <= now) this.#through(this.#throughAt)
    while (this.#arriving.length > 0 && this.#arriving[0]!.at <= now) this.#deliver(this.#arriving.shift()!.packet, now)
  }

  /** The first packet has left the queue. Losses happen behind it: a lost packet has taken its time on the link. */
  #through(at: number): void {
    const { packet, bytes } = this.#queue.shift()!
    this.#queuedBytes -= bytes
    const [next] = this.#queue
    this.#throughAt = next === undefined ? Infinity : at + this.#timeOf(next.bytes)
    if (this.#isLost()) this.lost++
    else this.#arrive(packet, at + this.#options.delay)
  }

  #timeOf(bytes: number): number {
    return (bytes * 8_000) / this.#options.rate
  }

  /** Bursts are a chain of two states (Gilbert): the chance to be in a burst depends on the previous packet. */
  #isLost(): boolean {
    const { loss, burst } = this.#options
    if (burst !== undefined) this.#isInBurst = this.#random() < (this.#isInBurst ? 1 - burst.ends : burst.begins)
    return this.#isInBurst || this.#random() < loss
  }

  /** Jitter never changes the order, reordering does: a late packet arrives `by` later, and others overtake it. */
  #arrive(packet: T, at: number): void {
    const { reordering, jitter = 0 } = this.#options
    const isLate = reordering !== undefined && this.#random() < reordering.chance
    const inOrder = Math.max(this.#lastArrival, at + (jitter > 0 ? jitter * this.#random() : 0))
    if (!isLate) this.#lastArrival = inOrder
    const arrival = isLate ? inOrder + reordering.by : inOrder
    let place = this.#arriving.length
    while (place > 0 && this.#arriving[place - 1]!.at > arrival) place--
    this.#arriving.splice(place, 0, { packet, at: arrival })
  }
}
