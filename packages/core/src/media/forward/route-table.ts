// SSRC → owner peer → target peers. Commands change it; packets only look it up.

import type { LaneCommand, PeerId, TargetsId } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import { DISCORD_MAPPING, type RtpMapping } from './rtp-mapping.ts'

/** Timestamps per millisecond: Opus at 48 kHz, video at 90 kHz. */
const AUDIO_CLOCK = 48
const VIDEO_CLOCK = 90

type TargetsCommand = Extract<LaneCommand, { kind: 'openTargets' | 'addTarget' | 'removeTarget' | 'closeTargets' }>

/** The peers of a list who are sent alike. Only the first `count` of `peers` are in it, in no order. */
export class TargetGroup {
  readonly mapping: RtpMapping
  /** Frames that DAVE has sealed are kept from them. */
  readonly refusesSealed: boolean
  peers = new Int32Array(8)
  count = 0

  constructor(mapping: RtpMapping, refusesSealed = false) {
    this.mapping = mapping
    this.refusesSealed = refusesSealed
  }

  has(peer: PeerId): boolean {
    return this.#indexOf(peer) >= 0
  }

  /** Returns false if it is there already. */
  add(peer: PeerId): boolean {
    if (this.has(peer)) return false
    if (this.count === this.peers.length) {
      const larger = new Int32Array(this.count * 2)
      larger.set(this.peers)
      this.peers = larger
    }
    this.peers[this.count++] = peer
    return true
  }

  /** The last one takes the place of the one that goes. Returns false if it is not there. */
  remove(peer: PeerId): boolean {
    const index = this.#indexOf(peer)
    if (index < 0) return false
    this.peers[index] = this.peers[--this.count]!
    return true
  }

  #indexOf(peer: PeerId): number {
    const index = this.peers.indexOf(peer)
    return index < this.count ? index : -1
  }
}

/** Peers that packets go to, by the form they know. */
export class TargetList {
  /** Native clients, who get packets as they are, come first; there may be nobody in the first group. */
  readonly groups: TargetGroup[] = [new TargetGroup(DISCORD_MAPPING)]
  count = 0
  /** How many of them refuse sealed frames. */
  refusing = 0
  /** Rows whose packets go here. */
  readonly rows = new Set<number>()
  /** When its browsers are next told of these; `Infinity` while nothing is sent. */
  reportAt = Infinity

  has(peer: PeerId): boolean {
    for (let index = 0; index < this.groups.length; index++) if (this.groups[index]!.has(peer)) return true
    return false
  }

  add(peer: PeerId, mapping: RtpMapping, refusesSealed = false): void {
    let group = this.groups.find(other => other.mapping.key === mapping.key && other.refusesSealed === refusesSealed)
    if (group === undefined) {
      group = new TargetGroup(mapping, refusesSealed)
      this.groups.splice(mapping === DISCORD_MAPPING ? 1 : this.groups.length, 0, group)
    }
    if (!group.add(peer)) return
    this.count++
    if (refusesSealed) this.refusing++
  }

  /** A group of which the last one goes, goes too, but for the first. */
  remove(peer: PeerId): void {
    const index = this.groups.findIndex(group => group.remove(peer))
    if (index < 0) return
    this.count--
    if (this.groups[index]!.refusesSealed) this.refusing--
    if (index > 0 && this.groups[index]!.count === 0) this.groups.splice(index, 1)
  }
}

/** What the table tells those who keep something by row, or by list, when there are more rows than before, or a row has a new meaning. */
export interface RowKeeper {
  resize(rows: number): void
  reset(row: number): void
  /** Nothing leads to the list any more. */
  listClosed?(list: TargetList): void
}

/** Each SSRC of each peer has a row; a route is a row with a list of targets. */
export class RouteTable {
  readonly #rows = new Map<number, number>()
  readonly #free: number[] = []
  readonly #keepers: RowKeeper[] = []
  readonly #lists = new Map<TargetsId, TargetList>()
  readonly #memberships = new Map<PeerId, Set<TargetList>>()
  /** Of peers that are no native clients. */
  readonly #mappings = new Map<PeerId, RtpMapping>()
  readonly #refusing = new Set<PeerId>()
  #routes = 0

  /** By row: the SSRC of these packets. */
  ssrcs = new Int32Array(0)
  /** By row: whose packets these are. */
  owners = new Int32Array(0)
  /** By row: where they go; undefined if nowhere. */
  readonly targets: (TargetList | undefined)[] = []
  /** By row: 1 for audio, 0 for video. */
  audio = new Uint8Array(0)
  /** By row: 1 for audio that has to be sealed. */
  sealedOnly = new Uint8Array(0)
  /** By row: whether the first packet has been told. */
  announced = new Uint8Array(0)
  /** By row: how many more packets go out as silence before the route ends; 0 for a route that stays. */
  silence = new Uint8Array(0)
  /** By row: when that silence ends at the latest. */
  silenceUntil = new Float64Array(0)

  /** To be called before there are rows. */
  keep(...keepers: RowKeeper[]): void {
    this.#keepers.push(...keepers)
  }

  /** SSRCs that belong to another peer are left to it. */
  addPeer(peer: PeerId, ssrcs: Int32Array): void {
    this.#memberships.set(peer, new Set())
    for (const [index, ssrc] of ssrcs.entries()) if (!this.#rows.has(ssrc)) this.#addRow(ssrc, peer, index === 0)
  }

  removePeer(peer: PeerId, ssrcs: Int32Array): void {
    for (const list of this.#memberships.get(peer) ?? []) list.remove(peer)
    this.#memberships.delete(peer)
    this.#mappings.delete(peer)
    this.#refusing.delete(peer)
    for (const ssrc of ssrcs) {
      const row = this.row(ssrc)
      if (row < 0 || this.owners[row] !== peer) continue
      this.endRoute(row)
      this.resetRow(row)
      this.owners[row] = 0
      this.#rows.delete(ssrc)
      this.#free.push(row)
    }
  }

  /** Another source feeds the row from now on, or none: what is known of its sequences and timestamps is of no use. */
  resetRow(row: number): void {
    for (const keeper of this.#keepers) keeper.reset(row)
  }

  /** The row of an SSRC; −1 if nobody has it. Per packet: no allocation for SSRCs below 2^31. */
  row(ssrc: number): number {
    const row = this.#rows.get(ssrc)
    return row === undefined ? -1 : row
  }

  /** Whether packets of the SSRC, or those it sends again, go anywhere: its route or, for an rtx SSRC, that of the one before. */
  isRouted(ssrc: number): boolean {
    const video = this.row(ssrc - 1)
    return this.targets[this.row(ssrc)] !== undefined || (this.targets[video] !== undefined && this.audio[video] === 0)
  }

  /** How many timestamps of the row's packets make a millisecond. */
  clockRate(row: number): number {
    return this.audio[row] === 1 ? AUDIO_CLOCK : VIDEO_CLOCK
  }

  changeTargets(command: TargetsCommand): void {
    const { targets } = command
    if (command.kind === 'openTargets') this.openTargets(targets)
    else if (command.kind === 'closeTargets') this.closeTargets(targets)
    else if (command.kind === 'addTarget') this.addTarget(targets, command.peer)
    else this.removeTarget(targets, command.peer)
  }

  openTargets(targets: TargetsId): void {
    if (!this.#lists.has(targets)) this.#lists.set(targets, new TargetList())
  }

  /** Ends the routes that still lead there. */
  closeTargets(targets: TargetsId): void {
    const list = this.#lists.get(targets)
    if (list === undefined) return
    for (const row of [...list.rows]) this.endRoute(row)
    for (const { peers, count } of list.groups)
      for (let index = 0; index < count; index++) this.#memberships.get(peers[index]!)?.delete(list)
    this.#lists.delete(targets)
    for (const keeper of this.#keepers) keeper.listClosed?.(list)
  }

  addTarget(targets: TargetsId, peer: PeerId): void {
    const list = this.#lists.get(targets)
    const memberships = this.#memberships.get(peer)
    if (list === undefined || memberships === undefined) return
    list.add(peer, this.#mappings.get(peer) ?? DISCORD_MAPPING, this.#refusing.has(peer))
    memberships.add(list)
  }

  mappingOf(peer: PeerId): RtpMapping {
    return this.#mappings.get(peer) ?? DISCORD_MAPPING
  }

  /** How packets look to the peer from now on. */
  setRtpMapping(peer: PeerId, mapping: RtpMapping): void {
    const memberships = this.#memberships.get(peer)
    if (memberships === undefined) return
    this.#mappings.set(peer, mapping)
    this.#regroup(peer, memberships)
  }

  /** Frames that DAVE has sealed are kept from the peer from now on. */
  refuseSealed(peer: PeerId): void {
    const memberships = this.#memberships.get(peer)
    if (memberships === undefined) return
    this.#refusing.add(peer)
    this.#regroup(peer, memberships)
  }

  removeTarget(targets: TargetsId, peer: PeerId): void {
    const list = this.#lists.get(targets)
    if (list === undefined) return
    list.remove(peer)
    this.#memberships.get(peer)?.delete(list)
  }

  /** A route of an SSRC that is not the owner's, or to a list that is not open, is not made. */
  setRoute({ ssrc, owner, media, targets, sealedOnly }: Extract<LaneCommand, { kind: 'setRoute' }>): void {
    const row = this.row(ssrc)
    const list = this.#lists.get(targets)
    const isAudio = media === 'audio'
    if (row < 0 || this.owners[row] !== owner || list === undefined) return
    if (this.targets[row] === undefined || this.silence[row] !== 0) this.announced[row] = 0
    this.endRoute(row)
    this.targets[row] = list
    this.audio[row] = isAudio ? 1 : 0
    this.sealedOnly[row] = isAudio && sealedOnly ? 1 : 0
    list.rows.add(row)
    this.#routes++
  }

  /** With `silenceUntil` after now, the next packets until then still go out, as silence. */
  removeRoute(ssrc: number, silenceUntil: number | undefined): void {
    const row = this.row(ssrc)
    if (row < 0 || this.targets[row] === undefined) return
    if (silenceUntil === undefined || this.audio[row] === 0) return this.endRoute(row)
    if (this.silence[row] !== 0) return
    this.silence[row] = LIMITS.silenceFrames
    this.silenceUntil[row] = silenceUntil
    this.#routes--
  }

  endRoute(row: number): void {
    const list = this.targets[row]
    if (list === undefined) return
    if (this.silence[row] === 0) this.#routes--
    list.rows.delete(row)
    this.targets[row] = undefined
    this.silence[row] = 0
  }

  /** One of the last packets went out as silence. */
  spendSilence(row: number): void {
    if (this.silence[row] === 1) this.endRoute(row)
    else this.silence[row]!--
  }

  closeAll(): void {
    for (const targets of [...this.#lists.keys()]) this.closeTargets(targets)
  }

  /** Counts, for tests and the dashboard. `ending` are routes in their last silence. */
  inspect() {
    const lists = [...this.#lists.values()]
    const led = lists.reduce((sum, list) => sum + list.rows.size, 0)
    return {
      ssrcs: this.#rows.size,
      routes: this.#routes,
      ending: led - this.#routes,
      targetLists: lists.length,
      targets: lists.reduce((sum, list) => sum + list.count, 0),
    }
  }

  #regroup(peer: PeerId, memberships: Iterable<TargetList>): void {
    for (const list of memberships) {
      list.remove(peer)
      list.add(peer, this.#mappings.get(peer) ?? DISCORD_MAPPING, this.#refusing.has(peer))
    }
  }

  #addRow(ssrc: number, owner: PeerId, isAudio: boolean): void {
    const row = this.#free.pop() ?? this.targets.length
    if (row >= this.owners.length) this.#resize(Math.max(64, row * 2))
    this.#rows.set(ssrc, row)
    this.ssrcs[row] = ssrc
    this.owners[row] = owner
    this.targets[row] = undefined
    this.audio[row] = isAudio ? 1 : 0
    this.sealedOnly[row] = 0
    this.announced[row] = 0
    this.silence[row] = 0
    this.resetRow(row)
  }

  #resize(rows: number): void {
    const { ssrcs, owners, audio, sealedOnly, announced, silence, silenceUntil } = this
    this.ssrcs = new Int32Array(rows)
    this.owners = new Int32Array(rows)
    this.audio = new Uint8Array(rows)
    this.sealedOnly = new Uint8Array(rows)
    this.announced = new Uint8Array(rows)
    this.silence = new Uint8Array(rows)
    this.silenceUntil = new Float64Array(rows)
    this.ssrcs.set(ssrcs)
    this.owners.set(owners)
    this.audio.set(audio)
    this.sealedOnly.set(sealedOnly)
    this.announced.set(announced)
    this.silence.set(silence)
    this.silenceUntil.set(silenceUntil)
    for (const keeper of this.#keepers) keeper.resize(rows)
  }
}
