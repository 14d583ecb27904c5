// The RTP mapping of a client's video: from the codecs that it lists to payload types.
import { type Codec, NATIVE_EXTENSIONS, OPUS_PAYLOAD_TYPE, rtxTypeOf, VIDEO_PAYLOAD_TYPES } from '@parley/protocol'
import type { RtpMappingDescription } from '../lane/commands.ts'

/** The node's and the client's payload type of a video codec that the node knows, then those of its retransmissions. */
export function videoTypes(codec: Codec): [node: number, client: number][] {
  const { name, type, payload_type: primary, rtx_payload_type: rtx } = codec
  const known = name.toLowerCase()
  const nodeType = Object.hasOwn(VIDEO_PAYLOAD_TYPES, known) ? VIDEO_PAYLOAD_TYPES[known] : undefined
  if (type !== 'video' || nodeType === undefined) return []
  const types: [number, number][] = [[nodeType, primary]]
  if (typeof rtx === 'number') types.push([nodeType + 1, rtx])
  return types
}

/** Whether the list has a video codec that the node knows. */
export const hasVideoCodec = (codecs: readonly Codec[]): boolean => codecs.some(codec => videoTypes(codec).length > 0)

/** The codecs of a client that declares video without listing any: the node's own payload types. */
export const UNLISTED_CODECS: readonly Codec[] = Object.entries(VIDEO_PAYLOAD_TYPES).map(([name, type]) => ({
  name: name.toUpperCase(),
  type: 'video',
  payload_type: type,
  rtx_payload_type: rtxTypeOf(type),
}))

/** The mapping of a Discord client with video. All of them use the same payload type for Opus. */
export const discordMapping = (codecs: readonly Codec[]): RtpMappingDescription => ({
  payloadTypes: [[OPUS_PAYLOAD_TYPE, OPUS_PAYLOAD_TYPE], ...codecs.flatMap(videoTypes)],
  extensions: NATIVE_EXTENSIONS,
})
