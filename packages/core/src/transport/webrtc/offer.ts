// Select Protocol of a WebRTC client: its ICE credentials and fingerprint, and its RTP mapping.
import {
  type Codec,
  ExtensionUri,
  OPUS_PAYLOAD_TYPE,
  parseSdpOffer,
  type SdpOffer,
  type SelectProtocol,
  VIDEO_PAYLOAD_TYPES,
  VoiceClose,
} from '@parley/protocol'
import { decodedOr, ProtocolError } from '../../errors.ts'
import type { RtpMappingDescription } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import { videoTypes } from '../video-mapping.ts'

/** A Select Protocol that can be answered. */
export interface WebrtcOffer {
  readonly sdp: SdpOffer
  readonly mapping: RtpMappingDescription
}

/** Clients send the SDP in `data`, in `sdp`, or in both. Throws ProtocolError if it cannot be answered. */
export function readOffer(select: SelectProtocol): WebrtcOffer {
  const text = typeof select.data === 'string' ? select.data : select.sdp
  if (text === undefined || text === null) throw new ProtocolError(VoiceClose.BadRequest, 'expected SDP in data or sdp')
  if (text.length > LIMITS.sdp) throw new ProtocolError(VoiceClose.BadRequest, 'the SDP is too long')
  const sdp = decodedOr(VoiceClose.BadRequest, () => parseSdpOffer(text))
  return { sdp, mapping: mappingOf(sdp, select.codecs ?? []) }
}

/** Payload types come from `codecs`; without them, from the SDP; bots that name none use the node's for Opus. */
function mappingOf({ extensions, payloadTypes }: SdpOffer, codecs: readonly Codec[]): RtpMappingDescription {
  const opus = codecs.find(({ name }) => name.toLowerCase() === 'opus')?.payload_type
  const listed = codecs.flatMap(videoTypes)
  return {
    payloadTypes: [
      [OPUS_PAYLOAD_TYPE, opus ?? payloadTypes.get('opus') ?? OPUS_PAYLOAD_TYPE],
      ...(listed.length > 0 ? listed : offeredVideo(payloadTypes)),
    ],
    extensions: {
      audioLevel: extensions.get(ExtensionUri.AudioLevel),
      videoOrientation: extensions.get(ExtensionUri.VideoOrientation),
      playoutDelay: extensions.get(ExtensionUri.PlayoutDelay),
      transportSequence: extensions.get(ExtensionUri.TransportSequence),
      rid: extensions.get(ExtensionUri.Rid),
      repairedRid: extensions.get(ExtensionUri.RepairedRid),
      dependencyDescriptor: extensions.get(ExtensionUri.DependencyDescriptor),
    },
  }
}

/** Retransmissions are left out: their payload types are bound to a codec by lines that a fragment does not have. */
const offeredVideo = (payloadTypes: SdpOffer['payloadTypes']): [number, number][] =>
  Object.entries(VIDEO_PAYLOAD_TYPES).flatMap(([name, nodeType]): [number, number][] => {
    const type = payloadTypes.get(name)
    return type === undefined ? [] : [[nodeType, type]]
  })
