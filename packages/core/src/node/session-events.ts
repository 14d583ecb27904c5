// Reports the life of sessions: as notes to the host, as events to their backends.
import type { MoveRequests } from '../backend/move-requests.ts'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Ending } from '../channel/channel-session.ts'
import type { VideoSource } from '../channel/video/video-source.ts'
import type { Deadlines } from '../deadlines.ts'
import type { Effects } from '../effect.ts'
import type { OverBitrate } from '../gateway/session-media.ts'
import type { SessionObserver, VoiceSession } from '../gateway/voice-session.ts'
import type { PeerQuality } from '../lane/commands.ts'
import type { LayerReport } from '../lane/layer-report.ts'
import type { Lvsp } from '../lvsp/lvsp.ts'
import { VideoEvents } from './video-events.ts'

/**
 * Notes are for the log and the metrics of this node; events go to the backend that owns the channel, over LVSP. A
 * session that never chose a transport was not announced as connected, so that its end is not announced either.
 */
export class SessionEvents implements SessionObserver {
  readonly #effects: Effects
  readonly #lvsp: () => Lvsp
  readonly #video: VideoEvents
  readonly #moveRequests: () => MoveRequests

  /** `lvsp` and `moveRequests` are functions because the node creates its sessions before them. */
  constructor(effects: Effects, lvsp: () => Lvsp, moveRequests: () => MoveRequests, deadlines: Deadlines) {
    this.#effects = effects
    this.#moveRequests = moveRequests
    this.#lvsp = lvsp
    this.#video = new VideoEvents(lvsp, deadlines)
  }

  /** The backend is connected, and has no state of the video of its sessions. */
  backendReady(backend: BackendId, sessions: Iterable<VoiceSession>): void {
    this.#video.begin(backend, sessions)
  }

  /** The session has a transport and can be heard: after Select Protocol. */
  sessionEntered(session: VoiceSession, now: number): void {
    this.#effects.note('voice.connected', {
      ...noteOf(session),
      address: session.remoteAddress,
      transport: transportOf(session),
      took: Math.round(now - session.openedAt),
    })
    this.#connected(session)
    this.#moveRequests().sessionEntered(session.channel, now)
  }
  #connected(session: VoiceSession): void {
    this.#lvsp().voiceStateConnected(session.channel.backend, eventOf(session))
  }
  /** The connection was lost and may be resumed within `resumeWindow`. `code` is that of the WebSocket. */
  sessionDetached(session: VoiceSession, code: number): void {
    this.#effects.note('voice.detached', { ...noteOf(session), code })
    if (session.media.transport === undefined) return
    this.#lvsp().voiceStateDisconnected(session.channel.backend, { ...eventOf(session), code, resumable: true })
  }
  /** A session that is not yet present enters later, by itself. */
  sessionResumed(session: VoiceSession): void {
    this.#effects.note('voice.resumed', noteOf(session))
    if (session.isPresent) this.#connected(session)
  }
  /** The end cannot be taken back: the backend removes the user from the channel. */
  sessionEnded(session: VoiceSession, { code, reason }: Ending, now: number): void {
    const { remoteAddress: address, openedAt, media } = session
    const line = { ...noteOf(session), address, code, reason, transport: transportOf(session) }
    this.#video.sessionEnded(session)
    const duration = Math.round((now - openedAt) / 1_000)
    media.lane.whenEnded(media.numbers, (quality = media.quality) =>
      this.#effects.note('voice.disconnected', { ...line, duration, ...qualityOf(quality) }),
    )
    if (session.media.transport === undefined) return
    this.#lvsp().voiceStateDisconnected(session.channel.backend, { ...eventOf(session), code, resumable: false })
  }
  /** On each change of the flags of Speaking (op 5) or of a video that begins or ends; not for each packet. */
  sessionSpoke(session: VoiceSession): void {
    const { speaking, isSendingVideo: video } = session.media
    this.#lvsp().speaking(session.channel.backend, { ...eventOf(session), speaking, video })
  }
  /** On each change of the layer that the session is sent of a source. */
  sessionViewed(session: VoiceSession, { ssrc, wanted, target, current, reason }: LayerReport): void {
    const { channel, userId } = session
    const ids = { backend: channel.backend, channel: channel.channelId, user: userId }
    this.#effects.note('video.layer', { ...ids, source: ssrc, wanted, target, current, reason })
    this.#video.viewChanged(session, ssrc)
  }
  /** At most once a minute and session. */
  sessionExceededBitrate(session: VoiceSession, { member, channel }: OverBitrate): void {
    this.#effects.note('voice.over_bitrate', { ...noteOf(session), overMember: member, overChannel: channel })
  }
  sessionViewEnded(session: VoiceSession, ssrc: number): void {
    this.#video.viewChanged(session, ssrc)
  }
  sessionSourceChanged(session: VoiceSession, source: VideoSource): void {
    this.#video.sourceChanged(session, source)
  }
}

const transportOf = ({ media: { transport } }: VoiceSession): string => transport?.kind ?? 'none'

/** Loss as a share of the packets that were expected, and jitter in milliseconds, rounded for readers of the log. */
function qualityOf(quality: PeerQuality | undefined) {
  const { packets = 0, lost = 0, jitter = 0, reported } = quality ?? {}
  const expected = packets + lost
  return {
    packets,
    lost,
    loss: expected === 0 ? 0 : Math.round((lost / expected) * 1_000) / 1_000,
    jitter: Math.round(jitter * 10) / 10,
    reportedLoss: reported && Math.round(reported.loss * 1_000) / 1_000,
    roundTrip: reported?.roundTrip && Math.round(reported.roundTrip * 10) / 10,
  }
}

/** What every event of LVSP about a session names. A session that ends before it chose a transport counts as `udp`. */
const eventOf = ({ channel, userId, sessionId, media }: VoiceSession) => ({
  protocol: media.transport?.kind ?? ('udp' as const),
  userId,
  channelId: channel.channelId,
  guildId: channel.guildId,
  sessionId,
})

/** Ids only: notes are logged, and must not contain names, tokens or addresses. */
const noteOf = ({ channel, userId, version }: VoiceSession) => ({
  backend: channel.backend,
  channel: channel.channelId,
  user: userId,
  version,
})
