// How a client numbers video: from the codecs that it lists to a form.
import { type Codec, NATIVE_EXTENSIONS, OPUS_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPES } from '@parley/protocol'
import type { RtpMappingDescription } from '../lane/commands.ts'

/** The node's payload type and the client's, of a video codec that the node knows, and those of its retransmissions. */
export function videoTypes(codec: Codec): [ours: number, theirs: number][] {
  const { name, type, payload_type: primary, rtx_payload_type: rtx } = codec
  const known = name.toLowerCase()
  const ours = Object.hasOwn(VIDEO_PAYLOAD_TYPES, known) ? VIDEO_PAYLOAD_TYPES[known] : undefined
  if (type !== 'video' || ours === undefined) return []
  const types: [number, number][] = [[ours, primary]]
  if (typeof rtx === 'number') types.push([ours + 1, rtx])
  return types
}

/** The form of a native client with video. Opus has one number with all of them. */
export const discordMapping = (codecs: readonly Codec[]): RtpMappingDescription => ({
  payloadTypes: [[OPUS_PAYLOAD_TYPE, OPUS_PAYLOAD_TYPE], ...codecs.flatMap(videoTypes)],
  extensions: NATIVE_EXTENSIONS,
})
