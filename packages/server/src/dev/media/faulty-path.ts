// One direction of a session's datagrams: losses, delays, reordering, duplicates, chosen by the seed.
import { SERVER_LIMITS } from '../../limits.ts'
import type { FaultName } from '../faults/fault-table.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import type { Fate } from '../trace/trace-record.ts'

/** What happened to a datagram. */
export interface Carriage {
  fate: Fate
  by: FaultName[]
}

/** How long a datagram waits for its successor with `udp-reorder`. */
const LONGEST_HOLD = 100

/**
 * The choice for a datagram depends on the seed and on its number in this direction, so that a run can be repeated.
 * Timing (`udp-rate`, delays) is real.
 */
export class FaultyPath {
  readonly #faults: UserFaults
  readonly #loss: FaultName
  readonly #random: () => number
  readonly #send: (bytes: Uint8Array) => void
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Datagrams that `udp-burst` will lose. */
  #burst = 0
  #held: Uint8Array | undefined
  /** Bits that may pass at once with `udp-rate`, and when that was counted. */
  #bits = 0
  #countedAt = 0

  constructor(faults: UserFaults, direction: 'up' | 'down', random: () => number, send: (bytes: Uint8Array) => void) {
    this.#faults = faults
    this.#loss = direction === 'up' ? 'udp-loss-up' : 'udp-loss-down'
    this.#random = random
    this.#send = send
  }

  /** The next `count` datagrams are lost. */
  beginBurst(count: number): void {
    this.#burst += count
  }

  /** Delayed datagrams are dropped. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  /** Sends the datagram, or not. Only media are altered (`isMedia`): other datagrams have no checksum of their own. */
  carry(bytes: Uint8Array, isMedia: boolean, extraDelay = 0): Carriage {
    // The same count of numbers for each datagram: what happens to one does not change the next.
    const chances = Array.from({ length: 5 }, () => this.#random() * 100)
    const [loss = 0, double = 0, swap = 0, alter = 0, jitter = 0] = chances
    const by: FaultName[] = []
    if (this.#isLost(loss, bytes.length, by)) return { fate: 'lost', by }
    const altered = isMedia && this.#is('udp-corrupt', alter, by)
    const sent = altered ? corrupted(bytes) : bytes
    const isDouble = this.#is('udp-duplicate', double, by)
    const delay = extraDelay + this.#delay(jitter, by)
    if (this.#is('udp-reorder', swap, by) && this.#held === undefined) this.#hold(sent)
    else this.#pass(sent, delay, isDouble ? 2 : 1)
    return { fate: isDouble ? 'twice' : delay > 0 ? 'late' : altered ? 'changed' : 'sent', by }
  }

  #is(name: FaultName, chance: number, by: FaultName[]): boolean {
    const share = this.#faults.value(name)
    const is = share !== undefined && chance < share
    if (is) by.push(name)
    return is
  }

  #isLost(chance: number, length: number, by: FaultName[]): boolean {
    if (this.#burst > 0) {
      this.#burst--
      by.push('udp-burst')
      return true
    }
    return this.#is('udp-loss', chance, by) || this.#is(this.#loss, chance, by) || this.#isAboveRate(length, by)
  }

  /** A token bucket of bits; `rate` is in kbit/s, which is bits per millisecond. */
  #isAboveRate(length: number, by: FaultName[]): boolean {
    const rate = this.#faults.value('udp-rate')
    if (rate === undefined) return false
    const now = performance.now()
    // A quarter of a second may pass at once.
    this.#bits = Math.min(rate * 250, this.#bits + (now - this.#countedAt) * rate)
    this.#countedAt = now
    if (this.#bits >= length * 8) {
      this.#bits -= length * 8
      return false
    }
    by.push('udp-rate')
    return true
  }

  #delay(chance: number, by: FaultName[]): number {
    const delay = this.#faults.value('udp-delay')
    const jitter = this.#faults.value('udp-jitter')
    if (delay !== undefined) by.push('udp-delay')
    if (jitter !== undefined) by.push('udp-jitter')
    return (delay ?? 0) + ((jitter ?? 0) * chance) / 100
  }

  #hold(bytes: Uint8Array): void {
    this.#held = bytes
    this.#later(LONGEST_HOLD, () => this.#release(bytes))
  }

  #release(bytes: Uint8Array): void {
    if (this.#held !== bytes) return
    this.#held = undefined
    this.#send(bytes)
  }

  /** A datagram that was held for `udp-reorder` leaves after its successor. */
  #pass(bytes: Uint8Array, delay: number, copies: number): void {
    const send = () => {
      for (let copy = 0; copy < copies; copy++) this.#send(bytes)
      if (this.#held !== undefined) this.#release(this.#held)
    }
    if (delay > 0) this.#later(delay, send)
    else send()
  }

  /** Above the maximum of delayed datagrams, further ones are lost. */
  #later(delay: number, act: () => void): void {
    if (this.#timers.size >= SERVER_LIMITS.maxDelayedDatagrams) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, delay)
    this.#timers.add(timer)
  }
}

/** With another last byte but four: the tag of a sealed packet, or its nonce. */
function corrupted(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[copy.length - 5] = copy[copy.length - 5]! ^ 0xff
  return copy
}
