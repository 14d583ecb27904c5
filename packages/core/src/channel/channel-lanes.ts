// The lanes of a channel: which members are on which, and the routes to the members of each. An ordinary channel has one lane.
import type { Deadlines } from '../deadlines.ts'
import type { LaneId, PeerId } from '../lane/commands.ts'
import type { ChannelMedia, ChannelSession } from './channel-session.ts'
import type { LaneHandle, Lanes } from './lane-handle.ts'
import { MediaRoutes } from './media-routes.ts'
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
  readonly #lanes: Lanes
  readonly #deadlines: Deadlines
  /** That of the home lane is the first, and stays. */
  readonly #shares = new Map<LaneHandle, Share>()
  #isSealedOnly = false

  constructor(lanes: Lanes, deadlines: Deadlines) {
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
    const open = shares.find(({ members }) => members.size < this.#lanes.membersPerLane)
    if (open !== undefined) return open.lane
    const least = shares.reduce((least, share) => (share.members.size < least.members.size ? share : least))
    return this.#lanes.another(this.#shares) ?? least.lane
  }

  /** Returns whether its lane has no routes of the sources of the channel yet. */
  join(session: ChannelSession): boolean {
    const { lane } = session.media
    const known = this.#shares.get(lane)
    const share = known ?? this.#open(lane)
    share.members.add(session)
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

  /** Returns whether the audio had no route before. */
  openAudio(media: ChannelMedia): boolean {
    return this.#onEach(share => {
      const remote = remotePeer(share, media)
      const { peer, ssrc } = media.audio
      return share.audio.openSource({ peer: remote ?? peer, ssrc }, remote !== undefined)
    })
  }

  /** See `MediaRoutes.closeSource`. */
  closeAudio({ audio }: ChannelMedia, silence: boolean): boolean {
    return this.#onEach(share => share.audio.closeSource(audio, silence))
  }

  /** See `VideoRoutes.openSource`. */
  openVideo(media: ChannelMedia, source: VideoSource): boolean {
    return this.#onEach(share => share.video.openSource(source, remotePeer(share, media)))
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

  /** Closes every route; the object can be used again. */
  close(): void {
    for (const share of this.#shares.values()) close(share)
  }

  inspect(): LaneMembers[] {
    return [...this.#shares.values()].map(({ lane, members }) => ({ lane: lane.id, members: members.size }))
  }

  #open(lane: LaneHandle): Share {
    const audio = new MediaRoutes(lane, this.#deadlines)
    audio.requireSealed(this.#isSealedOnly)
    const share = {
      lane,
      audio,
      video: new VideoRoutes(lane),
      members: new Set<ChannelSession>(),
      remotePeers: new Map(),
    }
    this.#shares.set(lane, share)
    if (this.#shares.size > 1) this.#linkAll()
    return share
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

/** The id of the member's peer on the lane of the share; undefined for a member that is there itself. */
function remotePeer({ lane, remotePeers }: Share, media: ChannelMedia): PeerId | undefined {
  if (media.lane === lane) return undefined
  const peer = remotePeers.get(media) ?? lane.addRemotePeer(media.numbers, media.lane.id)
  remotePeers.set(media, peer)
  return peer
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
