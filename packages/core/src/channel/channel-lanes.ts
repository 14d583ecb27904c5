// The lanes of a channel: which members are on which, and the routes to the members of each. An ordinary channel has one lane.
import type { Deadlines } from '../deadlines.ts'
import type { GroupId, LaneId, PeerId } from '../lane/commands.ts'
import type { BackendId } from './channel-ref.ts'
import type { ChannelMedia, ChannelSession } from './channel-session.ts'
import type { LaneHandle, Lanes } from './lane-handle.ts'
import { MediaRoutes, type RouteSource } from './media-routes.ts'
import { VideoRoutes, type Viewer } from './video/video-routes.ts'
import type { VideoSource } from './video/video-source.ts'

/** What a channel has on one lane: its members there as receivers, and all of its sources. */
interface Share {
  readonly lane: LaneHandle
  readonly audio: MediaRoutes
  readonly video: VideoRoutes
  readonly members: Set<ChannelSession>
  /** The peers of sources on other lanes, by their ids on this one. */
  readonly remotePeers: Map<ChannelMedia, PeerId>
  /** The peers of the channel there. */
  readonly group: GroupId
}

/** What the members of a channel may send: together, and each; bits per second, 0 for no bound. */
export interface ChannelBitrate {
  readonly channel: number
  readonly member: number
}

/** The members of a channel on one of its lanes. */
export interface LaneMembers {
  readonly lane: LaneId
  readonly members: number
}

/**
 * Members fill the home lane first. Further ones are placed on another lane, and once each lane is full, on the one with the fewest
 * members of the channel. A member stays on its lane, and may send from each: a source is routed on all lanes of the channel, on
 * those of others as the source of a remote peer. Packets cross once per lane.
 */
export class ChannelLanes {
  readonly home: LaneHandle
  readonly #backend: BackendId
  readonly #lanes: Lanes
  readonly #deadlines: Deadlines
  /** That of the home lane is the first, and stays. */
  readonly #shares = new Map<LaneHandle, Share>()
  #isSealedOnly = false
  #bitrate: ChannelBitrate = { channel: 0, member: 0 }

  constructor(backend: BackendId, lanes: Lanes, deadlines: Deadlines) {
    this.#backend = backend
    this.#lanes = lanes
    this.#deadlines = deadlines
    this.home = lanes.place()
    this.#open(this.home)
  }

  /** The channel has ended. */
  release(): void {
    this.#lanes.release(this.home)
  }

  has(lane: LaneHandle): boolean {
    return this.#shares.has(lane)
  }

  /** The lane for a member that joins. */
  place(): LaneHandle {
    const shares = [...this.#shares.values()]
    const free = shares.filter(({ members }) => members.size < this.#lanes.membersPerLane)
    const open = free.find(({ lane }) => !lane.isLost) ?? free[0]
    if (open !== undefined) return open.lane
    const least = shares.reduce((least, share) => (share.members.size < least.members.size ? share : least))
    return this.#lanes.another(this.#shares) ?? least.lane
  }

  /**
   * The lane has crashed, and its members have ended: its replacement has nothing of the channel. Returns whether the sources of the other
   * members have to be opened there, because it is the home lane.
   */
  lost(lane: LaneHandle): boolean {
    const share = this.#shares.get(lane)
    if (share === undefined) return false
    close(share)
    this.#shares.delete(lane)
    // Their routes lead there no longer; if they do again, that is over new rings.
    this.#linkAll()
    if (lane !== this.home) return false
    const others = [...this.#shares]
    this.#shares.clear()
    this.#shares.set(lane, this.#newShare(lane))
    for (const [other, theirs] of others) this.#shares.set(other, theirs)
    this.#linkAll()
    return true
  }

  /** The members on a lane. */
  membersOn(lane: LaneHandle): readonly ChannelSession[] {
    return [...(this.#shares.get(lane)?.members ?? [])]
  }

  /** Returns whether its lane has no routes of the sources of the channel yet. */
  join(session: ChannelSession): boolean {
    const { lane } = session.media
    const known = this.#shares.get(lane)
    const share = known ?? this.#open(lane)
    share.members.add(session)
    if (this.#isLimited) this.#limit(share, session.media.peer)
    return known === undefined
  }

  /** Removes what other lanes have of the session, and leaves its lane if it was the last member there. */
  leave(session: ChannelSession): void {
    for (const share of this.#shares.values()) removeRemotePeer(share, session.media)
    const share = this.#shares.get(session.media.lane)
    if (share?.members.delete(session) !== true || share.members.size > 0 || share.lane === this.home) return
    close(share)
    this.#shares.delete(share.lane)
    this.#linkAll()
  }

  /** Returns whether the source, the voice or the sound of the screen, had no route before. */
  openAudio(media: ChannelMedia, source = media.audio): boolean {
    return this.#onEach(share => {
      const remote = this.#remotePeer(share, media)
      return share.audio.openSource({ ...source, peer: remote ?? source.peer }, remote !== undefined)
    })
  }

  /** See `MediaRoutes.closeSource`. */
  closeAudio(source: RouteSource, silence: boolean): boolean {
    return this.#onEach(share => share.audio.closeSource(source, silence))
  }

  /** The sound of a screen goes with its video. Returns whether its route changed. */
  setSound(media: ChannelMedia, isAllowed: boolean): boolean {
    const { sound, sources } = media
    if (sound === undefined) return false
    const isOpen = isAllowed && sound.isSending && sources.some(source => this.isForwarded(source))
    return isOpen ? this.openAudio(media, sound.route) : this.closeAudio(sound.route, false)
  }

  /** Whether the sound of the session's screen is forwarded. */
  isSoundForwarded({ lane, sound }: ChannelMedia): boolean {
    return sound !== undefined && this.#shares.get(lane)?.audio.has(sound.route) === true
  }

  /** See `VideoRoutes.openSource`. */
  openVideo(media: ChannelMedia, source: VideoSource): boolean {
    return this.#onEach(share => share.video.openSource(source, this.#remotePeer(share, media)))
  }

  closeVideo(source: VideoSource): boolean {
    return this.#onEach(share => share.video.closeSource(source))
  }

  isForwarded(source: VideoSource): boolean {
    return this.#shares.get(this.home)!.video.has(source)
  }

  addListener(media: ChannelMedia): void {
    this.#shares.get(media.lane)?.audio.addListener(media)
  }
  removeListener(media: ChannelMedia): void {
    this.#shares.get(media.lane)?.audio.removeListener(media)
  }
  addViewer(media: ChannelMedia): void {
    this.#shares.get(media.lane)?.video.addViewer(media)
  }
  removeViewer(media: ChannelMedia): void {
    this.#shares.get(media.lane)?.video.removeViewer(media)
  }

  wantsChanged(media: ChannelMedia): void {
    const share = this.#shares.get(media.lane)
    share?.audio.wantsChanged(media)
    share?.video.wantsChanged(media)
  }

  /** Of all lanes. */
  *viewers(): Iterable<Viewer> {
    for (const { video } of this.#shares.values()) yield* video.viewers
  }

  /** Whether audio that is not encrypted end to end is dropped from now on. */
  requireSealed(isRequired: boolean): void {
    this.#isSealedOnly = isRequired
    for (const { audio } of this.#shares.values()) audio.requireSealed(isRequired)
  }

  /** What the members may send from now on. A lane that the channel is on bounds all that it forwards there. */
  limitBitrate(bitrate: ChannelBitrate): void {
    if (bitrate.channel === this.#bitrate.channel && bitrate.member === this.#bitrate.member) return
    this.#bitrate = bitrate
    for (const share of this.#shares.values()) {
      for (const { media } of share.members) this.#limit(share, media.peer)
      for (const peer of share.remotePeers.values()) this.#limit(share, peer)
    }
  }

  /** Closes every route; the object can be used again. */
  close(): void {
    for (const share of this.#shares.values()) close(share)
  }

  inspect(): LaneMembers[] {
    return [...this.#shares.values()].map(({ lane, members }) => ({ lane: lane.id, members: members.size }))
  }

  #open(lane: LaneHandle): Share {
    const share = this.#newShare(lane)
    this.#shares.set(lane, share)
    if (this.#shares.size > 1) this.#linkAll()
    return share
  }

  #newShare(lane: LaneHandle): Share {
    const audio = new MediaRoutes(lane, this.#deadlines)
    audio.requireSealed(this.#isSealedOnly)
    return {
      lane,
      audio,
      video: new VideoRoutes(lane),
      members: new Set<ChannelSession>(),
      remotePeers: new Map(),
      group: lane.reserveGroup(),
    }
  }

  get #isLimited(): boolean {
    return this.#bitrate.channel !== 0 || this.#bitrate.member !== 0
  }

  #limit({ lane, group }: Share, peer: PeerId): void {
    lane.send({ kind: 'limitBitrate', peer, group, ...this.#bitrate })
  }

  /** The id of the member's peer on the lane of the share; undefined for a member that is there itself. */
  #remotePeer(share: Share, media: ChannelMedia): PeerId | undefined {
    const { lane, remotePeers } = share
    if (media.lane === lane) return undefined
    const known = remotePeers.get(media)
    if (known !== undefined) return known
    const peer = lane.addRemotePeer(media.numbers, this.#backend, media.lane.id)
    remotePeers.set(media, peer)
    if (this.#isLimited) this.#limit(share, peer)
    return peer
  }

  /** Each lane sends the packets of its sources to all others. */
  #linkAll(): void {
    for (const { lane, audio, video } of this.#shares.values()) {
      const others = [...this.#shares.keys()].filter(other => other !== lane).map(({ id }) => id)
      audio.setOtherLanes(others)
      video.setOtherLanes(others)
    }
  }

  /** Returns what `change` returned for the home lane: the others follow it. */
  #onEach(change: (share: Share) => boolean): boolean {
    let result = false
    for (const share of this.#shares.values()) {
      const isChanged = change(share)
      if (share.lane === this.home) result = isChanged
    }
    return result
  }
}

function removeRemotePeer({ lane, remotePeers }: Share, media: ChannelMedia): void {
  const peer = remotePeers.get(media)
  if (peer === undefined) return
  remotePeers.delete(media)
  lane.removeRemotePeer(peer)
}

function close(share: Share): void {
  share.audio.close()
  share.video.close()
  for (const media of [...share.remotePeers.keys()]) removeRemotePeer(share, media)
}
