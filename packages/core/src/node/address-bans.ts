// Temporary bans of addresses whose Identify messages were refused again and again.
import { LIMITS } from '../limits.ts'
import { networkOf } from '../network-of.ts'

export interface BanPolicy {
  /** Refused Identify messages of one address within a minute, after which it is banned; 0 bans none. */
  readonly banAfter: number
  /** Milliseconds. */
  readonly banTime: number
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

  constructor(policy: BanPolicy) {
    this.policy = policy
  }

  /** An Identify from this address was refused. Returns whether the address is banned from now on. */
  refused(address: string, now: number): boolean {
    // Text that is no address stands for many clients of a proxy.
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

  isBanned(address: string, now: number): boolean {
    return now < (this.#entries.get(networkOf(address))?.bannedUntil ?? -Infinity)
  }

  #add(network: string, entry: Entry): void {
    this.#entries.delete(network)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size >= LIMITS.refusedAddresses && oldest !== undefined) this.#entries.delete(oldest)
    this.#entries.set(network, entry)
  }
}
