// What members of a channel are sent about each other: arrivals and departures, speaking flags and SSRCs, video.
import { SpeakingFlag, type Stream, type VoiceEvents, VoiceOp } from '@parley/protocol'
import type { Deadlines, Timed } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'
import type { ChannelSession } from '../channel-session.ts'
import type { Layer, VideoSource } from '../video/video-source.ts'
import { AnnouncementQueue } from './announcement-queue.ts'

/** The part of a channel that announcements depend on. */
export interface AnnouncedChannel {
  /** Sessions whose media may flow, in order of arrival. */
  readonly present: ReadonlySet<ChannelSession>
  /** Whether this video is forwarded. */
  isForwarded(source: VideoSource): boolean
  /** Whether the sound of its screen is forwarded. */
  isSoundForwarded(session: ChannelSession): boolean
  /** Whether its audio is forwarded. */
  isAudible(session: ChannelSession): boolean
}

/**
 * Every member is sent every arrival, so a large channel announces arrivals in batches: one message and one write per member for
 * all of them. The announcement of a session precedes any other message about it.
 */
export class Announcements implements Timed {
  readonly #channel: AnnouncedChannel
  readonly #deadlines: Deadlines
  /** Sessions that have arrived and are not announced yet. */
  #arrivals: Set<ChannelSession> = new Set()
  #announcedAt = -Infinity
  readonly #speaking: AnnouncementQueue
  readonly #video: AnnouncementQueue

  constructor(channel: AnnouncedChannel, deadlines: Deadlines) {
    this.#channel = channel
    this.#deadlines = deadlines
    this.#speaking = new AnnouncementQueue(session => this.#broadcastSpeaking(session), deadlines)
    this.#video = new AnnouncementQueue(session => this.#broadcastVideo(session), deadlines)
  }

  get deadline(): number {
    return this.#arrivals.size === 0 ? Infinity : this.#announcedAt + this.#interval
  }

  tick(now: number): void {
    if (now < this.deadline) return
    this.#announcedAt = now
    this.announceArrivals()
  }

  /** The session is present from now on. */
  arrived(session: ChannelSession, now: number): void {
    this.#arrivals.add(session)
    this.tick(now)
    this.#deadlines.update(this)
  }

  /** Called while the session is still present. */
  left(session: ChannelSession): void {
    this.#settle(session)
    this.#speaking.remove(session)
    this.#video.remove(session)
    this.#broadcast(VoiceOp.ClientDisconnect, { user_id: session.userId }, session)
  }

  /** A member of a lane that crashed: no member is sent that it has departed, as it may come back soon. */
  lost(session: ChannelSession): void {
    this.#arrivals.delete(session)
    this.#speaking.remove(session)
    this.#video.remove(session)
  }

  /** A user has departed whose session was lost before. Returns the number of messages. */
  departed(userId: string): number {
    this.#broadcast(VoiceOp.ClientDisconnect, { user_id: userId })
    return this.#channel.present.size
  }

  /** Discards arrivals that are not announced. */
  close(): void {
    this.#arrivals.clear()
    this.#speaking.close()
    this.#video.close()
    this.#deadlines.remove(this)
  }

  /** Announces arrivals now, because a message that is about to be sent refers to them. */
  announceArrivals(): void {
    if (this.#arrivals.size === 0) return
    const arrivals = [...this.#arrivals]
    this.#arrivals = new Set()
    const places = new Map(arrivals.map((session, place) => [session, place]))
    const text = clientsConnect(arrivals)
    for (const session of this.#channel.present) {
      const place = places.get(session)
      if (place === undefined) this.#introduce(session, arrivals, text)
      // An arriving session has been sent the ones before it.
      else if (place < arrivals.length - 1) this.#introduce(session, arrivals.slice(place + 1))
    }
  }

  /** The state of all other members, for a new session or one that resumed without a replay (docs/voice-gateway.md, "Ordering"). */
  sendSnapshot(session: ChannelSession): void {
    const others = [...this.#channel.present].filter(other => other !== session)
    if (others.length > 0) session.sendText(VoiceOp.ClientsConnect, clientsConnect(others))
    for (const other of others) sendBadges(session, other)
    for (const other of others) if (this.#isAnnounced(other)) sendSpeaking(session, other, other.media.lastSpeaking)
    for (const other of others) this.#sendConnect(session, other)
    if (session.media.takesVideo && session.version >= 5) session.sendText(VoiceOp.MediaSinkWants, '{"any":100}')
  }

  /** Its declared speaking flags, or whether its audio is forwarded, changed. */
  sendSpeakingOf(session: ChannelSession): void {
    const flags = this.#channel.isAudible(session) ? session.media.speaking : 0
    if (!this.#isAnnounced(session)) return
    // A new client declares 0 at once to announce its SSRC; that can wait for the batch.
    if (this.#arrivals.has(session)) return flags === 0 ? undefined : this.announceArrivals()
    if (this.#isLarge) this.#speaking.push(session)
    else this.#broadcastSpeaking(session)
  }

  /** Its forwarded video changed. */
  sendVideoOf(session: ChannelSession): void {
    this.#settle(session)
    if (this.#isLarge) this.#video.push(session)
    else this.#broadcastVideo(session)
  }

  /** It takes part in video from now on: the forwarded video of all others, which it was not sent before. */
  sendVideosTo(session: ChannelSession): void {
    this.#settle(session)
    for (const other of this.#channel.present)
      if (other !== session && other.media.sources.some(source => this.#channel.isForwarded(source)))
        this.#sendVideo(session, other)
  }

  /** Its client flags in the voice state changed. */
  sendFlagsOf(session: ChannelSession): void {
    this.#settle(session)
    const { userId, flags = 0 } = session.voiceState
    this.#broadcast(VoiceOp.ClientFlags, { user_id: userId, flags }, session)
  }

  sendPlatformOf(session: ChannelSession): void {
    this.#settle(session)
    const { userId, platform = 0 } = session.voiceState
    this.#broadcast(VoiceOp.ClientPlatform, { user_id: userId, platform }, session)
  }

  get #isLarge(): boolean {
    return this.#channel.present.size >= LIMITS.largeChannel
  }

  get #interval(): number {
    const delay = this.#channel.present.size * LIMITS.arrivalDelayPerMember
    return this.#isLarge ? Math.min(LIMITS.arrivalDelayHighest, delay) : 0
  }

  /** In a large channel the SSRCs of members that have never spoken are left out: they would be a message per pair of members. */
  #isAnnounced({ media }: ChannelSession): boolean {
    return media.lastSpeaking !== 0 || !this.#isLarge
  }

  #settle(session: ChannelSession): void {
    if (this.#arrivals.has(session)) this.announceArrivals()
  }

  #introduce(to: ChannelSession, arrivals: readonly ChannelSession[], text = clientsConnect(arrivals)): void {
    to.sendText(VoiceOp.ClientsConnect, text)
    for (const session of arrivals) sendBadges(to, session)
    for (const session of arrivals) this.#sendConnect(to, session)
    for (const session of arrivals) {
      if (!session.media.hasDeclaredSpeaking || !this.#isAnnounced(session)) continue
      sendSpeaking(to, session, this.#channel.isAudible(session) ? session.media.speaking : 0)
    }
  }

  /**
   * Up to v7, op 12 without video also announces a user and its audio SSRC. Spacebar's web client learns SSRCs from no other
   * message.
   */
  #sendConnect(to: ChannelSession, about: ChannelSession): void {
    const isVisible = isNotified(to) && about.media.sources.some(source => this.#channel.isForwarded(source))
    if (to.media.isWebrtc || isVisible) return this.#sendVideo(to, about)
    if (to.version > 7) return
    const video = { user_id: about.userId, audio_ssrc: about.media.audio.ssrc, video_ssrc: 0 }
    to.sendText(VoiceOp.Video, JSON.stringify(video))
  }

  #sendVideo(to: ChannelSession, about: ChannelSession): void {
    to.sendText(VoiceOp.Video, this.#videoText(about, to.media))
  }

  /** Returns the most messages that it can have been. The data is serialized once per shape. */
  #broadcastVideo(about: ChannelSession): number {
    const texts = new Map<string, string>()
    for (const session of this.#channel.present) {
      if (session === about || !isNotified(session)) continue
      const shape = `${session.media.isWebrtc} ${session.media.knowsSounds}`
      const text = texts.get(shape) ?? this.#videoText(about, session.media)
      texts.set(shape, text)
      session.sendText(VoiceOp.Video, text)
    }
    return this.#channel.present.size
  }

  #videoText(about: ChannelSession, { isWebrtc, knowsSounds }: ChannelSession['media']): string {
    const forwarded = about.media.sources.filter(source => this.#channel.isForwarded(source))
    const event = videoEvent(about, forwarded, isWebrtc)
    const isHeard = knowsSounds && this.#channel.isSoundForwarded(about)
    const sounds = isHeard && about.media.sound !== undefined ? [about.media.sound.stream(true)] : []
    return JSON.stringify({ ...event, streams: [...event.streams, ...sounds] })
  }

  /** Returns the most messages that it can have been. */
  #broadcastSpeaking(session: ChannelSession): number {
    const flags = this.#channel.isAudible(session) ? session.media.speaking : 0
    this.#broadcast(VoiceOp.Speaking, speaking(session, flags), session)
    return this.#channel.present.size
  }

  /** To every member present except `except`. The data is serialized once per shape. */
  #broadcast<Op extends keyof VoiceEvents & VoiceOp>(op: Op, data: VoiceEvents[Op], except?: ChannelSession): void {
    const text = JSON.stringify(data)
    let oldText: string | undefined
    for (const session of this.#channel.present) {
      if (session === except) continue
      if (op !== VoiceOp.Speaking || session.version >= 4) session.sendText(op, text)
      else {
        oldText ??= speakingText(session.version, data as SpeakingEvent)
        session.sendText(op, oldText)
      }
    }
  }
}

/** Whether its client is sent op 12: about video, or about the sound of screens. */
const isNotified = ({ media }: ChannelSession): boolean => media.hasVideo || media.knowsSounds

type SpeakingEvent = VoiceEvents[typeof VoiceOp.Speaking]

const clientsConnect = (sessions: readonly ChannelSession[]): string =>
  JSON.stringify({ user_ids: sessions.map(({ userId }) => userId) })

const speaking = (session: ChannelSession, flags: number): SpeakingEvent => ({
  user_id: session.userId,
  ssrc: session.media.audio.ssrc,
  speaking: session.voiceState.priority ? flags : flags & ~SpeakingFlag.Priority,
})

/** Up to v3, `speaking` is a boolean. */
const speakingText = (version: number, data: SpeakingEvent): string =>
  JSON.stringify(version >= 4 ? data : { ...data, speaking: data.speaking !== 0 })

const sendSpeaking = (to: ChannelSession, about: ChannelSession, flags: number): void =>
  to.sendText(VoiceOp.Speaking, speakingText(to.version, speaking(about, flags)))

/** Ops 18 and 20, only where the backend set them: clients do not need them, and a large channel would send very many. */
function sendBadges(to: ChannelSession, { userId, voiceState: { flags, platform } }: ChannelSession): void {
  if (flags) to.sendText(VoiceOp.ClientFlags, JSON.stringify({ user_id: userId, flags }))
  if (platform !== undefined) to.sendText(VoiceOp.ClientPlatform, JSON.stringify({ user_id: userId, platform }))
}

/**
 * Op 12. The SSRCs are the node's, not those that the client itself uses. A Discord client is sent the SSRC of each layer, and
 * `video_ssrc` is that of the best one; a WebRTC client is sent one SSRC per source, into which the layers are rewritten.
 */
function videoEvent(
  { userId, media }: ChannelSession,
  forwarded: readonly VideoSource[],
  isWebrtc: boolean,
): VoiceEvents[12] & { streams: Stream[] } {
  const [first] = forwarded
  const [best] = first === undefined ? [] : isWebrtc ? first.layers : sentLayers(first)
  const streams = forwarded.flatMap(source => (isWebrtc ? [wholeStream(source)] : layerStreams(source)))
  return {
    user_id: userId,
    audio_ssrc: media.audio.ssrc,
    video_ssrc: best?.ssrc ?? 0,
    rtx_ssrc: best?.rtxSsrc ?? 0,
    streams,
  }
}

/** The layers that the client sends, the best first. */
const sentLayers = ({ ascending, active }: VideoSource): Layer[] =>
  ascending.filter(layer => active.has(layer)).reverse()

const layerStreams = (source: VideoSource) => sentLayers(source).map(layer => streamOf(layer, source.active.get(layer)))

/** The whole source under the SSRC of its first layer. */
function wholeStream({ layers, sent }: VideoSource) {
  return streamOf(layers[0]!, sent)
}

function streamOf({ rid, quality, ssrc, rtxSsrc }: Layer, sent: Stream = {}) {
  const { max_framerate, max_resolution } = sent
  const named = { rid: sent.rid ?? rid, quality: sent.quality ?? quality }
  return { type: 'video', ...named, active: true, ssrc, rtx_ssrc: rtxSsrc, max_framerate, max_resolution }
}
