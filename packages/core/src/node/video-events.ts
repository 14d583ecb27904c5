// Reports video to backends: which layer each viewer is sent of a source, and the state of each source (VIDEO_VIEW, VIDEO_SOURCE).
import type { BackendId } from '../channel/channel-ref.ts'
import type { VideoSource } from '../channel/video/video-source.ts'
import type { Deadlines, Timed } from '../deadlines.ts'
import type { VoiceSession } from '../gateway/voice-session.ts'
import { LIMITS } from '../limits.ts'
import type { Lvsp, VideoSourceEvent, VideoViewEvent } from '../lvsp/lvsp.ts'

/** What changed since it was reported last. A view is named by its viewer and the SSRC of its source. */
interface Changes {
  readonly views: Map<VoiceSession, Set<number>>
  readonly sources: Map<VideoSource, VoiceSession>
  nextAt: number
}

/** A viewer that has left the source. */
const ENDED = { wanted: -1, target: -1, current: -1, bitrate: 0, reason: 'ended' } as const
/** A source that was never reported. */
const UNREPORTED = 'ended 0'

/**
 * Changes wait, at most `LIMITS.videoEventInterval`, and what is sent is the state at that time: a view or source is reported at most
 * once per interval. A backend receives at most `LIMITS.videoEvents` per interval, the sources first; the rest waits for the next.
 * While a backend is away nothing is sent, so that these events do not displace others from what RESUME replays.
 */
export class VideoEvents implements Timed {
  readonly #lvsp: () => Lvsp
  readonly #deadlines: Deadlines
  readonly #changes = new Map<BackendId, Changes>()
  /** What each source was last reported as. */
  readonly #reported = new Map<VideoSource, string>()

  constructor(lvsp: () => Lvsp, deadlines: Deadlines) {
    this.#lvsp = lvsp
    this.#deadlines = deadlines
  }

  get deadline(): number {
    let deadline = Infinity
    for (const { nextAt } of this.#changes.values()) deadline = Math.min(deadline, nextAt)
    return deadline
  }

  /** The layer that the viewer is sent of a source changed, or it views the source no longer. */
  viewChanged(viewer: VoiceSession, ssrc: number): void {
    if (!this.#lvsp().receivesVideo(viewer.channel.backend)) return
    const { views } = this.#changesOf(viewer.channel.backend)
    const changed = views.get(viewer)
    if (changed === undefined) views.set(viewer, new Set([ssrc]))
    else changed.add(ssrc)
  }

  /** A source began, paused or ended, or has another number of viewers. */
  sourceChanged(sender: VoiceSession, source: VideoSource): void {
    if (this.#lvsp().receivesVideo(sender.channel.backend))
      this.#changesOf(sender.channel.backend).sources.set(source, sender)
  }

  /** Its sources end. Its views end with it, without an event of their own. */
  sessionEnded(session: VoiceSession): void {
    const { backend } = session.channel
    const changes = this.#changes.get(backend)
    const isReceived = this.#lvsp().receivesVideo(backend)
    changes?.views.delete(session)
    for (const source of session.media.sources)
      if (isReceived && this.#reported.has(source)) this.sourceChanged(session, source)
      else {
        changes?.sources.delete(source)
        this.#reported.delete(source)
      }
  }

  /** The backend has no state of the node: all of its sessions are reported. */
  begin(backend: BackendId, sessions: Iterable<VoiceSession>): void {
    for (const session of sessions) {
      if (session.channel.backend !== backend) continue
      for (const source of session.media.sources) {
        this.#reported.delete(source)
        this.sourceChanged(session, source)
      }
      for (const ssrc of session.media.layers.keys()) this.viewChanged(session, ssrc)
    }
  }

  tick(now: number): void {
    for (const [backend, changes] of this.#changes) {
      if (now < changes.nextAt) continue
      changes.nextAt = now + LIMITS.videoEventInterval
      if (changes.sources.size === 0 && changes.views.size === 0) this.#changes.delete(backend)
      else if (this.#lvsp().isConnected(backend)) this.#send(backend, changes)
    }
  }

  #changesOf(backend: BackendId): Changes {
    let changes = this.#changes.get(backend)
    if (changes === undefined) {
      changes = { views: new Map(), sources: new Map(), nextAt: -Infinity }
      this.#changes.set(backend, changes)
      this.#deadlines.update(this)
    }
    return changes
  }

  #send(backend: BackendId, { views, sources }: Changes): void {
    let left: number = LIMITS.videoEvents
    for (const [source, sender] of sources) {
      if (left === 0) return
      sources.delete(source)
      if (this.#sendSource(backend, sender, source)) left--
    }
    for (const [viewer, ssrcs] of views) {
      for (const ssrc of ssrcs) {
        if (left === 0) return
        ssrcs.delete(ssrc)
        const event = viewOf(viewer, ssrc)
        if (event === undefined) continue
        this.#lvsp().videoView(backend, event)
        left--
      }
      views.delete(viewer)
    }
  }

  /** Returns false if it was reported so already. */
  #sendSource(backend: BackendId, sender: VoiceSession, source: VideoSource): boolean {
    const event = stateOf(sender, source)
    const text = `${event.state} ${event.viewers}`
    if (text === (this.#reported.get(source) ?? UNREPORTED)) return false
    if (event.state === 'ended') this.#reported.delete(source)
    else this.#reported.set(source, text)
    this.#lvsp().videoSource(backend, event)
    return true
  }
}

/** Undefined if the sender has left since. */
function viewOf(viewer: VoiceSession, ssrc: number): VideoViewEvent | undefined {
  const { userId, channel, media } = viewer
  const from = channel.sourceOf(ssrc)
  if (from === undefined) return undefined
  const { channelId, guildId } = channel
  const report = media.layers.get(ssrc) ?? ENDED
  const { layers, kind } = from.source
  return { userId, channelId, guildId, senderId: from.session.userId, kind, ...report, layers: layers.length }
}

function stateOf(sender: VoiceSession, source: VideoSource): VideoSourceEvent {
  const { userId, channel } = sender
  const { channelId, guildId } = channel
  const isOpen = channel.sourceOf(source.route.ssrc)?.session === sender
  const isDeclared = isOpen && (source.isSending || source.isPaused)
  const state = !isDeclared ? 'ended' : channel.isForwarded(source) ? 'live' : 'paused'
  return { userId, channelId, guildId, kind: source.kind, state, viewers: isDeclared ? source.viewers : 0 }
}
