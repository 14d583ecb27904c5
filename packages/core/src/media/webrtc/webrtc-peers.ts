// The peers of a lane that are browsers: their ICE checks and DTLS datagrams, how their packets look, and which SSRCs of theirs
// stand for which of the node's.
import {
  extensionLength,
  extensionPlace,
  findExtension,
  OPUS_PAYLOAD_TYPE,
  RTP_PAYLOAD_TYPE,
  RTP_SSRC,
  rtpHeaderLength,
  type StunMac,
} from '@parley/protocol'
import type { LaneCommand, LaneEvent, PeerId } from '../../lane/commands.ts'
import { ADDRESS_WORDS, type Batch, type PacketIo, SLOT } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { SourceRates } from '../address/address-rates.ts'
import type { Peer, Peers } from '../address/peers.ts'
import { TransportArrivals } from '../bandwidth/transport-feedback.ts'
import { type Form, isKnownType, makeForm } from '../forward/rtp-mapping.ts'
import { Drop, type LaneTally } from '../lane-stats.ts'
import { LANE_SSRC } from '../rtcp/receiver-reports.ts'
import { HeldPackets } from './held-packets.ts'
import { Ice } from './ice.ts'

/** SSRCs that a browser may declare: its own, before and after it changed them. */
const MOST_SSRCS = 16

const NO_MAC: StunMac = () => new Uint8Array(0)

export interface Browser {
  readonly form: Form
  /** The browser's own SSRC, signed, to the node's. */
  readonly toNode: Map<number, number>
  /** The reverse; the browser's unsigned. */
  readonly toOwn: Map<number, number>
  readonly arrivals: TransportArrivals
}

export class Browsers {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #tally: LaneTally
  readonly #ice: Ice
  /** Whether browsers can be checked at all. */
  readonly areServed: boolean
  readonly #browsers = new Map<PeerId, Browser>()
  /** What came under SSRCs that nobody has told of yet. */
  readonly held: HeldPackets
  /** Browsers that are to be told when their packets came. All wait equally long, so the first is due first. */
  readonly #telling = new Set<PeerId>()
  readonly #rates = new SourceRates({ perSecond: LIMITS.dtlsPerSecond, blockFor: 0, ignoresPort: false })

  constructor(io: PacketIo, peers: Peers, tally: LaneTally, mac: StunMac | undefined) {
    this.#io = io
    this.#peers = peers
    this.#tally = tally
    this.held = new HeldPackets(tally)
    this.#ice = new Ice(io, peers, tally, mac ?? NO_MAC)
    this.areServed = mac !== undefined
  }

  get size(): number {
    return this.#browsers.size
  }
  /** Addresses that checks have proved. */
  get addresses(): number {
    return this.#ice.addresses
  }
  get deadline(): number {
    const [first] = this.#telling
    const told = first === undefined ? Infinity : (this.#browsers.get(first)?.arrivals.deadline ?? Infinity)
    return Math.min(this.#ice.deadline, this.held.deadline, told)
  }
  get(peer: PeerId): Browser | undefined {
    return this.#browsers.get(peer)
  }
  /** The browser that proved the address. Per packet: no allocation. */
  at(words: Int32Array, offset: number): Peer | undefined {
    return this.#ice.at(words, offset)
  }

  /** What it had before is forgotten: nothing is sent to it until a check has come. */
  add(peer: Peer, { ice, form }: LaneCommand & { kind: 'addBrowser' }, now: number): Browser {
    this.end(peer)
    peer.isBrowser = true
    this.#ice.add(peer, ice, now)
    const browser = {
      form: makeForm(form),
      toNode: new Map<number, number>(),
      toOwn: new Map<number, number>(),
      arrivals: new TransportArrivals(),
    }
    this.#browsers.set(peer.id, browser)
    return browser
  }

  /** Nothing is sent to it any more, and nothing of it is heard. */
  end(peer: Peer | undefined): void {
    if (peer === undefined) return
    this.#io.dropAddress(peer.id)
    this.#peers.unbind(peer)
    peer.isProtected = false
    this.remove(peer)
  }

  remove(peer: Peer): void {
    this.#ice.remove(peer.id)
    this.#browsers.delete(peer.id)
    this.#telling.delete(peer.id)
    this.held.forget(peer.id)
  }

  /** A packet whose SSRC nobody has told of: it may be one that overtook op 5 or 12, if it has a type that the browser offered. */
  unknown(peer: Peer, { form }: Browser, batch: Batch, slot: number, now: number): void {
    const type = form.incoming[batch.bytes[slot * SLOT + 1]! & RTP_PAYLOAD_TYPE]!
    if (peer.isProtected && isKnownType(type)) this.held.hold(peer.id, batch, slot, now)
    else this.#tally.drop(Drop.foreignSsrc)
  }

  /** A packet of the browser has verified and is still in its own form: remembers when it came. */
  arrived(peer: Peer, browser: Browser, { view, lengths }: Batch, slot: number, own: number, now: number): void {
    const offset = slot * SLOT
    const header = rtpHeaderLength(view, offset, lengths[slot]!)
    const found = header < 0 ? -1 : findExtension(view, offset, header, browser.form.transportSequence)
    if (found < 0 || extensionLength(found) !== 2) return
    const sequence = view.getUint16(extensionPlace(found))
    const { arrivals } = browser
    if (!arrivals.arrived(sequence, own, now)) {
      this.#tell(peer.id, browser)
      arrivals.restart(sequence)
      arrivals.arrived(sequence, own, now)
    }
    if (arrivals.deadline !== Infinity) this.#telling.add(peer.id)
  }

  /** Returns whether another source now feeds one of the peer's SSRCs. */
  map(peer: Peer, own: number, ssrc: number): boolean {
    const browser = this.#browsers.get(peer.id)
    return browser !== undefined && peer.ssrcs.includes(ssrc) && mapSsrc(browser, own, ssrc)
  }

  check(batch: Batch, slot: number, now: number): void {
    this.#ice.check(batch, slot, now)
  }

  /** A DTLS datagram for control, if its source has not sent too many. */
  dtls(batch: Batch, slot: number, peer: Peer, now: number): LaneEvent | undefined {
    if (this.#rates.count(batch.addresses, slot * ADDRESS_WORDS, now)) {
      const start = slot * SLOT
      return { kind: 'datagram', peer: peer.id, bytes: batch.bytes.slice(start, start + batch.lengths[slot]!) }
    }
    this.#tally.drop(Drop.rateLimited)
    return undefined
  }

  /** Bytes for a peer that has an address, as they are. */
  sendDatagram(peer: Peer | undefined, bytes: Uint8Array): void {
    if (peer === undefined || !peer.isBound) return
    this.#io.sendRaw(peer.address, 0, bytes, bytes.length)
    this.#io.flush()
  }

  /** Ids of peers whose consent went. */
  tick(now: number): readonly PeerId[] {
    for (const peer of this.#telling) {
      const browser = this.#browsers.get(peer)
      if (browser === undefined || browser.arrivals.deadline > now) break
      this.#tell(peer, browser)
    }
    this.held.tick(now)
    this.#ice.tick(now)
    const lost = this.#ice.lost.splice(0)
    for (const peer of lost) this.#io.dropAddress(peer)
    return lost
  }

  #tell(peer: PeerId, { arrivals }: Browser): void {
    this.#telling.delete(peer)
    const length = arrivals.take(LANE_SSRC)
    if (length > 0) this.#io.sendRtcp(peer, arrivals.bytes, length)
  }
}

/** From now on `own` stands for `ssrc`, and nothing else does. Returns false if that was so already, or is too much. */
export function mapSsrc(browser: Browser, own: number, ssrc: number): boolean {
  const key = own | 0
  if (browser.toNode.get(key) === ssrc || browser.toNode.size >= MOST_SSRCS) return false
  const before = browser.toOwn.get(ssrc)
  if (before !== undefined) browser.toNode.delete(before | 0)
  const meant = browser.toNode.get(key)
  if (meant !== undefined) browser.toOwn.delete(meant)
  browser.toNode.set(key, ssrc)
  browser.toOwn.set(ssrc, own >>> 0)
  return true
}

/**
 * The node's SSRC for the packet in `slot`: what the browser declared, or, while it has declared nothing, its audio SSRC for
 * whatever is Opus. −1 for anything else. Per packet: no allocation.
 */
export function nodeSsrc(browser: Browser, batch: Batch, slot: number, audioSsrc: number): number {
  const offset = slot * SLOT
  const known = browser.toNode.get(batch.view.getInt32(offset + RTP_SSRC))
  if (known !== undefined) return known
  const type = browser.form.incoming[batch.bytes[offset + 1]! & RTP_PAYLOAD_TYPE]
  return type === OPUS_PAYLOAD_TYPE && !browser.toOwn.has(audioSsrc) ? audioSsrc : -1
}
