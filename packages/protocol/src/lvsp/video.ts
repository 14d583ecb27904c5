// What a node reports of video to its backend: which layer each viewer is sent of a source, and the state of each source.
import { z } from 'zod'
import { Snowflake } from '../ids.ts'

/** Why a viewer is sent less than the best layer of a source. */
export const LAYER_REASONS = [
  'want', // the viewer wants less (op 15)
  'limit', // the backend permits no better layer in this channel (`video_quality`)
  'bandwidth', // the allocation does not permit more
  'codec', // the client has no payload type for the codec
  'paused-by-sender', // the sender does not send the layer
  'waiting-for-keyframe', // the switch happens at the next keyframe of the layer
] as const
export type LayerReason = (typeof LAYER_REASONS)[number]

/** What a source of video shows. */
export const VIDEO_KINDS = ['camera', 'screen'] as const
export type VideoKind = (typeof VIDEO_KINDS)[number]

/** `paused`: its owner declares it and does not send, or may not. */
export const VIDEO_STATES = ['live', 'paused', 'ended'] as const
export type VideoState = (typeof VIDEO_STATES)[number]

const LayerIndex = z.int().min(-1)

/** Fields of VIDEO_VIEW beside those of a user in a channel: the viewer. */
export const VIDEO_VIEW_FIELDS = {
  sender_id: Snowflake.describe('user whose video it is'),
  kind: z.enum(VIDEO_KINDS).describe('what the source shows'),
  layers: z.int().min(1).describe('layers of the source; they are numbered from 0, the lowest quality; −1 is none'),
  wanted: LayerIndex.describe('layer that the viewer wants'),
  target: LayerIndex.describe('best layer that it may be sent now'),
  current: LayerIndex.describe('layer that it is sent'),
  temporal: z
    .int()
    .nonnegative()
    .optional()
    .describe('highest temporal layer of the current layer that it is sent; absent while it is sent all frames'),
  reason: z
    .enum([...LAYER_REASONS, 'ended'])
    .optional()
    .describe('why it is not sent the best layer; absent if it is; `ended`: it no longer views the source'),
  bitrate: z.number().nonnegative().describe('bits per second that it is sent of the source'),
  estimate: z
    .number()
    .nonnegative()
    .optional()
    .describe('bits per second of video that its link is estimated to carry; absent while nothing limits it'),
}

/** Fields of VIDEO_SOURCE beside those of a user in a channel: the sender. */
export const VIDEO_SOURCE_FIELDS = {
  kind: z.enum(VIDEO_KINDS).describe('what the source shows'),
  state: z
    .enum(VIDEO_STATES)
    .describe('`paused`: the user declares the source without sending it, or is not allowed to send'),
  viewers: z.int().nonnegative().describe('members that are to be sent the source; 0 once it has ended'),
}
