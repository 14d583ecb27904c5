// What the node sends each guest of each video, as its backend is notified of it (VIDEO_VIEW).
import type { VideoView } from '@parley/client'

/** A view as the playground's page receives it: without the viewer, who asked for it. */
export type GuestView = Omit<VideoView, 'userId' | 'channelId' | 'guildId'>

/** The part of DemoBackend that is used: views, and which channel each user is in. */
interface Backend {
  readonly members: ReadonlyMap<string, string>
  on(event: 'videoView', listener: (view: VideoView) => void): unknown
  on(event: 'voiceStateDisconnected', listener: (user: { readonly userId: string }) => void): unknown
}

/** The latest event of each view. It ends when the node says so, and when the viewer or the sender has left. */
export class VideoViews {
  /** By viewer, then by sender and kind. */
  readonly #views = new Map<string, Map<string, VideoView>>()
  readonly #backend: Backend

  constructor(backend: Backend) {
    this.#backend = backend
    backend.on('videoView', view => this.#changed(view))
    backend.on('voiceStateDisconnected', ({ userId }) => this.#left(userId))
  }

  of(viewerId: string): GuestView[] {
    return Array.from(this.#views.get(viewerId)?.values() ?? [], view => {
      const { userId: _, channelId: _c, guildId: _g, ...seen } = view
      return seen
    })
  }

  #changed(view: VideoView): void {
    const seen = this.#views.get(view.userId) ?? new Map<string, VideoView>()
    const key = `${view.senderId} ${view.kind}`
    if (view.reason !== 'ended' && this.#isPresent(view)) seen.set(key, view)
    else seen.delete(key)
    this.#keep(view.userId, seen)
  }

  /** An event may be late: its viewer or its sender has left the channel since. No other event would end the view. */
  #isPresent({ userId, senderId, channelId }: VideoView): boolean {
    const { members } = this.#backend
    return members.get(userId) === channelId && members.get(senderId) === channelId
  }

  #left(userId: string): void {
    this.#views.delete(userId)
    for (const [viewerId, seen] of this.#views) {
      for (const [key, view] of seen) if (view.senderId === userId) seen.delete(key)
      this.#keep(viewerId, seen)
    }
  }

  #keep(viewerId: string, seen: Map<string, VideoView>): void {
    if (seen.size === 0) this.#views.delete(viewerId)
    else this.#views.set(viewerId, seen)
  }
}
