// The loop of a load: receives, then sends what is due, in turns that are short enough for heartbeats to be on time.

import type { Pace } from '../plan.ts'
import type { LoadSockets } from './load-sockets.ts'

/** What sends packets. */
export interface TrafficSource {
  /** Time of the next packet of a paced source. */
  nextAt: number
  /** Packets that the last listener has not received yet. */
  readonly inFlight: number
  /** Sends the next packet. Returns the milliseconds until the one after it; `interval` is the pace of the load. */
  send(interval: number): number
  /** Milliseconds over which the beginnings of several sources are spread. */
  period(interval: number): number
  /** Counts the packets in flight as lost if none has arrived for `patience` milliseconds. */
  recover(patience: number, now: number): void
}

/** What reads sockets: at most one batch per call, of which it returns the number of datagrams. */
interface TrafficReceiver {
  receive(socket: number, now: number): number
}

/** Datagrams per turn, at about a microsecond each. */
const TURN = 2_000
/** Milliseconds without a received packet after which a window counts as lost. */
const PATIENCE = 1_000
/** Milliseconds of delay beyond which a paced stream skips packets instead of catching up. */
const LATEST = 200

export class Traffic {
  readonly #sockets: LoadSockets
  readonly #receiver: TrafficReceiver
  #streams: readonly TrafficSource[] = []
  #pace: Pace = { kind: 'silent' }
  #window = 0
  #socket = 0
  #receivedAt = 0
  #isBusy = false
  #isClosed = false

  constructor(sockets: LoadSockets, receiver: TrafficReceiver) {
    this.#sockets = sockets
    this.#receiver = receiver
    this.#turn()
  }

  /** Time of the latest received datagram. */
  get receivedAt(): number {
    return this.#receivedAt
  }

  /** Streams send at this pace from now on; `window` is for saturation. */
  start(streams: readonly TrafficSource[], pace: Pace, window: number): void {
    const now = performance.now()
    const interval = pace.kind === 'paced' ? 1_000 / pace.perSecond : 0
    for (const [index, stream] of streams.entries())
      stream.nextAt = now + (stream.period(interval) * index) / streams.length
    this.#streams = streams
    this.#window = window
    this.#pace = pace
  }

  stop(): void {
    this.#pace = { kind: 'silent' }
  }

  /** Whether to poll without pauses, as while saturating. */
  pollWithoutPause(isBusy: boolean): void {
    this.#isBusy = isBusy
  }

  close(): void {
    this.#isClosed = true
  }

  #turn(): void {
    if (this.#isClosed) return
    const now = performance.now()
    const received = this.#receive(now)
    if (received > 0) this.#receivedAt = now
    const { kind } = this.#pace
    if (kind === 'paced') this.#sendDue(this.#pace.perSecond)
    else if (kind === 'saturated') this.#fill(now)
    if (kind === 'saturated' || this.#isBusy || received >= TURN) setImmediate(() => this.#turn())
    else setTimeout(() => this.#turn(), 1)
  }

  /** Reads each socket once, from where the last turn stopped. */
  #receive(now: number): number {
    let received = 0
    for (let left = this.#sockets.count; left > 0 && received < TURN; left--) {
      received += this.#receiver.receive(this.#socket, now)
      this.#socket = (this.#socket + 1) % this.#sockets.count
    }
    return received
  }

  #sendDue(perSecond: number): void {
    const interval = 1_000 / perSecond
    for (const stream of this.#streams) {
      const now = performance.now()
      if (now - stream.nextAt > LATEST) stream.nextAt = now
      while (stream.nextAt <= now) stream.nextAt += stream.send(interval)
      this.#sockets.flush()
    }
  }

  #fill(now: number): void {
    for (const stream of this.#streams) {
      stream.recover(PATIENCE, now)
      while (stream.inFlight < this.#window) stream.send(0)
      this.#sockets.flush()
    }
  }
}
