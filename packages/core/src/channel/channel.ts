// A channel: who may be here (voice states), who is here (sessions), and what everyone is told of everyone else.
import type { Codec, Stream, Video } from '@parley/protocol'
import { Announcements } from './announcements.ts'
import { type EncryptedSession, Encryption, type EncryptionHost } from './encryption.ts'
import type { LaneHandle } from './lane-handle.ts'
import { type Listener, MediaRoutes, type RouteSource } from './media-routes.ts'
import { SendRequests } from './send-requests.ts'
import { VideoCodecs } from './video-codecs.ts'
import type { BackendId, ChannelProperties, ChannelRef, VoiceState, VoiceStateUpdate } from './voice-state.ts'

/** Why a session ends, as its client hears it. */
export interface Ending {
  code: number
  reason: string
}

/** What a channel needs of a voice session. */
export interface ChannelSession extends Listener, EncryptedSession {
  readonly audio: RouteSource
  readonly camera: RouteSource
  /** What it last declared of its video; undefined before it did. */
  readonly video: Video | undefined
  /** Whether it declared that its camera sends. */
  readonly isSendingVideo: boolean
  /** The layer of it that is forwarded. */
  readonly layer: Stream | undefined
  readonly voiceState: VoiceState
  /** Gateway version: what its messages look like. */
  readonly version: number
  /** The flags it last declared, and the last that were not 0: newcomers need those to know its SSRC. */
  readonly speaking: number
  readonly lastSpeaking: number
  readonly hasDeclaredSpeaking: boolean
  readonly takesVideo: boolean
  readonly codecs: readonly Codec[]
  /** Whether it can take part in video. */
  readonly hasVideo: boolean
  /** Whether its media travels by WebRTC. */
  readonly isWebrtc: boolean
  /** Ends for good: its connection is closed, its peer and SSRCs are given back. */
  end(ending: Ending, now: number): void
}

export class Channel implements ChannelRef {
  readonly backend: BackendId
  readonly channelId: string
  readonly guildId: string | undefined
  readonly token: string
  readonly lane: LaneHandle
  readonly encryption: Encryption
  readonly videoCodecs: VideoCodecs
  readonly voiceStates = new Map<string, VoiceState>()
  /** Sessions by user, from Identify on. */
  readonly sessions = new Map<string, ChannelSession>()
  properties: ChannelProperties = {}
  /** Sessions whose media may flow, in the order in which they came: those the others know of. */
  readonly #present = new Set<ChannelSession>()
  readonly #announcements: Announcements
  readonly #sendRequests: SendRequests
  #audio: MediaRoutes
  #video: MediaRoutes

  constructor(backend: BackendId, ref: ChannelRef, token: string, lane: LaneHandle, host: EncryptionHost) {
    this.backend = backend
    this.channelId = ref.channelId
    this.guildId = ref.guildId
    this.token = token
    this.lane = lane
    this.#audio = new MediaRoutes(lane, 'audio')
    this.#video = new MediaRoutes(lane, 'video')
    this.encryption = new Encryption(this, host)
    this.videoCodecs = new VideoCodecs(host.deadlines)
    this.#sendRequests = new SendRequests(() => this.#video.listeners, host.deadlines)
    this.#announcements = new Announcements(
      {
        present: this.#present,
        isSeen: session => this.#video.has(session.camera),
        isHeard: session => this.mayBeHeard(session.voiceState),
      },
      host.deadlines,
    )
  }

  /** What clients send as `server_id`. */
  get serverId(): string {
    return this.guildId ?? this.channelId
  }

  /** Its media may flow: it learns of the others, the others of it. Called when Session Description has been sent. */
  enter(session: ChannelSession, now: number): void {
    // Clients without a DAVE session ignore the external sender, and Session Description makes one.
    this.encryption.joined(session)
    if (this.#present.has(session)) return this.#openMedia(session)
    this.#announcements.sendSnapshot(session)
    this.#present.add(session)
    this.#announcements.arrived(session, now)
    this.#openMedia(session)
    if (session.speaking !== 0) this.#announcements.announceArrivals()
  }

  isPresent(session: ChannelSession): boolean {
    return this.#present.has(session)
  }

  /** To be called by a session that ends, once. */
  leave(session: ChannelSession, now: number): void {
    const { userId } = session.voiceState
    if (this.sessions.get(userId) === session) this.sessions.delete(userId)
    this.videoCodecs.leave(session)
    if (this.#present.has(session)) this.#announcements.left(session)
    if (this.#present.delete(session)) this.#closeMedia(session)
    this.encryption.leave(session, now)
  }

  requireSealed(isRequired: boolean): void {
    this.#audio.requireSealed(isRequired)
  }

  /** The session's declared speaking flags changed. */
  speakingChanged(session: ChannelSession): void {
    if (this.#present.has(session)) this.#announcements.tellSpeaking(session)
  }

  /** The session wants something else than before. */
  wantsChanged(session: ChannelSession): void {
    this.#audio.wantsChanged(session)
    this.#video.wantsChanged(session)
    this.#sendRequests.changed()
  }

  /** The session declared its video, and maybe something else than before. */
  videoDeclared(session: ChannelSession, isChanged: boolean): void {
    if (!this.#present.has(session)) return
    const wasSeen = this.#video.has(session.camera)
    this.#openMedia(session)
    if (!wasSeen || !this.#video.has(session.camera)) return
    if (isChanged) this.#announcements.tellVideo(session)
    this.#sendRequests.declared(session)
  }

  /** The session listed other codecs than before. */
  codecsChanged(session: ChannelSession): void {
    if (!this.#present.has(session)) return
    this.videoCodecs.changed(session)
    this.#openMedia(session)
  }

  /** See `Announcements`. */
  announceArrivals(): void {
    this.#announcements.announceArrivals()
  }

  /** The session resumed, and may have missed anything. */
  resumedAnew(session: ChannelSession): void {
    this.#announcements.sendSnapshot(session)
    this.videoCodecs.repeat(session)
    if (this.#video.has(session.camera)) this.#sendRequests.declared(session)
  }

  updateVoiceState(userId: string, update: VoiceStateUpdate): void {
    const state = this.voiceStates.get(userId)
    if (state === undefined) return
    const { flags, platform } = state
    state.apply(update)
    const session = this.sessions.get(userId)
    if (session === undefined || !this.#present.has(session)) return
    this.#openMedia(session)
    if (flags !== state.flags) this.#announcements.tellFlags(session)
    if (platform !== state.platform) this.#announcements.tellPlatform(session)
  }

  /** What is absent stays as it is. */
  setProperties(properties: ChannelProperties, now: number): void {
    const said = Object.entries(properties).filter(([, value]) => value !== undefined)
    this.properties = { ...this.properties, ...Object.fromEntries(said) }
    for (const session of this.#present) this.#openMedia(session)
    this.encryption.propertiesChanged(now)
  }

  removeVoiceState(userId: string, ending: Ending, now: number): boolean {
    if (!this.voiceStates.delete(userId)) return false
    this.sessions.get(userId)?.end(ending, now)
    return true
  }

  /** Ends every session; afterwards no route, peer or deadline of the channel remains. */
  close(ending: Ending, now: number): void {
    this.voiceStates.clear()
    this.#endSessions(ending, now)
  }

  /** The lane forgot everything: every session ends, and may come again. */
  laneLost(ending: Ending, now: number): void {
    this.#endSessions(ending, now)
    this.#audio = new MediaRoutes(this.lane, 'audio')
    this.#video = new MediaRoutes(this.lane, 'video')
  }

  /** Nobody is told of the others' leaving: all of them leave. */
  #endSessions(ending: Ending, now: number): void {
    const sessions = [...this.sessions.values()]
    for (const session of sessions) this.#closeMedia(session)
    this.#present.clear()
    this.encryption.abandon(now)
    for (const session of sessions) session.end(ending, now)
    for (const part of [this.#announcements, this.#sendRequests, this.videoCodecs, this.#audio, this.#video])
      part.close()
  }

  inspect(): object {
    return {
      backend: this.backend,
      channelId: this.channelId,
      guildId: this.guildId,
      lane: this.lane.id,
      properties: this.properties,
      dave: this.encryption.inspect(),
      voiceStates: [...this.voiceStates.values()].map(({ userId, mute, deaf, suppress }) => ({
        userId,
        mute,
        deaf,
        suppress,
      })),
      present: [...this.#present].map(session => session.voiceState.userId),
    }
  }

  /** Whether this user's media is forwarded at all. A stream carries its owner's only. */
  mayBeHeard(state: VoiceState): boolean {
    const { kind, ownerId } = this.properties
    return state.maySpeak && (kind !== 'stream' || ownerId === undefined || ownerId === state.userId)
  }

  /** Opens or closes the session's source and listening to what its voice state allows. */
  #openMedia(session: ChannelSession): void {
    const heard = this.mayBeHeard(session.voiceState)
    if (heard) this.#audio.openSource(session.audio)
    else if (this.#audio.closeSource(session.audio, true) && session.lastSpeaking !== 0)
      this.#announcements.tellSpeaking(session)
    if (session.voiceState.deaf) this.#audio.removeListener(session)
    else this.#audio.addListener(session)
    this.#openVideo(session, heard)
  }

  /** Viewers learn its SSRCs before a packet of it can come. */
  #openVideo(session: ChannelSession, heard: boolean): void {
    const isSeen = heard && session.hasVideo && session.isSendingVideo && this.properties.video !== false
    const isChanged = isSeen ? this.#video.openSource(session.camera) : this.#video.closeSource(session.camera, false)
    if (isChanged) {
      this.#announcements.tellVideo(session)
      if (isSeen) this.#sendRequests.declared(session)
      else this.#sendRequests.ended(session)
    }
    if (session.hasVideo && !session.voiceState.deaf) this.#video.addListener(session)
    else this.#video.removeListener(session)
    this.#sendRequests.changed()
  }

  #closeMedia(session: ChannelSession): void {
    this.#audio.removeListener(session)
    this.#audio.closeSource(session.audio, false)
    this.#video.removeListener(session)
    this.#video.closeSource(session.camera, false)
    this.#sendRequests.ended(session)
    this.#sendRequests.changed()
  }
}
