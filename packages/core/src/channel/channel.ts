// A channel: who may be here (voice states), who is here (sessions), and what everyone is told of everyone else.
import { SpeakingFlag, type Stream, type VoiceEvents, VoiceOp } from '@parley/protocol'
import type { LaneControl } from '../media/lane-control.ts'
import { type EncryptedSession, Encryption, type EncryptionHost } from './encryption.ts'
import { type Listener, MediaRoutes, type RouteSource } from './media-routes.ts'
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
  /** Whether it declared that its camera sends. */
  readonly isSendingVideo: boolean
  /** The layer that it declared. */
  readonly layer: Stream | undefined
  readonly voiceState: VoiceState
  /** Gateway version: what its messages look like. */
  readonly version: number
  /** The flags it last declared, and the last that were not 0: newcomers need those to know its SSRC. */
  readonly speaking: number
  readonly lastSpeaking: number
  readonly takesVideo: boolean
  /** Whether it can take part in video. */
  readonly hasVideo: boolean
  /** Whether its media travels by WebRTC. */
  readonly isBrowser: boolean
  /** Ends for good: its connection is closed, its peer and SSRCs are given back. */
  end(ending: Ending, now: number): void
}

export class Channel implements ChannelRef {
  readonly backend: BackendId
  readonly channelId: string
  readonly guildId: string | undefined
  readonly token: string
  readonly lane: LaneControl
  readonly encryption: Encryption
  readonly voiceStates = new Map<string, VoiceState>()
  /** Sessions by user, from Identify on. */
  readonly sessions = new Map<string, ChannelSession>()
  properties: ChannelProperties = {}
  /** Sessions whose media may flow, in the order in which they came: those the others know of. */
  readonly #present = new Set<ChannelSession>()
  #audio: MediaRoutes
  #video: MediaRoutes

  constructor(backend: BackendId, ref: ChannelRef, token: string, lane: LaneControl, host: EncryptionHost) {
    this.backend = backend
    this.channelId = ref.channelId
    this.guildId = ref.guildId
    this.token = token
    this.lane = lane
    this.#audio = new MediaRoutes(lane, 'audio')
    this.#video = new MediaRoutes(lane, 'video')
    this.encryption = new Encryption(this, host)
  }

  /** What clients send as `server_id`. */
  get serverId(): string {
    return this.guildId ?? this.channelId
  }

  /** Its media may flow: it learns of the others, the others of it. Called when Session Description has been sent. */
  enter(session: ChannelSession): void {
    // Clients without a DAVE session ignore the external sender, and Session Description makes one.
    this.encryption.joined(session)
    if (this.#present.has(session)) return this.#openMedia(session)
    this.sendSnapshot(session)
    const { userId, flags, platform } = session.voiceState
    this.#broadcast(VoiceOp.ClientsConnect, { user_ids: [userId] })
    this.#broadcast(VoiceOp.ClientFlags, { user_id: userId, flags })
    this.#broadcast(VoiceOp.ClientPlatform, { user_id: userId, platform })
    for (const other of this.#present) this.#sendConnect(other, session)
    this.#present.add(session)
    this.#openMedia(session)
    if (session.speaking !== 0) this.#tellSpeaking(session)
  }

  isPresent(session: ChannelSession): boolean {
    return this.#present.has(session)
  }

  /** To be called by a session that ends, once. */
  leave(session: ChannelSession, now: number): void {
    const { userId } = session.voiceState
    if (this.sessions.get(userId) === session) this.sessions.delete(userId)
    if (!this.#present.delete(session)) return
    this.#closeMedia(session)
    this.#broadcast(VoiceOp.ClientDisconnect, { user_id: userId })
    this.encryption.leave(session, now)
  }

  /** The session's declared speaking flags changed. */
  speakingChanged(session: ChannelSession): void {
    if (this.#present.has(session)) this.#tellSpeaking(session)
  }

  /** To be used around a change of the session's wants. */
  changeWants(session: ChannelSession, change: () => void): void {
    this.#video.changeListener(session, () => this.#audio.changeListener(session, change))
  }

  /** What the session declared of its camera changed. */
  videoChanged(session: ChannelSession): void {
    if (this.#present.has(session)) this.#openMedia(session)
  }

  /** Everything a newcomer, or a client that resumed without numbers, has to know (gateway documentation, "Ordering"). */
  sendSnapshot(session: ChannelSession): void {
    const others = [...this.#present].filter(other => other !== session)
    const send = <Op extends keyof VoiceEvents & VoiceOp>(op: Op, data: VoiceEvents[Op]) =>
      session.sendText(op, JSON.stringify(data))
    if (others.length > 0) send(VoiceOp.ClientsConnect, { user_ids: others.map(other => other.voiceState.userId) })
    for (const { voiceState } of others) {
      send(VoiceOp.ClientFlags, { user_id: voiceState.userId, flags: voiceState.flags })
      send(VoiceOp.ClientPlatform, { user_id: voiceState.userId, platform: voiceState.platform })
    }
    for (const other of others)
      session.sendText(VoiceOp.Speaking, speakingText(other, other.lastSpeaking, session.version))
    for (const other of others) this.#sendConnect(session, other)
    if (session.takesVideo && session.version >= 5) send(VoiceOp.MediaSinkWants, { any: 100 })
  }

  updateVoiceState(userId: string, update: VoiceStateUpdate): void {
    const state = this.voiceStates.get(userId)
    if (state === undefined) return
    const { flags, platform } = state
    state.apply(update)
    const session = this.sessions.get(userId)
    if (session === undefined || !this.#present.has(session)) return
    this.#openMedia(session)
    if (flags !== state.flags) this.#broadcast(VoiceOp.ClientFlags, { user_id: userId, flags: state.flags }, session)
    if (platform !== state.platform)
      this.#broadcast(VoiceOp.ClientPlatform, { user_id: userId, platform: state.platform }, session)
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
    this.#audio.close()
    this.#video.close()
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
      this.#broadcast(VoiceOp.Speaking, speaking(session, 0), session)
    if (session.voiceState.deaf) this.#audio.removeListener(session)
    else this.#audio.addListener(session)
    this.#openVideo(session, heard)
  }

  /** Viewers learn its SSRCs before a packet of it can come. */
  #openVideo(session: ChannelSession, heard: boolean): void {
    const isSeen = heard && session.hasVideo && session.isSendingVideo && this.properties.video !== false
    const isChanged = isSeen ? this.#video.openSource(session.camera) : this.#video.closeSource(session.camera, false)
    if (isChanged)
      for (const other of this.#present) if (other !== session && other.hasVideo) this.#sendVideo(other, session)
    if (session.hasVideo && !session.voiceState.deaf) this.#video.addListener(session)
    else this.#video.removeListener(session)
  }

  #closeMedia(session: ChannelSession): void {
    this.#audio.removeListener(session)
    this.#audio.closeSource(session.audio, false)
    this.#video.removeListener(session)
    this.#video.closeSource(session.camera, false)
  }

  #tellSpeaking(session: ChannelSession): void {
    const flags = this.mayBeHeard(session.voiceState) ? session.speaking : 0
    this.#broadcast(VoiceOp.Speaking, speaking(session, flags), session)
  }

  /**
   * Up to v7, op 12 without video also said "this user is here, with this audio SSRC". Spacebar's web client learns SSRCs from
   * nowhere else.
   */
  #sendConnect(to: ChannelSession, about: ChannelSession): void {
    if (to.isBrowser || (to.hasVideo && this.#video.has(about.camera))) return this.#sendVideo(to, about)
    if (to.version > 7) return
    const video = { user_id: about.voiceState.userId, audio_ssrc: about.audio.ssrc, video_ssrc: 0 }
    to.sendText(VoiceOp.Video, JSON.stringify(video))
  }

  #sendVideo(to: ChannelSession, about: ChannelSession): void {
    to.sendText(VoiceOp.Video, JSON.stringify(videoEvent(about, this.#video.has(about.camera))))
  }

  /** To everyone present, apart from `except`. The data is serialised once per form. */
  #broadcast<Op extends keyof VoiceEvents & VoiceOp>(op: Op, data: VoiceEvents[Op], except?: ChannelSession): void {
    const text = JSON.stringify(data)
    let booleanText: string | undefined
    for (const session of this.#present) {
      if (session === except) continue
      if (op !== VoiceOp.Speaking || session.version >= 4) session.sendText(op, text)
      else {
        booleanText ??= JSON.stringify({
          ...data,
          speaking: (data as VoiceEvents[typeof VoiceOp.Speaking]).speaking !== 0,
        })
        session.sendText(op, booleanText)
      }
    }
  }
}

const speaking = (session: ChannelSession, flags: number) => ({
  user_id: session.voiceState.userId,
  ssrc: session.audio.ssrc,
  speaking: session.voiceState.priority ? flags : flags & ~SpeakingFlag.Priority,
})

/** Op 12. The SSRCs are the node's, whatever the client itself calls them; retransmissions have the next number. */
function videoEvent({ voiceState, audio, camera, layer }: ChannelSession, isSeen: boolean): VoiceEvents[12] {
  const common = { user_id: voiceState.userId, audio_ssrc: audio.ssrc }
  if (!isSeen) return { ...common, video_ssrc: 0, rtx_ssrc: 0, streams: [] }
  const { max_framerate, max_resolution, rid = '100', quality = 100 } = layer ?? {}
  const ssrcs = { ssrc: camera.ssrc, rtx_ssrc: camera.ssrc + 1 }
  const stream = { type: 'video', rid, quality, active: true, ...ssrcs, max_framerate, max_resolution }
  return { ...common, video_ssrc: camera.ssrc, rtx_ssrc: camera.ssrc + 1, streams: [stream] }
}

/** Up to v3, `speaking` is a boolean. */
const speakingText = (session: ChannelSession, flags: number, version: number) => {
  const data = speaking(session, flags)
  return JSON.stringify(version >= 4 ? data : { ...data, speaking: data.speaking !== 0 })
}
