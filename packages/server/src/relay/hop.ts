// The header of a relayed WebSocket: which process relays it, and the address of its client. It is authenticated with the cluster's
// secret, because the limits and bans of the owning node count by that address.
//
//   parley-relay: 1 RELAY ADDRESS SECONDS NONCE MAC     MAC: HMAC-SHA256 of the other fields and the id of the owning node, in hex
//
// A header is valid for one node and for a short time, and a node accepts it once.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { ok, type Result, refused } from '@parley/core'
import { SERVER_LIMITS } from '../limits.ts'

export const HOP_HEADER = 'parley-relay'
const VERSION = '1'
const FORM = /^1 ([A-Za-z0-9][A-Za-z0-9_-]{0,31}) ([0-9A-Fa-f.:]{2,45}|-) (\d{1,12}) ([0-9a-f]{32}) ([0-9a-f]{64})$/
/** Stands for the clients of a proxy that names no address. */
const NO_ADDRESS = '-'

export interface Hop {
  /** The process that relays. */
  readonly relay: string
  /** Of the client; text that is no address stands for many clients of a proxy. */
  readonly address: string
}

interface SignedHop extends Hop {
  /** Since 1970. */
  readonly seconds: number
  readonly nonce: string
  readonly mac: Uint8Array
}

/** The fields of a header; undefined unless it has the form of one. Nothing is authenticated yet. */
export function readHop(text: string): SignedHop | undefined {
  const [, relay = '', address = '', seconds, nonce = '', mac = ''] = FORM.exec(text) ?? []
  if (seconds === undefined || (address !== NO_ADDRESS && isIP(address) === 0)) return undefined
  return { relay, address, seconds: Number(seconds), nonce, mac: Buffer.from(mac, 'hex') }
}

/** Signs the hops of a process, and accepts those that are meant for it. */
export class Hops {
  readonly #self: string
  readonly #secrets: readonly string[]
  readonly #clock: () => number
  /** Nonces that were accepted, oldest first, with the second from which their header is too old anyway. */
  readonly #seen = new Map<string, number>()

  /** Signs with the first secret and accepts each of them. `clock` returns milliseconds since 1970. */
  constructor(self: string, secrets: readonly string[], clock: () => number = Date.now) {
    this.#self = self
    this.#secrets = secrets
    this.#clock = clock
  }

  /** The header's value for a connection to `owner`. */
  sign(address: string, owner: string): string {
    const seconds = Math.floor(this.#clock() / 1_000)
    const nonce = randomBytes(16).toString('hex')
    const hop = { relay: this.#self, address: isIP(address) === 0 ? NO_ADDRESS : address, seconds, nonce }
    const mac = Buffer.from(macOf(this.#secrets[0] ?? '', owner, hop)).toString('hex')
    return `${VERSION} ${hop.relay} ${hop.address} ${seconds} ${nonce} ${mac}`
  }

  /** The sender of a refused header does not learn the reason. */
  accept(text: string): Result<Hop> {
    const hop = readHop(text)
    if (hop === undefined) return refused('malformed')
    const macs = this.#secrets.map(secret => timingSafeEqual(macOf(secret, this.#self, hop), hop.mac))
    if (!macs.includes(true)) return refused('not signed with the secret of this cluster for this node')
    const seconds = Math.floor(this.#clock() / 1_000)
    if (Math.abs(seconds - hop.seconds) > SERVER_LIMITS.relayHopLife)
      return refused(`signed ${seconds - hop.seconds} s ago: the clocks of the machines differ`)
    if (this.#seen.has(hop.nonce)) return refused('used before')
    this.#remember(hop, seconds)
    return ok({ relay: hop.relay, address: hop.address })
  }

  /** Only headers of the cluster are remembered, so that no stranger fills the table. */
  #remember({ nonce, seconds }: SignedHop, now: number): void {
    for (const [old, until] of this.#seen) {
      if (until >= now && this.#seen.size < SERVER_LIMITS.maxRelayNonces) break
      this.#seen.delete(old)
    }
    this.#seen.set(nonce, seconds + SERVER_LIMITS.relayHopLife)
  }
}

const macOf = (secret: string, owner: string, { relay, address, seconds, nonce }: Omit<SignedHop, 'mac'>) =>
  createHmac('sha256', secret).update([HOP_HEADER, VERSION, owner, relay, address, seconds, nonce].join('\n')).digest()
