// The receivers that routes share, grouped by how packets look to them.
import type { PeerId } from '../../lane/commands.ts'
import { ALL_FRAMES } from '../layers/layer-choice.ts'
import { DISCORD_MAPPING, type RtpMapping } from './rtp-mapping.ts'

/** What decides how packets look to a receiver. */
export interface ReceiverTraits {
  readonly mapping: RtpMapping
  /** Frames that DAVE has sealed are not forwarded to it: its client cannot open them. */
  readonly refusesSealed: boolean
  /** It has send streams: its sequences differ from those of the streams. */
  readonly isWebrtc: boolean
}

/** Clients over Discord's UDP without video: they get packets as they are. */
export const DISCORD_TRAITS: ReceiverTraits = { mapping: DISCORD_MAPPING, refusesSealed: false, isWebrtc: false }

/** Receivers of a list with the same traits. Only the first `count` of `peers` are in it, in no order. */
export class TargetGroup {
  readonly traits: ReceiverTraits
  peers = new Int32Array(8)
  /** Of each peer, the highest temporal layer of video that it is sent. */
  temporals = new Uint8Array(8)
  count = 0
  /** Where the last peer was found: each packet asks for its sender. */
  #last = 0

  constructor(traits: ReceiverTraits) {
    this.traits = traits
  }

  has(peer: PeerId): boolean {
    return this.#indexOf(peer) >= 0
  }

  /** Returns false if the peer is in the group already. */
  add(peer: PeerId, temporal: number): boolean {
    if (this.has(peer)) return false
    if (this.count === this.peers.length) {
      const larger = new Int32Array(this.count * 2)
      larger.set(this.peers)
      this.peers = larger
      const temporals = new Uint8Array(this.count * 2)
      temporals.set(this.temporals)
      this.temporals = temporals
    }
    this.temporals[this.count] = temporal
    this.peers[this.count++] = peer
    return true
  }

  /** The last peer takes the place of the removed one. Returns false if the peer is not in the group. */
  remove(peer: PeerId): boolean {
    const index = this.#indexOf(peer)
    if (index < 0) return false
    this.peers[index] = this.peers[--this.count]!
    this.temporals[index] = this.temporals[this.count]!
    return true
  }

  /** Without effect for a peer that is not in the group. */
  setTemporal(peer: PeerId, temporal: number): void {
    const index = this.#indexOf(peer)
    if (index >= 0) this.temporals[index] = temporal
  }

  isFor({ mapping, refusesSealed, isWebrtc }: ReceiverTraits): boolean {
    const { traits } = this
    return traits.mapping.key === mapping.key && traits.refusesSealed === refusesSealed && traits.isWebrtc === isWebrtc
  }

  /** −1 if the peer is not in the group. Entries behind `count` are stale. */
  #indexOf(peer: PeerId): number {
    if (this.#last < this.count && this.peers[this.#last] === peer) return this.#last
    const index = this.peers.indexOf(peer)
    if (index < 0 || index >= this.count) return -1
    this.#last = index
    return index
  }
}

/** Packets look it up by group, so that a packet is rewritten once per group and sealed once per receiver. */
export class TargetList {
  /** The group of DISCORD_TRAITS comes first and always exists; then others with the same mapping, then the rest. */
  readonly groups: TargetGroup[] = [new TargetGroup(DISCORD_TRAITS)]
  count = 0
  /** How many of them refuse sealed frames. */
  refusing = 0
  /** When sender reports about its streams are sent next; `Infinity` while nothing is forwarded. */
  reportAt = Infinity

  has(peer: PeerId): boolean {
    for (let index = 0; index < this.groups.length; index++) if (this.groups[index]!.has(peer)) return true
    return false
  }

  /** `temporal` is the highest temporal layer of video that the peer is sent. */
  add(peer: PeerId, traits: ReceiverTraits, temporal: number = ALL_FRAMES): void {
    let group = this.groups.find(other => other.isFor(traits))
    if (group === undefined) {
      group = new TargetGroup(traits)
      this.groups.splice(traits.mapping === DISCORD_MAPPING ? 1 : this.groups.length, 0, group)
    }
    if (!group.add(peer, temporal)) return
    this.count++
    if (traits.refusesSealed) this.refusing++
  }

  setTemporal(peer: PeerId, temporal: number): void {
    for (const group of this.groups) group.setTemporal(peer, temporal)
  }

  /** An empty group is removed, except the first. */
  remove(peer: PeerId): void {
    const index = this.groups.findIndex(group => group.remove(peer))
    if (index < 0) return
    this.count--
    if (this.groups[index]!.traits.refusesSealed) this.refusing--
    if (index > 0 && this.groups[index]!.count === 0) this.groups.splice(index, 1)
  }
}
