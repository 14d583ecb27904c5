// What everyone in a channel is told of everyone else: who came and left, who speaks with which SSRC, who is to be seen.
import { SpeakingFlag, type VoiceEvents, VoiceOp } from '@parley/protocol'
import type { Deadlines, Timed } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'
import type { ChannelSession } from './channel.ts'

/** What is told depends on the channel. */
export interface AnnouncedChannel {
  /** Sessions whose media may flow, in the order in which they came. */
  readonly present: ReadonlySet<ChannelSession>
  /** Whether its video is forwarded. */
  isSeen(session: ChannelSession): boolean
  /** Whether its audio is forwarded. */
  isHeard(session: ChannelSession): boolean
}

/**
 * Each member is told of each, so in a large channel joins that come together are told together: one message and one write to
 * each for all of them. Nothing else is ever told of somebody before that.
 */
export class Announcements implements Timed {
  readonly #channel: AnnouncedChannel
  readonly #deadlines: Deadlines
  /** Who came, and the others do not know it. */
  #arrivals: Set<ChannelSession> = new Set()
  #announcedAt = -Infinity

  constructor(channel: AnnouncedChannel, deadlines: Deadlines) {
    this.#channel = channel
    this.#deadlines = deadlines
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

  /** To be called while the session is still present. */
  left(session: ChannelSession): void {
    this.#settle(session)
    this.#broadcast(VoiceOp.ClientDisconnect, { user_id: session.userId }, session)
  }

  /** Nobody is told of anything any more. */
  close(): void {
    this.#arrivals.clear()
    this.#deadlines.remove(this)
  }

  /** Tells of those who came right now, because something that is about to be said needs it. */
  announceArrivals(): void {
    if (this.#arrivals.size === 0) return
    const arrivals = [...this.#arrivals]
    this.#arrivals = new Set()
    const places = new Map(arrivals.map((session, place) => [session, place]))
    const text = clientsConnect(arrivals)
    for (const session of this.#channel.present) {
      const place = places.get(session)
      if (place === undefined) this.#introduce(session, arrivals, text)
      // Who came among them was told of those before it.
      else if (place < arrivals.length - 1) this.#introduce(session, arrivals.slice(place + 1))
    }
  }

  /** Everything a newcomer, or a client that resumed without numbers, has to know (gateway documentation, "Ordering"). */
  sendSnapshot(session: ChannelSession): void {
    const others = [...this.#channel.present].filter(other => other !== session)
    if (others.length > 0) session.sendText(VoiceOp.ClientsConnect, clientsConnect(others))
    for (const other of others) sendBadges(session, other)
    for (const other of others) if (this.#isTold(other)) sendSpeaking(session, other, other.lastSpeaking)
    for (const other of others) this.#sendConnect(session, other)
    if (session.takesVideo && session.version >= 5) session.sendText(VoiceOp.MediaSinkWants, '{"any":100}')
  }

  /** What the session declares of its speaking changed, or whether it is heard. */
  tellSpeaking(session: ChannelSession): void {
    const flags = this.#channel.isHeard(session) ? session.speaking : 0
    if (!this.#isTold(session)) return
    // A client that comes declares 0 at once, to tell its SSRC: that can wait.
    if (this.#arrivals.has(session)) return flags === 0 ? undefined : this.announceArrivals()
    this.#broadcast(VoiceOp.Speaking, speaking(session, flags), session)
  }

  /** It is seen from now on, or no longer. */
  tellVideo(session: ChannelSession): void {
    this.#settle(session)
    for (const other of this.#channel.present) if (other !== session && other.hasVideo) this.#sendVideo(other, session)
  }

  /** What the backend says of it changed. */
  tellFlags(session: ChannelSession): void {
    this.#settle(session)
    const { userId, flags = 0 } = session.voiceState
    this.#broadcast(VoiceOp.ClientFlags, { user_id: userId, flags }, session)
  }

  tellPlatform(session: ChannelSession): void {
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

  /** In a large channel the SSRCs of those who have never spoken are left out: of each to each they are too many. */
  #isTold({ lastSpeaking }: ChannelSession): boolean {
    return lastSpeaking !== 0 || !this.#isLarge
  }

  #settle(session: ChannelSession): void {
    if (this.#arrivals.has(session)) this.announceArrivals()
  }

  #introduce(to: ChannelSession, arrivals: readonly ChannelSession[], text = clientsConnect(arrivals)): void {
    to.sendText(VoiceOp.ClientsConnect, text)
    for (const session of arrivals) sendBadges(to, session)
    for (const session of arrivals) this.#sendConnect(to, session)
    for (const session of arrivals) {
      if (!session.hasDeclaredSpeaking || !this.#isTold(session)) continue
      sendSpeaking(to, session, this.#channel.isHeard(session) ? session.speaking : 0)
    }
  }

  /**
   * Up to v7, op 12 without video also said "this user is here, with this audio SSRC". Spacebar's web client learns SSRCs from
   * nowhere else.
   */
  #sendConnect(to: ChannelSession, about: ChannelSession): void {
    if (to.isWebrtc || (to.hasVideo && this.#channel.isSeen(about))) return this.#sendVideo(to, about)
    if (to.version > 7) return
    const video = { user_id: about.userId, audio_ssrc: about.audio.ssrc, video_ssrc: 0 }
    to.sendText(VoiceOp.Video, JSON.stringify(video))
  }

  #sendVideo(to: ChannelSession, about: ChannelSession): void {
    to.sendText(VoiceOp.Video, JSON.stringify(videoEvent(about, this.#channel.isSeen(about))))
  }

  /** To everyone present, apart from `except`. The data is serialised once per form. */
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

type SpeakingEvent = VoiceEvents[typeof VoiceOp.Speaking]

const clientsConnect = (sessions: readonly ChannelSession[]): string =>
  JSON.stringify({ user_ids: sessions.map(({ userId }) => userId) })

const speaking = (session: ChannelSession, flags: number): SpeakingEvent => ({
  user_id: session.userId,
  ssrc: session.audio.ssrc,
  speaking: session.voiceState.priority ? flags : flags & ~SpeakingFlag.Priority,
})

/** Up to v3, `speaking` is a boolean. */
const speakingText = (version: number, data: SpeakingEvent): string =>
  JSON.stringify(version >= 4 ? data : { ...data, speaking: data.speaking !== 0 })

const sendSpeaking = (to: ChannelSession, about: ChannelSession, flags: number): void =>
  to.sendText(VoiceOp.Speaking, speakingText(to.version, speaking(about, flags)))

/** Ops 18 and 20, if the backend said something: clients do without, and a large channel has very many. */
function sendBadges(to: ChannelSession, { userId, voiceState: { flags, platform } }: ChannelSession): void {
  if (flags) to.sendText(VoiceOp.ClientFlags, JSON.stringify({ user_id: userId, flags }))
  if (platform !== undefined) to.sendText(VoiceOp.ClientPlatform, JSON.stringify({ user_id: userId, platform }))
}

/** Op 12. The SSRCs are the node's, whatever the client itself calls them; retransmissions have the next number. */
function videoEvent({ userId, audio, camera, layer }: ChannelSession, isSeen: boolean): VoiceEvents[12] {
  const common = { user_id: userId, audio_ssrc: audio.ssrc }
  if (!isSeen) return { ...common, video_ssrc: 0, rtx_ssrc: 0, streams: [] }
  const { max_framerate, max_resolution, rid = '100', quality = 100 } = layer ?? {}
  const ssrcs = { ssrc: camera.ssrc, rtx_ssrc: camera.ssrc + 1 }
  const stream = { type: 'video', rid, quality, active: true, ...ssrcs, max_framerate, max_resolution }
  return { ...common, video_ssrc: camera.ssrc, rtx_ssrc: camera.ssrc + 1, streams: [stream] }
}
