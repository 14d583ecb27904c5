// Channels that no node accepts: placed again when a node may accept them.
import { LIMITS } from '../limits.ts'

/**
 * A pass places channels in growing batches, beginning with one, and stops where one is refused: nodes that accept none are not asked for
 * all. What was refused is last in the next pass.
 */
export class Stranded<Channel> {
  readonly #place: (channel: Channel) => Promise<unknown>
  readonly #channels = new Set<Channel>()
  #isBusy = false
  #isWanted = false
  #isClosed = false
  #endPause: () => void = () => {}

  /** `place` rejects if no node accepts the channel. */
  constructor(place: (channel: Channel) => Promise<unknown>) {
    this.#place = place
  }

  /** Returns false if it was stranded already. */
  add(channel: Channel): boolean {
    const isNew = !this.#channels.has(channel)
    this.#channels.delete(channel)
    this.#channels.add(channel)
    return isNew
  }

  /** It has a node, or has ended. */
  delete(channel: Channel): void {
    this.#channels.delete(channel)
  }

  /** A node may accept channels now. Passes begin at least `LIMITS.strandedPause` after the end of the one before. */
  retry(): void {
    this.#isWanted = true
    if (!this.#isBusy) void this.#run()
  }

  close(): void {
    this.#isClosed = true
    this.#endPause()
  }

  async #run(): Promise<void> {
    this.#isBusy = true
    while (this.#isWanted && this.#channels.size > 0 && !this.#isClosed) {
      this.#isWanted = false
      await this.#pass()
      await this.#pause()
    }
    this.#isBusy = false
  }

  async #pass(): Promise<void> {
    const waiting = [...this.#channels]
    for (let size = 1; waiting.length > 0 && !this.#isClosed; size = Math.min(2 * size, LIMITS.strandedBatch)) {
      const batch = waiting.splice(0, size).filter(channel => this.#channels.has(channel))
      const results = await Promise.allSettled(batch.map(channel => this.#place(channel)))
      if (results.some(({ status }) => status === 'rejected')) return
    }
  }

  async #pause(): Promise<void> {
    if (this.#isClosed) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, LIMITS.strandedPause)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
