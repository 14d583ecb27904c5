// Fencing on a node of a cluster: one that was cut off, and returns, ends the channels that were placed elsewhere since. Times and answers
// in; lookups and ends out. A channel ends only because the coordinator names another node with a higher epoch, never because the
// coordinator is away, or has lost its placement.
import type { LocalPlacement } from '../channel/channel-ref.ts'
import { LIMITS } from '../limits.ts'
import type { PlacementOutcome } from './front-ports.ts'

/** What a node asks of its host. */
export interface FencePorts {
  placements(): Iterable<LocalPlacement>
  /** Looks up a placement; answered by `found`. */
  find(placement: LocalPlacement): void
  /** Ends the channel if its epoch is lower. */
  end(placement: LocalPlacement): void
}

export class Fence {
  readonly #node: string
  readonly #ports: FencePorts
  /** When the last report was sent that the coordinator confirmed; undefined before the first. */
  #confirmedAt: number | undefined
  /** Channels that have to be looked up, by tenant and channel: a return during a check adds to it. */
  readonly #waiting = new Map<string, LocalPlacement>()
  readonly #asked = new Map<string, LocalPlacement>()

  constructor(node: string, ports: FencePorts) {
    this.#node = node
    this.#ports = ports
  }

  /** Whether channels are being looked up. */
  get isBusy(): boolean {
    return this.#waiting.size + this.#asked.size > 0
  }

  /** The coordinator has a report that was sent at `sentAt`. After a gap all channels are looked up. */
  confirmed(sentAt: number): void {
    const gap = sentAt - (this.#confirmedAt ?? sentAt)
    this.#confirmedAt = sentAt
    if (gap > LIMITS.clusterFenceGap) this.check()
    else this.#ask()
  }

  /** Looks up every channel of the node that a front has placed. */
  check(): void {
    for (const placement of this.#ports.placements())
      if (placement.epoch > 0) this.#waiting.set(nameOf(placement), placement)
    this.#ask()
  }

  /** The answer to a lookup. Without one the channel stays, and is looked up again after the next report that arrives. */
  found(placement: LocalPlacement, outcome: PlacementOutcome): void {
    if (!this.#asked.delete(nameOf(placement))) return
    if (outcome.kind === 'unavailable') return void this.#waiting.set(nameOf(placement), placement)
    const record = outcome.placed?.record
    if (record !== undefined && record.node !== this.#node) this.#ports.end({ ...placement, epoch: record.epoch })
    this.#ask()
  }

  #ask(): void {
    for (const [name, placement] of this.#waiting) {
      if (this.#asked.size >= LIMITS.clusterFenceLookups) return
      if (this.#asked.has(name)) continue
      this.#waiting.delete(name)
      this.#asked.set(name, placement)
      this.#ports.find(placement)
    }
  }
}

const nameOf = ({ tenant, channelId }: LocalPlacement) => `${tenant}.${channelId}`
