// How RTP looks to one peer: its payload types and its ids of header extensions. The node routes in the numbers of Discord's
// native clients, which these send and expect for audio (node numbering).
import { MAX_ONE_BYTE_EXTENSION_ID, NATIVE_EXTENSIONS, OPUS_PAYLOAD_TYPE } from '@parley/protocol'
import type { RtpMappingDescription } from '../../lane/commands.ts'

const PAYLOAD_TYPES = 128
const UNKNOWN = 0xff

/** The extensions that are forwarded, in the order of `RtpMapping.extensions`. */
export const FORWARDED_EXTENSIONS = ['audioLevel', 'videoOrientation', 'playoutDelay', 'speaker'] as const

export interface RtpMapping {
  /** Equal for mappings that are alike. */
  readonly key: string
  /** Ids of FORWARDED_EXTENSIONS, 0 for none. */
  readonly extensions: Uint8Array
  /** Id of the transport-wide sequence, 0 for none. */
  readonly transportSequence: number
  /** Ids of the rid of a layer, and of that in retransmissions; 0 for none. */
  readonly rid: number
  readonly repairedRid: number
  /** Id of the dependency descriptor of AV1, 0 for none. */
  readonly dependencyDescriptor: number
  /** The same where it fits packets to the peer, 0 otherwise. */
  readonly stamp: number
  /** The peer's payload type, by the node's. */
  readonly outgoing: Uint8Array
  /** The node's payload type, by the peer's. */
  readonly incoming: Uint8Array
}

/** Extension ids that do not fit one-byte elements (RFC 8285 §4.2) are not used. */
export function createRtpMapping({ payloadTypes, extensions }: RtpMappingDescription): RtpMapping {
  const outgoing = new Uint8Array(PAYLOAD_TYPES).fill(UNKNOWN)
  const incoming = new Uint8Array(PAYLOAD_TYPES).fill(UNKNOWN)
  for (const [node, client] of payloadTypes) {
    outgoing[node] = client
    incoming[client] = node
  }
  const idOf = (id: number | undefined) => (id !== undefined && id <= MAX_ONE_BYTE_EXTENSION_ID ? id : 0)
  return {
    key: JSON.stringify([payloadTypes, extensions]),
    extensions: Uint8Array.from(FORWARDED_EXTENSIONS, name => idOf(extensions[name])),
    transportSequence: extensions.transportSequence ?? 0,
    rid: extensions.rid ?? 0,
    repairedRid: extensions.repairedRid ?? 0,
    dependencyDescriptor: extensions.dependencyDescriptor ?? 0,
    stamp: idOf(extensions.transportSequence),
    outgoing,
    incoming,
  }
}

/** The node's own numbering. */
export const DISCORD_MAPPING: RtpMapping = createRtpMapping({
  payloadTypes: [[OPUS_PAYLOAD_TYPE, OPUS_PAYLOAD_TYPE]],
  extensions: NATIVE_EXTENSIONS,
})

/** Whether a mapping knows this payload type. */
export const isKnownType = (type: number): boolean => type !== UNKNOWN
