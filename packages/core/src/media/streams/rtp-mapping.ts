// How RTP looks to one peer: its payload types and its ids of header extensions. The node routes in the numbers of Discord's
// native clients, which these send and expect for audio (node numbering).
import { MAX_ONE_BYTE_EXTENSION_ID, NATIVE_EXTENSIONS, OPUS_PAYLOAD_TYPE } from '@parley/protocol'
import type { RtpMappingDescription } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'

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

const keyOf = ({ payloadTypes, extensions }: RtpMappingDescription): string =>
  JSON.stringify([payloadTypes, extensions])

/** Extension ids that do not fit one-byte elements (RFC 8285 §4.2) are not used. */
function createRtpMapping(description: RtpMappingDescription): RtpMapping {
  const { payloadTypes, extensions } = description
  const outgoing = new Uint8Array(PAYLOAD_TYPES).fill(UNKNOWN)
  const incoming = new Uint8Array(PAYLOAD_TYPES).fill(UNKNOWN)
  for (const [node, client] of payloadTypes) {
    outgoing[node] = client
    incoming[client] = node
  }
  const idOf = (id: number | undefined) => (id !== undefined && id <= MAX_ONE_BYTE_EXTENSION_ID ? id : 0)
  return {
    key: keyOf(description),
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

/** The mappings of a lane's peers. Clients of one kind share theirs, which takes a kilobyte. */
export class RtpMappings {
  readonly #byKey = new Map<string, RtpMapping>()

  /** That of peers with the same description, or a new one. */
  get(description: RtpMappingDescription): RtpMapping {
    const key = keyOf(description)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    // Peers keep what they have, so that only later ones with the same description do not share it.
    if (this.#byKey.size >= LIMITS.sharedMappings) this.#byKey.clear()
    const mapping = createRtpMapping(description)
    this.#byKey.set(key, mapping)
    return mapping
  }
}

/** Whether a mapping knows this payload type. */
export const isKnownType = (type: number): boolean => type !== UNKNOWN
