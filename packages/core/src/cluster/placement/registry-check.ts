// Compares the coordinator's placements with where the channels are, and writes those that it lost: it may return empty, or as it was some
// time ago. What the nodes have is the truth.
import { LIMITS } from '../../limits.ts'
import type { FrontChannel } from '../front-channel.ts'
import type { FrontPorts, FrontRequestId, Placed, PlacementOutcome } from '../front-ports.ts'

export interface RegistryCheckOptions {
  readonly ports: Pick<FrontPorts, 'find'>
  readonly nextId: () => FrontRequestId
  /** The coordinator has this placement of the channel, or none. */
  readonly found: (channel: FrontChannel, placed: Placed | undefined) => void
}

export class RegistryCheck {
  readonly #options: RegistryCheckOptions
  readonly #waiting = new Set<FrontChannel>()
  /** Lookups without an answer in time: repeated after one that is answered. */
  #unanswered: FrontChannel[] = []
  /** Lookups that are under way, with the attempt to place the channel at which they began. */
  readonly #asked = new Map<FrontRequestId, { readonly channel: FrontChannel; readonly attempt: number }>()

  constructor(options: RegistryCheckOptions) {
    this.#options = options
  }

  /** Looks these channels up, some at a time. */
  add(channels: Iterable<FrontChannel>): void {
    for (const channel of channels) this.#waiting.add(channel)
    this.#ask()
  }

  /** The coordinator is away: all is looked up when it returns. */
  stop(): void {
    this.#waiting.clear()
    this.#unanswered = []
  }

  /** Returns false for the answer to another request. What was placed again since the lookup began is registered by that. */
  answered(id: FrontRequestId, outcome: PlacementOutcome): boolean {
    const asked = this.#asked.get(id)
    if (asked === undefined) return false
    this.#asked.delete(id)
    const { channel, attempt } = asked
    if (outcome.kind === 'unavailable') this.#unanswered.push(channel)
    else {
      if (channel.stage === 'open' && channel.attempt === attempt) this.#options.found(channel, outcome.placed)
      for (const each of this.#unanswered.splice(0)) this.#waiting.add(each)
    }
    this.#ask()
    return true
  }

  #ask(): void {
    for (const channel of this.#waiting) {
      if (this.#asked.size >= LIMITS.clusterLookups) return
      this.#waiting.delete(channel)
      if (channel.stage !== 'open') continue
      const id = this.#options.nextId()
      this.#asked.set(id, { channel, attempt: channel.attempt })
      this.#options.ports.find(id, channel.key)
    }
  }
}
