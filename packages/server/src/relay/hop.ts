// The header of a relayed WebSocket: which process relays it, and the address of its client. It is authenticated with the cluster's
// secret, because the limits and bans of the owning node count by that address.
//
//   parley-relay: 2 RELAY ADDRESS RUN COUNT MAC     MAC: HMAC-SHA256 of the other fields, the id and the run of the owning node, in hex
//
// A run is one process of a relay or node, as a random number; a relay counts its headers. So a header is valid for one process, which accepts
// it once, and no clock of two machines has to agree.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { ok, type Result, refused } from '@parley/core'
import { SERVER_LIMITS } from '../limits.ts'

export const HOP_HEADER = 'parley-relay'
const VERSION = '2'
const FORM = /^2 ([A-Za-z0-9][A-Za-z0-9_-]{0,31}) ([0-9A-Fa-f.:]{2,45}|-) ([0-9a-f]{32}) (\d{1,15}) ([0-9a-f]{64})$/
/** Stands for the clients of a proxy that names no address. */
const NO_ADDRESS = '-'

export interface Hop {
  /** The process that relays. */
  readonly relay: string
  /** Of the client; text that is not an address stands for many clients of a proxy. */
  readonly address: string
}

interface SignedHop extends Hop {
  readonly run: string
  readonly count: number
  readonly mac: Uint8Array
}

/** The node that a header is for. */
export interface HopOwner {
  readonly id: string
  /** Its run: `boot` of its record. */
  readonly boot: string
}

/** The fields of a header; undefined unless it has the form of one. Nothing is authenticated yet. */
export function readHop(text: string): SignedHop | undefined {
  const [, relay = '', address = '', run = '', count, mac = ''] = FORM.exec(text) ?? []
  if (count === undefined || (address !== NO_ADDRESS && isIP(address) === 0)) return undefined
  return { relay, address, run, count: Number(count), mac: Buffer.from(mac, 'hex') }
}

export const newRun = (): string => randomBytes(16).toString('hex')

/** Signs the hops of a process, and accepts those that are meant for it. */
export class Hops {
  readonly #self: HopOwner
  readonly #secrets: readonly string[]
  #count = 0
  /** By run of a relay, the most recently used one at the end. */
  readonly #received = new Map<string, ReceivedCounts>()

  /** Signs with the first secret and accepts each of them. */
  constructor(self: HopOwner, secrets: readonly string[]) {
    this.#self = self
    this.#secrets = secrets
  }

  /** The header's value for a connection to `owner`. */
  sign(address: string, owner: HopOwner): string {
    const { id: relay, boot: run } = this.#self
    const hop = { relay, address: isIP(address) === 0 ? NO_ADDRESS : address, run, count: ++this.#count }
    const mac = Buffer.from(macOf(this.#secrets[0] ?? '', owner, hop)).toString('hex')
    return `${VERSION} ${hop.relay} ${hop.address} ${run} ${hop.count} ${mac}`
  }

  /** The sender of a refused header does not learn the reason. */
  accept(text: string): Result<Hop> {
    const hop = readHop(text)
    if (hop === undefined) return refused('malformed')
    const macs = this.#secrets.map(secret => timingSafeEqual(macOf(secret, this.#self, hop), hop.mac))
    if (!macs.includes(true)) return refused('not signed with the secret of this cluster for this process')
    if (!this.#countsOf(hop.run).take(hop.count)) return refused('used before')
    return ok({ relay: hop.relay, address: hop.address })
  }

  /** Only headers of the cluster get here, so that no stranger fills the table. */
  #countsOf(run: string): ReceivedCounts {
    const counts = this.#received.get(run) ?? new ReceivedCounts()
    this.#received.delete(run)
    this.#received.set(run, counts)
    const [oldest] = this.#received.keys()
    if (this.#received.size > SERVER_LIMITS.maxRelayRuns && oldest !== undefined) this.#received.delete(oldest)
    return counts
  }
}

/** What was received of one run, as a replay window (RFC 4303 §3.4.3): headers arrive in any order, but not very late. */
class ReceivedCounts {
  #highest = 0
  #seen = new Set<number>()

  /** Returns whether it is new. */
  take(count: number): boolean {
    const lowest = this.#highest - SERVER_LIMITS.relayHopWindow
    if (count <= lowest || this.#seen.has(count)) return false
    this.#highest = Math.max(this.#highest, count)
    this.#seen.add(count)
    if (this.#seen.size > 2 * SERVER_LIMITS.relayHopWindow)
      this.#seen = new Set([...this.#seen].filter(each => each > this.#highest - SERVER_LIMITS.relayHopWindow))
    return true
  }
}

const macOf = (secret: string, owner: HopOwner, { relay, address, run, count }: Omit<SignedHop, 'mac'>) =>
  createHmac('sha256', secret)
    .update([HOP_HEADER, VERSION, owner.id, owner.boot, relay, address, run, count].join('\n'))
    .digest()
