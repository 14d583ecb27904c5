// Placements that name a node which does not have the channel: the front that wrote one ended before it opened the channel there. The node
// that has the channel would end it for that placement, when it next returns to the cluster.
import type { BackendId } from '../../channel/channel-ref.ts'
import type { Deadlines, Timed } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'
import type { FrontChannel } from '../front-channel.ts'
import type { Placed } from '../front-ports.ts'
import type { Membership } from '../nodes/membership.ts'

export interface UnopenedClaimsOptions {
  readonly deadlines: Deadlines
  readonly membership: Pick<Membership, 'get'>
  /** Whether this front writes the placements of the tenant. */
  readonly registers: (tenant: BackendId) => boolean
  /** Whether the node has listed its channels of the tenant, on a connection that is live. */
  readonly hasListed: (tenant: BackendId, node: string) => boolean
  /** The channel stays where it is. */
  readonly replace: (channel: FrontChannel, placed: Placed) => void
}

interface Claim {
  readonly placed: Placed
  /** The attempt to place the channel at which the placement was found. */
  readonly attempt: number
}

export class UnopenedClaims implements Timed {
  readonly #options: UnopenedClaimsOptions
  /** Found since the last tick. */
  readonly #found = new Map<FrontChannel, Claim>()
  /** With the time at which each is decided, in that order. */
  readonly #waiting = new Map<FrontChannel, Claim & { readonly at: number }>()

  constructor(options: UnopenedClaimsOptions) {
    this.#options = options
  }

  /** 0 is at once. */
  get deadline(): number {
    if (this.#found.size > 0) return 0
    const [first] = this.#waiting.values()
    return first?.at ?? Infinity
  }

  /** The coordinator has a later placement of the open channel. The front that wrote it may be about to open the channel there. */
  add(channel: FrontChannel, placed: Placed): void {
    if (channel.node === placed.record.node) return
    this.#found.set(channel, { placed, attempt: channel.attempt })
    this.#options.deadlines.update(this)
  }

  tick(now: number): void {
    for (const [channel, claim] of this.#waiting) {
      if (claim.at > now) break
      this.#waiting.delete(channel)
      this.#decide(channel, claim)
    }
    for (const [channel, claim] of this.#found) {
      this.#waiting.delete(channel)
      this.#waiting.set(channel, { ...claim, at: now + LIMITS.clusterClaimGrace })
    }
    this.#found.clear()
  }

  #decide(channel: FrontChannel, { placed, attempt }: Claim): void {
    const { tenant, stage, epoch } = channel
    const { record } = placed
    // It ended, was placed again, or follows another front.
    if (stage !== 'open' || channel.attempt !== attempt || epoch >= record.epoch) return
    if (!this.#options.registers(tenant)) return
    const member = this.#options.membership.get(record.node)
    const isUsable = member !== undefined && member.state !== 'dead'
    if (!isUsable || this.#options.hasListed(tenant, record.node)) this.#options.replace(channel, placed)
    else this.add(channel, placed)
  }
}
