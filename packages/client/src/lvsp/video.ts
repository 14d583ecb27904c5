// What a node reports of video: what each viewer is sent, and the state of each source.
import type { LayerReason, LvspEventData, LvspInfo, VideoKind, VideoState } from '@parley/protocol'
import { type UserRef, userOf } from './voice-state.ts'

/** What a viewer is sent of a source of video (VIDEO_VIEW). Layers are numbered from 0, the lowest quality; −1 is none. */
export interface VideoView extends UserRef {
  /** The user whose video it is; `userId` is the viewer. */
  senderId: string
  kind: VideoKind
  /** Layers of the source. */
  layers: number
  /** The layer that the viewer wants, the best that it may be sent now, and the one that it is sent. */
  wanted: number
  target: number
  current: number
  /** The highest temporal layer of it that the viewer is sent; undefined while it is sent all frames. */
  temporal?: number | undefined
  /** Why it is not sent the best layer; undefined if it is. `ended`: it no longer views the source. */
  reason?: LayerReason | 'ended' | undefined
  /** Bits per second that it is sent of the source. */
  bitrate: number
  /** Bits per second of video that its link is estimated to carry; undefined while nothing limits it. */
  estimate?: number | undefined
}

/** The state of a user's camera or screen (VIDEO_SOURCE). */
export interface VideoSource extends UserRef {
  kind: VideoKind
  /** `paused`: the user declares it without sending it, or is not allowed to send. */
  state: VideoState
  /** Members that are to be sent it; 0 once it has ended. */
  viewers: number
}

type Data<T extends typeof LvspInfo.VideoView | typeof LvspInfo.VideoSource> = LvspEventData<T>

export function videoViewOf(data: Data<typeof LvspInfo.VideoView>): VideoView {
  const { user_id: _, channel_id: _c, guild_id: _g, sender_id: senderId, ...view } = data
  return { ...userOf(data), senderId, ...view }
}

export const videoSourceOf = (data: Data<typeof LvspInfo.VideoSource>): VideoSource => ({
  ...userOf(data),
  kind: data.kind,
  state: data.state,
  viewers: data.viewers,
})
