// Whether media uses the estimate, or is limited by its source: below 65 % of it no feedback can confirm more.

/** Share of the estimate that counts as use. */
const SHARE = 0.65
/** Unused budget is kept for this many ms. */
const WINDOW = 500
/** Part of the kept budget above which media counts as limited by its source, and below which it no longer does. */
const LIMITED = 0.8
const USED = 0.5

/** A budget that packets spend. Per packet: no allocation. */
export class SendingLoad {
  /** Bits that SHARE of the estimate would have carried beyond what was sent. */
  #unused = 0
  #updatedAt = -Infinity
  /** Media is limited by its source, not by the estimate (application-limited region). */
  isLimited = false

  sent(bytes: number, estimate: number, now: number): void {
    this.update(estimate, now)
    this.#unused -= bytes * 8
  }

  update(estimate: number, now: number): void {
    const most = (SHARE * estimate * WINDOW) / 1_000
    const elapsed = this.#updatedAt === -Infinity ? 0 : now - this.#updatedAt
    this.#updatedAt = now
    this.#unused = Math.max(-most, Math.min(most, this.#unused + (SHARE * estimate * elapsed) / 1_000))
    if (this.#unused > LIMITED * most) this.isLimited = true
    else if (this.#unused < USED * most) this.isLimited = false
  }
}
