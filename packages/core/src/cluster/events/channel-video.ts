// The cameras and screens of a channel, as its node reported them last. A front needs them where it does not simply pass events on: the
// channel moves, or another front passed some of them on.
import { LIMITS } from '../../limits.ts'
import type { VideoSourceEvent } from '../../lvsp/lvsp.ts'

interface Source {
  readonly event: VideoSourceEvent
  /** The backend received it on this front. */
  readonly isSent: boolean
}

export class ChannelVideo {
  /** By user and kind, in the order of their last change. */
  readonly #sources = new Map<string, Source>()

  changed(event: VideoSourceEvent, isSent: boolean): void {
    const key = `${event.userId} ${event.kind}`
    this.#sources.delete(key)
    if (event.state === 'ended' && isSent) return
    this.#sources.set(key, { event, isSent })
    if (event.state === 'ended') this.#limitEnds()
  }

  /** What the backend has not received on this front. It is sent it now. */
  takeMissed(): VideoSourceEvent[] {
    const missed = [...this.#sources.values()].filter(({ isSent }) => !isSent)
    for (const { event } of missed) this.changed(event, true)
    return missed.map(({ event }) => event)
  }

  /** The node serves the channel no longer: what ends with that, of what the backend has received. */
  takeEnds(): VideoSourceEvent[] {
    const sources = [...this.#sources.values()]
    this.#sources.clear()
    return sources
      .filter(({ isSent }) => isSent)
      .map(({ event }) => ({ ...event, state: 'ended' as const, viewers: 0 }))
  }

  /** While another front is the receiver, the ends of sources wait: the newest ones. */
  #limitEnds(): void {
    const ends = [...this.#sources].filter(([, { event }]) => event.state === 'ended')
    for (const [key] of ends.slice(0, -LIMITS.clusterMissedEnds)) this.#sources.delete(key)
  }
}
