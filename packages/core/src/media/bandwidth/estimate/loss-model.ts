// Whether loss comes from the link as it is (radio) or from sending too much, by how loss changes with the sent rate. Loss of the
// first kind stays the same when less is sent, so it must not lower the estimate.
//
//   Of what is sent at rate S over a link of bandwidth B with inherent loss p,  p + (1 − p) × max(0, 1 − B / S)  is lost.
//   B = ∞ is accepted unless a finite B explains the observations of the last seconds clearly better.

/** Observations, and the shortest time of one in ms. */
const OBSERVATIONS = 20
const LEAST_TIME = 400
/** An observation says nothing about the link after this many ms. */
const LIFE = 6_000
/** Packets of one observation at least: fewer say little. */
const LEAST_PACKETS = 15
/** Weight of an observation relative to the one after it. */
const AGING = 0.9
/** Inherent losses that are tried, and the highest: more is always congestion. */
const INHERENT_STEP = 0.02
const INHERENT_STEPS = 10
/** Bandwidths that are tried between the lowest and the highest sent rate. */
const BANDWIDTHS = 10
/** Below this part of lost packets loss is not examined: no congestion control reacts to it. */
const HARMLESS = 0.02
/** Loss above this in the last observations is always congestion, however few packets show it: no video survives it. */
const EXCESSIVE = 0.25
const RECENT = 2
const RECENT_PACKETS = 50
/** Weight of a new fit of the inherent loss. */
const INHERENT_WEIGHT = 0.2
/** Log likelihood that a finite bandwidth must gain. Losses come in bursts, so each counts for less than an independent one. */
const EVIDENCE = 8
const BURST = 3
/** Growth of the limit per second once loss no longer shows it. */
const GROWTH = 0.2
/** Above this multiple of what is sent the limit no longer limits. */
const UNLIMITED = 2

/** Per observation: no allocation. */
export class LossModel {
  readonly #packets = new Float64Array(OBSERVATIONS)
  readonly #lost = new Float64Array(OBSERVATIONS)
  readonly #rates = new Float64Array(OBSERVATIONS)
  readonly #times = new Float64Array(OBSERVATIONS)
  /** Observations that are young enough. */
  #valid = 0
  #count = 0
  #startedAt = -Infinity
  #packetsNow = 0
  #lostNow = 0
  #bitsNow = 0
  /** Bits per second at which loss by congestion begins; Infinity if there is none. */
  limit = Infinity
  /** The last observations show loss by congestion. */
  isCongested = false
  /** Part of the packets that is lost whatever is sent. */
  inherent = 0
  /** That of the last fit. */
  #bestInherent = 0

  /** Feedback covers these packets, of which `lost` did not arrive, and `bits` in all. Returns whether an observation is complete. */
  add(packets: number, lost: number, bits: number, now: number): boolean {
    if (this.#startedAt === -Infinity) this.#startedAt = now
    this.#packetsNow += packets
    this.#lostNow += lost
    this.#bitsNow += bits
    const elapsed = now - this.#startedAt
    if (elapsed < LEAST_TIME || this.#packetsNow < LEAST_PACKETS) return false
    this.#observe(elapsed, now)
    this.#startedAt = now
    this.#packetsNow = this.#lostNow = this.#bitsNow = 0
    return true
  }

  /** The link carries more than the limit, as a probe has measured: the observations no longer tell its bandwidth. */
  forget(): void {
    this.limit = Infinity
    this.isCongested = false
    this.#valid = 0
  }

  /** The link carries this, if not more. */
  raise(limit: number): void {
    this.limit = Math.max(this.limit, limit)
  }

  #observe(elapsed: number, now: number): void {
    const place = this.#count++ % OBSERVATIONS
    this.#packets[place] = this.#packetsNow
    this.#lost[place] = this.#lostNow
    this.#rates[place] = (this.#bitsNow * 1_000) / elapsed
    this.#times[place] = now
    this.#valid = Math.min(this.#valid + 1, OBSERVATIONS)
    while (this.#times[this.#placeOf(this.#valid)]! < now - LIFE) this.#valid--
    this.#fit(this.#rates[place]!, elapsed)
  }

  #fit(rate: number, elapsed: number): void {
    const loss = this.#lossOf()
    const found = loss < HARMLESS ? Infinity : Math.min(this.#congestedAt(), this.#excessAt())
    if (loss < HARMLESS) this.#bestInherent = loss
    this.inherent += INHERENT_WEIGHT * (this.#bestInherent - this.inherent)
    this.isCongested = found < Infinity
    if (this.isCongested) this.limit = found
    else if (this.limit < Infinity) this.#relax(rate, elapsed)
  }

  /** The bandwidth that explains the observations clearly better than none does; Infinity if there is none. */
  #congestedAt(): number {
    let best = this.#best(Infinity) + EVIDENCE * BURST
    let inherent = this.#bestInherent
    let found = Infinity
    const lowest = this.#extreme(Math.min) / 2
    const highest = this.#extreme(Math.max)
    for (let step = 0; step <= BANDWIDTHS; step++) {
      const bandwidth = lowest * (highest / lowest) ** (step / BANDWIDTHS)
      const likelihood = this.#best(bandwidth)
      if (likelihood <= best) continue
      best = likelihood
      found = bandwidth
      inherent = this.#bestInherent
    }
    this.#bestInherent = inherent
    return found
  }

  /** The rate that arrived if the last observations lost too much; Infinity otherwise. */
  #excessAt(): number {
    let packets = 0
    let lost = 0
    let rate = 0
    for (let back = 1; back <= this.#valid; back++) {
      const place = this.#placeOf(back)
      packets += this.#packets[place]!
      lost += this.#lost[place]!
      rate += this.#rates[place]!
      if (back < RECENT || packets < RECENT_PACKETS) continue
      return lost > EXCESSIVE * packets ? (rate / back) * (1 - lost / packets) : Infinity
    }
    return Infinity
  }

  /** Without evidence the limit grows until it is far above what is sent. */
  #relax(rate: number, elapsed: number): void {
    this.limit *= 1 + (GROWTH * elapsed) / 1_000
    if (this.limit > UNLIMITED * rate) this.limit = Infinity
  }

  /** The place of the observation `back` observations ago; 1 is the newest. */
  #placeOf(back: number): number {
    return (this.#count - back) % OBSERVATIONS
  }

  /** Log likelihood of the observations for this bandwidth with the inherent loss that fits best. */
  #best(bandwidth: number): number {
    let best = -Infinity
    for (let step = 0; step <= INHERENT_STEPS; step++) {
      const inherent = step * INHERENT_STEP
      const likelihood = this.#likelihood(bandwidth, inherent)
      if (likelihood <= best) continue
      best = likelihood
      this.#bestInherent = inherent
    }
    return best
  }

  #likelihood(bandwidth: number, inherent: number): number {
    let sum = 0
    let weight = 1
    for (let back = 1; back <= this.#valid; back++) {
      const place = this.#placeOf(back)
      const excess = Math.max(0, 1 - bandwidth / this.#rates[place]!)
      const loss = Math.max(0.001, Math.min(0.999, inherent + (1 - inherent) * excess))
      const lost = this.#lost[place]!
      sum += weight * (lost * Math.log(loss) + (this.#packets[place]! - lost) * Math.log(1 - loss))
      weight *= AGING
    }
    return sum
  }

  #extreme(pick: (one: number, other: number) => number): number {
    let extreme = this.#rates[this.#placeOf(1)]!
    for (let back = 2; back <= this.#valid; back++) extreme = pick(extreme, this.#rates[this.#placeOf(back)]!)
    return extreme
  }

  /** Part of all observed packets that was lost. */
  #lossOf(): number {
    let packets = 0
    let lost = 0
    for (let back = 1; back <= this.#valid; back++) {
      packets += this.#packets[this.#placeOf(back)]!
      lost += this.#lost[this.#placeOf(back)]!
    }
    return lost / packets
  }
}
