// The loop of a load: hears what came, then sends what is due, in turns short enough for heartbeats to be on time.

import type { Pace } from '../plan.ts'
import type { Ears } from './ears.ts'
import type { LoadSockets } from './load-sockets.ts'
import type { Stream } from './stream.ts'

/** Datagrams of one turn, at about a microsecond each. */
const TURN = 2_000
/** With nothing heard for so long, a window counts as lost. */
const PATIENCE = 1_000
/** A paced stream that is further behind than this does not catch up. */
const LATEST = 200

export class Traffic {
  readonly #sockets: LoadSockets
  readonly #ears: Ears
  #streams: readonly Stream[] = []
  #pace: Pace = { kind: 'silent' }
  #window = 0
  #socket = 0
  #heardAt = 0
  #isBusy = false
  #isClosed = false

  constructor(sockets: LoadSockets, ears: Ears) {
    this.#sockets = sockets
    this.#ears = ears
    this.#turn()
  }

  /** When a datagram was heard last. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** Speakers talk at this pace from now on; `window` is for saturation. */
  talk(streams: readonly Stream[], pace: Pace, window: number): void {
    const now = performance.now()
    const interval = pace.kind === 'paced' ? 1_000 / pace.perSecond : 0
    for (const [index, stream] of streams.entries()) stream.nextAt = now + (interval * index) / streams.length
    this.#streams = streams
    this.#window = window
    this.#pace = pace
  }

  hush(): void {
    this.#pace = { kind: 'silent' }
  }

  /** Hears without pause, as while it saturates. */
  listenBusily(isBusy: boolean): void {
    this.#isBusy = isBusy
  }

  close(): void {
    this.#isClosed = true
  }

  #turn(): void {
    if (this.#isClosed) return
    const now = performance.now()
    const heard = this.#listen(now)
    if (heard > 0) this.#heardAt = now
    const { kind } = this.#pace
    if (kind === 'paced') this.#sendDue(this.#pace.perSecond)
    else if (kind === 'saturated') this.#fill(now)
    if (kind === 'saturated' || this.#isBusy || heard >= TURN) setImmediate(() => this.#turn())
    else setTimeout(() => this.#turn(), 1)
  }

  /** Every socket once, from where the last turn stopped. */
  #listen(now: number): number {
    let heard = 0
    for (let left = this.#sockets.count; left > 0 && heard < TURN; left--) {
      heard += this.#ears.listen(this.#socket, now)
      this.#socket = (this.#socket + 1) % this.#sockets.count
    }
    return heard
  }

  #sendDue(perSecond: number): void {
    const interval = 1_000 / perSecond
    for (const stream of this.#streams) {
      const now = performance.now()
      if (now - stream.nextAt > LATEST) stream.nextAt = now
      for (; stream.nextAt <= now; stream.nextAt += interval) stream.send()
      this.#sockets.flush()
    }
  }

  #fill(now: number): void {
    for (const stream of this.#streams) {
      stream.recover(PATIENCE, now)
      while (stream.onTheirWay < this.#window) stream.send()
      this.#sockets.flush()
    }
  }
}
