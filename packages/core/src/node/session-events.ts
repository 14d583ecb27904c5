// Reports the life of sessions: as notes to the host, as events to their backends.
import type { Effects } from '../effect.ts'
import type { SessionObserver, VoiceSession } from '../gateway/voice-session.ts'
import type { Lvsp } from '../lvsp/lvsp.ts'

export class SessionEvents implements SessionObserver {
  readonly #effects: Effects
  readonly #lvsp: () => Lvsp

  constructor(effects: Effects, lvsp: () => Lvsp) {
    this.#effects = effects
    this.#lvsp = lvsp
  }

  sessionEntered(session: VoiceSession): void {
    this.#effects.note('voice.connected', noteOf(session))
    this.#lvsp().voiceStateConnected(session.channel.backend, eventOf(session))
  }
  sessionDetached(session: VoiceSession, code: number): void {
    this.#effects.note('voice.detached', { ...noteOf(session), code })
    if (session.media.transport === undefined) return
    this.#lvsp().voiceStateDisconnected(session.channel.backend, { ...eventOf(session), code, resumable: true })
  }
  sessionResumed(session: VoiceSession): void {
    this.#effects.note('voice.resumed', noteOf(session))
    if (session.isPresent) this.sessionEntered(session)
  }
  sessionEnded(session: VoiceSession, code: number): void {
    this.#effects.note('voice.disconnected', { ...noteOf(session), code })
    if (session.media.transport === undefined) return
    this.#lvsp().voiceStateDisconnected(session.channel.backend, { ...eventOf(session), code, resumable: false })
  }
  sessionSpoke(session: VoiceSession): void {
    const { speaking, isSendingVideo: video } = session.media
    this.#lvsp().speaking(session.channel.backend, { ...eventOf(session), speaking, video })
  }
}

const eventOf = ({ channel, userId, sessionId, media }: VoiceSession) => ({
  protocol: media.transport?.kind ?? ('udp' as const),
  userId,
  channelId: channel.channelId,
  guildId: channel.guildId,
  sessionId,
})

const noteOf = ({ channel, userId, version }: VoiceSession) => ({
  backend: channel.backend,
  channel: channel.channelId,
  user: userId,
  version,
})
