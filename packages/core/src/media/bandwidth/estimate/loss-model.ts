// Whether loss comes from the link as it is (radio) or from sending too much, by how loss changes with the sent rate. Loss of the
// first kind stays the same when less is sent, so it must not lower the estimate.
//
//   Of what is sent at rate S over a link of bandwidth B with inherent loss p,  p + (1 − p) × max(0, 1 − B / S)  is lost.
//   B = ∞ is accepted unless a finite B explains the observations of the last seconds clearly better.

/** Observations, and the shortest time of one in ms. */
const OBSERVATIONS = 20
const LEAST_TIME = 400
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
/** … and above what chance makes of inherent loss, taken as this at least: its mean and so many deviations. */
const USUAL = 0.1
const SPREAD = 4.5
const RECENT = 2
const RECENT_PACKETS = 50
/** Weight of a new fit of the inherent loss. */
const INHERENT_WEIGHT = 0.2
/** Parts of the limit that loss showed last between which a limit is near it. */
const NEAR = 0.9
const BEYOND = 1.8
/** Each time that loss shows about the same limit again, growth near it is half as fast, down to this per second. */
const SAME = 1.5
const LEAST_GROWTH = 0.001

const NOTHING = new Float64Array(0)

export interface LossModelOptions {
  /** An observation says nothing about the link after this many ms. */
  life: number
  /** Log likelihood that a finite bandwidth must gain. Losses come in bursts, so each counts for less than an independent one. */
  evidence: number
  /** Growth of the limit per second once loss no longer shows it, and near the limit that loss showed last. */
  growth: number
  nearGrowth: number
  /** Above this multiple of what is sent no loss confirms the limit: there it ends, if something else measures the link, or stays. */
  unconfirmed: number
  ends: boolean
}

/** For feedback about every packet, beside the delay and probes. */
const FEEDBACK: LossModelOptions = {
  life: 6_000,
  evidence: 24,
  growth: 0.2,
  nearGrowth: 0.2,
  unconfirmed: 2,
  ends: true,
}

/** Per observation: allocates only for the first, which few viewers of audio have. */
export class LossModel {
  readonly #options: LossModelOptions
  #packets = NOTHING
  #lost = NOTHING
  #rates = NOTHING
  #times = NOTHING
  /** Observations that are young enough. */
  #valid = 0
  #count = 0
  #startedAt = -Infinity
  #packetsNow = 0
  #lostNow = 0
  #bitsNow = 0
  /** Bits per second at which loss by congestion begins; Infinity if there is none. */
  limit = Infinity
  /** The limit that loss showed last. */
  #shown = 0
  #nearGrowth: number
  /** The limit has grown since loss showed it. */
  #isRelaxed = false
  /** Part of the packets that is lost whatever is sent. */
  inherent = 0
  /** That of the last fit. */
  #bestInherent = 0

  constructor(options = FEEDBACK) {
    this.#options = options
    this.#nearGrowth = options.nearGrowth
  }

  /** Feedback covers these packets, of which `lost` did not arrive, and `bits` in all. Returns whether an observation is complete. */
  add(packets: number, lost: number, bits: number, now: number): boolean {
    if (this.#startedAt === -Infinity) return this.#start(now)
    this.#packetsNow += packets
    this.#lostNow += lost
    this.#bitsNow += bits
    const elapsed = now - this.#startedAt
    if (elapsed < LEAST_TIME || this.#packetsNow < LEAST_PACKETS) return false
    // Reports about earlier packets while nothing is sent: without a rate they say nothing about the bandwidth.
    if (this.#bitsNow === 0) return this.#start(now)
    this.#observe(elapsed, now)
    this.#startedAt = now
    this.#packetsNow = this.#lostNow = this.#bitsNow = 0
    return true
  }

  /** What was sent before the first feedback belongs to no known time. */
  #start(now: number): false {
    this.#startedAt = now
    this.#packetsNow = this.#lostNow = this.#bitsNow = 0
    return false
  }

  /** The link carries more than the limit, as a probe has measured: the observations no longer tell its bandwidth. */
  forget(): void {
    this.limit = Infinity
    this.#valid = 0
  }

  /** Packets are sent again after a pause: earlier observations no longer count, and this is the limit. */
  resume(limit: number): void {
    this.#valid = 0
    this.#startedAt = -Infinity
    this.limit = limit
  }

  /** The link carries this, if not more. */
  raise(limit: number): void {
    this.limit = Math.max(this.limit, limit)
  }

  #allocate(): void {
    this.#packets = new Float64Array(OBSERVATIONS)
    this.#lost = new Float64Array(OBSERVATIONS)
    this.#rates = new Float64Array(OBSERVATIONS)
    this.#times = new Float64Array(OBSERVATIONS)
  }

  #observe(elapsed: number, now: number): void {
    if (this.#packets === NOTHING) this.#allocate()
    const place = this.#count++ % OBSERVATIONS
    this.#packets[place] = this.#packetsNow
    this.#lost[place] = this.#lostNow
    this.#rates[place] = (this.#bitsNow * 1_000) / elapsed
    this.#times[place] = now
    this.#valid = Math.min(this.#valid + 1, OBSERVATIONS)
    while (this.#times[this.#placeOf(this.#valid)]! < now - this.#options.life) this.#valid--
    this.#fit(this.#rates[place]!, elapsed)
  }

  #fit(rate: number, elapsed: number): void {
    const loss = this.#lossOf()
    const found = loss < HARMLESS ? Infinity : Math.min(this.#congestedAt(), this.#excessAt())
    if (loss < HARMLESS) this.#bestInherent = loss
    this.inherent += INHERENT_WEIGHT * (this.#bestInherent - this.inherent)
    // Observations of higher rates, while they last, still show the loss that those met: that is no reason to raise the limit.
    if (found < this.limit) this.#show(found)
    else if (this.limit < Infinity) this.#relax(rate, elapsed)
  }

  /** The bandwidth that explains the observations clearly better than none does; Infinity if there is none. */
  #congestedAt(): number {
    let best = this.#best(Infinity) + this.#options.evidence
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
      return lost > this.#mostOf(packets) ? (rate / back) * (1 - lost / packets) : Infinity
    }
    return Infinity
  }

  /** What so many packets may lose without congestion. */
  #mostOf(packets: number): number {
    const inherent = Math.max(USUAL, this.inherent)
    return Math.max(EXCESSIVE * packets, inherent * packets + SPREAD * Math.sqrt(packets * inherent * (1 - inherent)))
  }

  #show(found: number): void {
    const isSame = found < SAME * this.#shown && this.#shown < SAME * found
    const { growth, nearGrowth } = this.#options
    if (this.#isRelaxed && nearGrowth < growth)
      this.#nearGrowth = isSame ? Math.max(LEAST_GROWTH, this.#nearGrowth / 2) : nearGrowth
    this.#isRelaxed = false
    this.limit = this.#shown = found
  }

  /** Without evidence the limit grows until it is far above what is sent. */
  #relax(rate: number, elapsed: number): void {
    this.#isRelaxed = true
    const { growth, unconfirmed, ends } = this.#options
    const isNear = this.limit > NEAR * this.#shown && this.limit < BEYOND * this.#shown
    const grown = this.limit * (1 + ((isNear ? this.#nearGrowth : growth) * elapsed) / 1_000)
    const confirmed = unconfirmed * rate
    if (!ends) this.limit = Math.max(this.limit, Math.min(grown, confirmed))
    else this.limit = grown > confirmed ? Infinity : grown
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
