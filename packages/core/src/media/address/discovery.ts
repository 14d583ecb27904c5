// What a lane answers without control: IP discovery, the official client's ping, the keepalive of old discord.js.
import {
  DISCOVERY_LENGTH,
  PING_LENGTH,
  PING_RESPONSE,
  readDiscoveryRequest,
  writeDiscoveryResponse,
} from '@parley/protocol'
import { ADDRESS_WORDS, type Batch, SLOT } from '../../lane/batch.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'
import { AddressRates } from './address-rates.ts'
import type { Peer, Peers } from './peers.ts'
import { readAddress } from './socket-address.ts'

export interface AddressResponderParts {
  readonly io: PacketIo
  readonly peers: Peers
  readonly laneStats: LaneStats
}

/** No answer is longer than its request, and each address gets a limited number per second. */
export class AddressResponder {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #laneStats: LaneStats
  readonly #rates = new AddressRates({ perSecond: LIMITS.discoveriesPerSecond, blockFor: 0, ignoresPort: false })
  readonly #bytes = new Uint8Array(DISCOVERY_LENGTH)
  readonly #view = new DataView(this.#bytes.buffer)

  constructor({ io, peers, laneStats }: AddressResponderParts) {
    this.#io = io
    this.#peers = peers
    this.#laneStats = laneStats
  }

  /**
   * Answers a discovery request. `ownerOf` returns the owner of an SSRC. A request that does not name a session's audio SSRC gets
   * no answer, so that the lane reflects nothing to spoofed addresses.
   */
  discovery(batch: Batch, slot: number, ownerOf: (ssrc: number) => Peer | undefined, now: number): void {
    const at = slot * ADDRESS_WORDS
    const ssrc = readDiscoveryRequest(batch.view, slot * SLOT, batch.lengths[slot]!)
    const peer = ownerOf(ssrc)
    if (peer?.ssrcs[0] !== ssrc) return this.#laneStats.drop(Drop.unknownSender)
    if (!this.#isWithinRate(batch, slot, now)) return
    this.#laneStats.discovery()
    this.#peers.discovered(peer, batch.addresses, at, now)
    const { ip, port } = readAddress(batch.addresses, at)
    writeDiscoveryResponse(this.#bytes, ssrc, ip, port)
    this.#io.sendRaw(batch.addresses, at, this.#bytes, DISCOVERY_LENGTH)
  }

  ping(batch: Batch, slot: number, now: number): void {
    if (!this.#isWithinRate(batch, slot, now)) return
    this.#laneStats.ping()
    this.#peerAt(batch, slot, now)
    this.#reply(batch, slot, PING_RESPONSE, batch.view.getInt32(slot * SLOT + 4))
  }

  /**
   * Old discord.js closes unless its counter is echoed: 8 bytes, of which the last four are zero. Other libraries log an error for
   * datagrams that they cannot parse, so nothing else is answered, and only to bound peers. A counter of 0 needs no answer:
   * every library starts there, and those that log count big-endian from then on.
   */
  keepalive(batch: Batch, slot: number, now: number): void {
    const offset = slot * SLOT
    this.#laneStats.keepalive()
    const peer = this.#peerAt(batch, slot, now)
    if (batch.lengths[slot] !== PING_LENGTH || batch.view.getInt32(offset + 4) !== 0) return
    const counter = batch.view.getInt32(offset)
    if (peer === undefined || counter === 0 || counter === peer.ssrcs[0] || !this.#isWithinRate(batch, slot, now))
      return
    this.#reply(batch, slot, counter, 0)
  }

  /** The peer that is bound to the datagram's address, which is thereby proved to be in use. */
  #peerAt(batch: Batch, slot: number, now: number): Peer | undefined {
    const peer = this.#peers.at(batch.addresses, slot * ADDRESS_WORDS)
    if (peer !== undefined) this.#peers.seen(peer, now)
    return peer
  }

  #isWithinRate(batch: Batch, slot: number, now: number): boolean {
    if (this.#rates.count(batch.addresses, slot * ADDRESS_WORDS, now)) return true
    this.#laneStats.drop(Drop.rateLimited)
    return false
  }

  #reply(batch: Batch, slot: number, first: number, second: number): void {
    this.#view.setInt32(0, first)
    this.#view.setInt32(4, second)
    this.#io.sendRaw(batch.addresses, slot * ADDRESS_WORDS, this.#bytes, PING_LENGTH)
  }
}
