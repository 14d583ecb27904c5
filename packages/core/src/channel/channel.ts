// A channel: the voice states that admit users, the sessions that are present, and what each member is sent about the others.
// A session passes through it in this order: `addSession` (Identify), `enter` (Session Description was sent), changes,
// `leave` (it ended). Media is open as far as the voice state, the channel's properties and the session's own
// declarations allow; every change re-evaluates that.

import { type ChannelProperties, SpeakingFlag, type VoiceStateRestrictions } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { Announcements } from './announcements/announcements.ts'
import { Departures } from './announcements/departures.ts'
import type { BackendUsage } from './backend-usage.ts'
import type { ChannelInspection, ChannelSummary } from './channel-inspection.ts'
import { ChannelLanes } from './channel-lanes.ts'
import type { BackendId, ChannelRef } from './channel-ref.ts'
import type { ChannelSession, Ending } from './channel-session.ts'
import { Encryption, type EncryptionHost } from './encryption.ts'
import type { LaneHandle, Lanes } from './lane-handle.ts'
import { SendRequests } from './video/send-requests.ts'
import { VideoCodecs } from './video/video-codecs.ts'
import type { VideoSource } from './video/video-source.ts'
import { mayReceive, maySend, maySendVideo } from './voice-states/permissions.ts'
import type { VoiceState } from './voice-states/voice-state.ts'

/** A source of video, and the session that may send it. */
export interface SessionSource {
  readonly session: ChannelSession
  readonly source: VideoSource
}

/** What a channel is created with. */
export interface ChannelOptions {
  readonly backend: BackendId
  readonly ref: ChannelRef
  readonly token: string
  readonly lanes: Lanes
  readonly usage: BackendUsage
}

export class Channel implements ChannelRef {
  readonly backend: BackendId
  readonly channelId: string
  readonly guildId: string | undefined
  readonly token: string
  /** Where its members are, and the routes to them. */
  readonly lanes: ChannelLanes
  /** What its backend has on the node. */
  readonly usage: BackendUsage
  /** The DAVE group. */
  readonly encryption: Encryption
  readonly videoCodecs: VideoCodecs
  /** By user, in order of creation and touch. A voice state without a session is a user that may join. */
  readonly voiceStates = new Map<string, VoiceState>()
  /** Sessions by user, from Identify on. */
  readonly #sessions = new Map<string, ChannelSession>()
  /** The sources of video of its sessions, by the SSRC that names them on the lane. */
  readonly #sources = new Map<number, SessionSource>()
  properties: ChannelProperties = {}
  /** Fencing number of its placement in a cluster; 0 without a front. */
  epoch = 0
  /** See `Channels.touch`. */
  mark = 0
  /** Sessions whose media may flow, in order of arrival: the other members know of them. */
  readonly #present = new Set<ChannelSession>()
  readonly #announcements: Announcements
  readonly #departures: Departures
  readonly #sendRequests: SendRequests

  constructor({ backend, ref, token, lanes, usage }: ChannelOptions, host: EncryptionHost) {
    this.backend = backend
    this.channelId = ref.channelId
    this.guildId = ref.guildId
    this.token = token
    this.lanes = new ChannelLanes(backend, lanes, host.deadlines)
    this.usage = usage
    this.limitsChanged()
    this.encryption = new Encryption(this, host)
    this.videoCodecs = new VideoCodecs(host.deadlines)
    this.#sendRequests = new SendRequests(() => this.lanes.viewers(), host.deadlines)
    this.#announcements = new Announcements(
      {
        present: this.#present,
        isForwarded: source => this.lanes.isForwarded(source),
        isSoundForwarded: session => this.lanes.isSoundForwarded(session.media),
        isAudible: session => maySend(this.properties, session.voiceState),
      },
      host.deadlines,
    )
    this.#departures = new Departures(userId => this.#announcements.departed(userId), host.deadlines)
  }

  /** What clients send as `server_id`. */
  get serverId(): string {
    return this.guildId ?? this.channelId
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Sessions that have entered: their media may flow, and the others know of them. */
  get presentCount(): number {
    return this.#present.size
  }

  /** The user's session, connected or detached; undefined if it has none. */
  sessionOf(userId: string): ChannelSession | undefined {
    return this.#sessions.get(userId)
  }

  /** A source of video by the SSRC of its first layer, whether or not it is forwarded. */
  sourceOf(ssrc: number): SessionSource | undefined {
    return this.#sources.get(ssrc)
  }

  /** Whether video of the source is forwarded. */
  isForwarded(source: VideoSource): boolean {
    return this.lanes.isForwarded(source)
  }

  /** The session identified. The user's previous session has ended. */
  addSession(session: ChannelSession): void {
    this.#sessions.set(session.userId, session)
    for (const source of session.media.sources) this.#sources.set(source.route.ssrc, { session, source })
    this.usage.sessions++
    this.usage.used += LIMITS.sessionMemory
    if (this.lanes.join(session)) for (const other of this.#present) this.#openMedia(other)
  }

  /** The session's media may flow: it is sent the other members, and they are sent it. Called after Session Description. */
  enter(session: ChannelSession, now: number): void {
    // Clients without a DAVE session ignore the external sender; Session Description creates one.
    this.encryption.joined(session)
    if (this.#present.has(session)) return void this.#openMedia(session)
    this.#announcements.sendSnapshot(session)
    this.#present.add(session)
    this.#departures.returned(session.userId)
    this.#announcements.arrived(session, now)
    this.#openMedia(session)
    if (session.media.speaking !== 0) this.#announcements.announceArrivals()
  }

  isPresent(session: ChannelSession): boolean {
    return this.#present.has(session)
  }

  /** Called once, by a session that ends. */
  leave(session: ChannelSession, now: number): void {
    if (this.#sessions.get(session.userId) === session) {
      this.#sessions.delete(session.userId)
      this.usage.sessions--
      this.usage.used -= LIMITS.sessionMemory
    }
    for (const { route } of session.media.sources)
      if (this.#sources.get(route.ssrc)?.session === session) this.#sources.delete(route.ssrc)
    this.videoCodecs.leave(session)
    if (this.#present.has(session)) this.#announcements.left(session)
    if (this.#present.delete(session)) this.#closeMedia(session)
    this.lanes.leave(session)
    this.encryption.leave(session, now)
  }

  /** Whether the lane drops audio that is not encrypted end to end. */
  requireSealed(isRequired: boolean): void {
    this.lanes.requireSealed(isRequired)
  }

  /** The session's declared speaking flags changed. */
  speakingChanged(session: ChannelSession): void {
    if (this.#present.has(session)) this.#announcements.sendSpeakingOf(session)
  }

  /** The session's wants changed (op 15). */
  wantsChanged(session: ChannelSession): void {
    this.lanes.wantsChanged(session.media)
    this.#sendRequests.changed()
  }

  /** The lane reported other layers of what the session views. */
  layersChanged(): void {
    this.#sendRequests.changed()
  }

  /** The session declared its video (op 12); `isChanged` if the declaration differs from the last. */
  videoDeclared(session: ChannelSession, isChanged: boolean): void {
    if (!this.#present.has(session)) return
    const before = this.#forwardedSources(session)
    this.#openMedia(session)
    const after = this.#forwardedSources(session)
    if (isChanged) for (const source of session.media.sources) session.sourceChanged(source)
    if (!before.some(source => after.includes(source))) return
    if (isChanged) this.#announcements.sendVideoOf(session)
    this.#sendRequests.declared(session)
  }

  /** The session's codecs changed (op 14 or op 12); `isNewViewer` if it had no video before. */
  codecsChanged(session: ChannelSession, isNewViewer: boolean): void {
    if (!this.#present.has(session)) return
    this.videoCodecs.changed(session)
    if (isNewViewer) this.#announcements.sendVideosTo(session)
    this.#openMedia(session)
  }

  /** See `Announcements`. */
  announceArrivals(): void {
    this.#announcements.announceArrivals()
  }

  /** The session resumed without a replay, and may have missed any message. */
  resumedWithoutReplay(session: ChannelSession): void {
    this.#announcements.sendSnapshot(session)
    this.videoCodecs.repeat(session)
    if (this.#forwardedSources(session).length > 0) this.#sendRequests.declared(session)
  }

  /** The backend changed restrictions: media is opened or closed at once, and badges (ops 18, 20) are announced. */
  updateVoiceState(userId: string, update: VoiceStateRestrictions): void {
    const state = this.voiceStates.get(userId)
    if (state === undefined) return
    const { flags, platform, priority } = state
    state.apply(update)
    const session = this.#sessions.get(userId)
    if (session === undefined || !this.#present.has(session)) return
    this.#permissionsChanged(session)
    const isPrioritized = (session.media.speaking & SpeakingFlag.Priority) !== 0
    if (priority !== state.priority && isPrioritized) this.#announcements.sendSpeakingOf(session)
    if (flags !== state.flags) this.#announcements.sendFlagsOf(session)
    if (platform !== state.platform) this.#announcements.sendPlatformOf(session)
  }

  /** The operator of the node mutes the user, or lifts that. */
  muteByOperator(state: VoiceState, isMuted: boolean): void {
    state.mutedByOperator = isMuted
    const session = this.#sessions.get(state.userId)
    if (session !== undefined && this.#present.has(session)) this.#permissionsChanged(session)
  }

  /** The limits of the backend, or the properties, changed: the members may send at another bit rate. */
  limitsChanged(): void {
    const { maxChannelBitrate, maxMemberBitrate } = this.usage.limits
    this.lanes.limitBitrate({
      channel: lower(maxChannelBitrate, this.properties.maxBitrate),
      member: lower(maxMemberBitrate, this.properties.maxMemberBitrate),
    })
  }

  /** Absent properties keep their value. */
  setProperties(properties: ChannelProperties, now: number): void {
    const given = Object.entries(properties).filter(([, value]) => value !== undefined)
    this.properties = { ...this.properties, ...Object.fromEntries(given) }
    this.limitsChanged()
    for (const session of this.#present) this.#permissionsChanged(session)
    this.encryption.propertiesChanged(now)
  }

  /** Ends the user's session. Returns false if there was no voice state. */
  removeVoiceState(userId: string, ending: Ending, now: number): boolean {
    if (!this.voiceStates.delete(userId)) return false
    this.#sessions.get(userId)?.end(ending, now)
    return true
  }

  /** Ends every session; afterwards no route, peer or deadline of the channel remains. */
  close(ending: Ending, now: number): void {
    this.voiceStates.clear()
    this.endSessions(ending, now)
  }

  /** A lane of the channel has crashed: its members end, and can identify again. Those on other lanes stay. */
  laneLost(lane: LaneHandle, ending: Ending, now: number): void {
    if (!this.lanes.has(lane)) return
    const lost = this.lanes.membersOn(lane)
    if (lost.length === this.#sessions.size) return this.endSessions(ending, now)
    for (const session of lost) this.#closeMedia(session)
    this.#departures.lost(this.#withdraw(lost), now)
    const isHome = this.lanes.lost(lane)
    for (const session of lost) session.end(ending, now)
    if (isHome) for (const session of this.#present) this.#openMedia(session)
  }

  /** Yields the users that other members know of. */
  *#withdraw(sessions: readonly ChannelSession[]): Iterable<string> {
    for (const session of sessions) {
      if (!this.#present.delete(session)) continue
      this.#announcements.lost(session)
      yield session.userId
    }
  }

  /** Ends every session; the voice states remain, so that the users can identify again. The members are not sent departures. */
  endSessions(ending: Ending, now: number): void {
    const sessions = [...this.#sessions.values()]
    for (const session of sessions) this.#closeMedia(session)
    this.#present.clear()
    this.encryption.abandon(now)
    for (const session of sessions) session.end(ending, now)
    for (const part of [this.#announcements, this.#departures, this.#sendRequests, this.videoCodecs, this.lanes])
      part.close()
  }

  summarize(): ChannelSummary {
    const { backend, channelId, guildId, lanes, properties } = this
    return {
      backend,
      channelId,
      guildId,
      lane: lanes.home.id,
      lanes: lanes.inspect(),
      properties,
      dave: this.encryption.state.version,
      voiceStates: this.voiceStates.size,
      present: Array.from(this.#present, session => session.userId),
    }
  }

  inspect(): ChannelInspection {
    return {
      ...this.summarize(),
      dave: this.encryption.inspect(),
      voiceStates: [...this.voiceStates.values()].map(({ userId, mute, deaf, suppress, mutedByOperator }) => ({
        userId,
        mute,
        deaf,
        suppress,
        mutedByOperator,
      })),
    }
  }

  #forwardedSources(session: ChannelSession): VideoSource[] {
    return session.media.sources.filter(source => this.lanes.isForwarded(source))
  }

  /** What the session may do has changed. After a mute members were sent that it is silent, and its client repeats nothing. */
  #permissionsChanged(session: ChannelSession): void {
    if (this.#openMedia(session) && session.media.speaking !== 0) this.#announcements.sendSpeakingOf(session)
  }

  /** Opens or closes the session's sources and its listening, as its voice state and the channel allow. Returns whether its audio was opened. */
  #openMedia(session: ChannelSession): boolean {
    const { media, voiceState } = session
    const isAllowed = maySend(this.properties, voiceState)
    const isOpened = isAllowed && this.lanes.openAudio(media)
    const isClosed = !isAllowed && this.lanes.closeAudio(media.audio, true)
    if (isClosed && media.lastSpeaking !== 0) this.#announcements.sendSpeakingOf(session)
    if (mayReceive(voiceState)) this.lanes.addListener(media)
    else this.lanes.removeListener(media)
    this.#openVideo(session)
    return isOpened
  }

  /** Viewers are sent the SSRCs before the first packet. */
  #openVideo(session: ChannelSession): void {
    const { media, voiceState } = session
    const isAllowed = media.hasVideo && maySendVideo(this.properties, voiceState)
    for (const source of media.sources) source.highest = this.properties.videoQuality ?? 100
    const changed = media.sources.filter(source =>
      isAllowed && source.isSending ? this.lanes.openVideo(media, source) : this.lanes.closeVideo(source),
    )
    for (const source of changed) session.sourceChanged(source)
    const isSoundChanged = this.lanes.setSound(media, isAllowed && maySend(this.properties, voiceState))
    if (changed.length > 0 || isSoundChanged) {
      this.#announcements.sendVideoOf(session)
      if (this.#forwardedSources(session).length > 0) this.#sendRequests.declared(session)
      else this.#sendRequests.ended(session)
    }
    if (media.hasVideo && mayReceive(voiceState)) this.lanes.addViewer(media)
    else this.lanes.removeViewer(media)
    this.#sendRequests.changed()
  }

  /** No packets from or to the session from now on. */
  #closeMedia(session: ChannelSession): void {
    const { media } = session
    this.lanes.removeListener(media)
    this.lanes.closeAudio(media.audio, false)
    this.lanes.setSound(media, false)
    this.lanes.removeViewer(media)
    for (const source of media.sources) this.lanes.closeVideo(source)
    this.#sendRequests.ended(session)
    this.#sendRequests.changed()
  }
}

/** The lower of two bounds, of which 0 is none. */
const lower = (limit: number, own = 0): number => (limit === 0 || own === 0 ? limit + own : Math.min(limit, own))
