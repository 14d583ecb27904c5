// Temporary bans of addresses: of those whose Identify messages were refused again and again, and those that the operator bans.
import { LIMITS } from '../limits.ts'
import { networkOf } from '../network-of.ts'

export interface BanPolicy {
  /** Refused Identify messages of one address within a minute, after which it is banned; 0 bans none. */
  readonly banAfter: number
  /** Milliseconds. */
  readonly banTime: number
}

/** A ban that is in effect. */
export interface Ban {
  /** An IPv4 address, or a /64 of IPv6. */
  readonly network: string
  readonly by: 'node' | 'operator'
  /** Milliseconds until it ends. */
  readonly left: number
}

interface Entry {
  since: number
  count: number
  bannedUntil: number
}

/**
 * Per address (per /64 in IPv6). Not per user: a stranger that sends wrong tokens for a user would lock that user out. At the limit the
 * oldest entry is removed.
 */
export class AddressBans {
  readonly policy: BanPolicy
  readonly #entries = new Map<string, Entry>()
  /** By the operator: when each ends. Strangers cannot displace them. */
  readonly #ordered = new Map<string, number>()

  constructor(policy: BanPolicy) {
    this.policy = policy
  }

  /** An Identify from this address was refused. Returns whether the address is banned from now on. */
  refused(address: string, now: number): boolean {
    // Text that is not an address stands for many clients of a proxy.
    if (this.policy.banAfter === 0 || !/[.:]/.test(address)) return false
    const network = networkOf(address)
    const known = this.#entries.get(network)
    const isRecent = known !== undefined && now - known.since < LIMITS.refusedIdentifyWindow
    const entry = isRecent ? known : { since: now, count: 0, bannedUntil: -Infinity }
    if (entry !== known) this.#add(network, entry)
    entry.count++
    if (entry.count !== this.policy.banAfter) return false
    entry.bannedUntil = now + this.policy.banTime
    return true
  }

  /** Who bans the address at present. */
  bannedBy(address: string, now: number): Ban['by'] | undefined {
    const network = networkOf(address)
    if (now < (this.#ordered.get(network) ?? -Infinity)) return 'operator'
    return now < (this.#entries.get(network)?.bannedUntil ?? -Infinity) ? 'node' : undefined
  }

  /** The operator bans an address, again for another time. Returns false if it has banned too many. */
  add(address: string, duration: number, now: number): boolean {
    const network = networkOf(address)
    for (const [each, until] of this.#ordered) if (until <= now) this.#ordered.delete(each)
    if (!this.#ordered.has(network) && this.#ordered.size >= LIMITS.operatorBans) return false
    this.#ordered.set(network, now + duration)
    return true
  }

  /** Lifts a ban, whoever set it. Returns whether there was one. */
  remove(address: string, now: number): boolean {
    const wasBanned = this.bannedBy(address, now) !== undefined
    const network = networkOf(address)
    this.#ordered.delete(network)
    this.#entries.delete(network)
    return wasBanned
  }

  /** Those in effect. */
  list(now: number): Ban[] {
    const byNode = [...this.#entries].map(([network, { bannedUntil }]) => [network, bannedUntil, 'node'] as const)
    const byOperator = [...this.#ordered].map(([network, until]) => [network, until, 'operator'] as const)
    const bans = new Map<string, Ban>()
    for (const [network, until, by] of [...byNode, ...byOperator])
      if (until > now) bans.set(network, { network, by, left: until - now })
    return [...bans.values()]
  }

  #add(network: string, entry: Entry): void {
    this.#entries.delete(network)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size >= LIMITS.refusedAddresses && oldest !== undefined) this.#entries.delete(oldest)
    this.#entries.set(network, entry)
  }
}
