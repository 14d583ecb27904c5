// The SDP of the voice gateway: the offer of a browser, complete or as a fragment, and the fragment that answers it.
import { DecodeError } from '../bytes.ts'
import { PROTOCOL_LIMITS } from '../limits.ts'

/** The highest extension id: two-byte form (RFC 8285 §4.3). */
const MAX_EXTENSION_ID = 255
/** Id 15 is reserved (RFC 8285 §4.2). */
const RESERVED_EXTENSION_ID = 15

/** URIs of the header extensions that the node supports. */
export const ExtensionUri = {
  AudioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  VideoOrientation: 'urn:3gpp:video-orientation',
  TransportSequence: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  PlayoutDelay: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  Rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  RepairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  DependencyDescriptor: 'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension',
} as const
export type ExtensionUri = (typeof ExtensionUri)[keyof typeof ExtensionUri]

/** A certificate fingerprint from `a=fingerprint` (RFC 8122 §5). */
export interface SdpFingerprint {
  /** Hash function in lower case, such as `sha-256`. */
  readonly algorithm: string
  /** The digest. */
  readonly bytes: Uint8Array
}

/** The parts of an offer that the node uses. */
export interface SdpOffer {
  /** `a=ice-ufrag`. */
  readonly ufrag: string
  /** `a=ice-pwd`. */
  readonly password: string
  /** `a=fingerprint`: the DTLS certificate that the client will present. */
  readonly fingerprint: SdpFingerprint
  /** Header extension ids by URI; they are the same in all m-lines under BUNDLE. */
  readonly extensions: ReadonlyMap<string, number>
  /** Payload types by codec name in lower case, the first of each. A fragment names opus, VP8 and rtx only. */
  readonly payloadTypes: ReadonlyMap<string, number>
}

/**
 * Parses a fragment (lines in any order) or a complete description, with either line ending. Of repeated lines the first counts.
 * Throws DecodeError with the name of the first missing line if the offer cannot be answered.
 */
export function parseSdpOffer(sdp: string): SdpOffer {
  let ufrag: string | undefined
  let password: string | undefined
  let fingerprint: SdpFingerprint | undefined
  const extensions = new Map<string, number>()
  const payloadTypes = new Map<string, number>()
  for (const line of sdp.split(/\r?\n/, PROTOCOL_LIMITS.sdpLines)) {
    const [, name, value] = /^a=([a-z-]+):(.*)$/.exec(line.trim()) ?? []
    if (value === undefined) continue
    if (name === 'ice-ufrag') ufrag ??= iceText(value, 4)
    else if (name === 'ice-pwd') password ??= iceText(value, 22)
    else if (name === 'fingerprint') fingerprint ??= parseFingerprint(value)
    else if (name === 'extmap') addExtension(extensions, value)
    else if (name === 'rtpmap') addPayloadType(payloadTypes, value)
  }
  if (ufrag === undefined) throw new DecodeError('expected a=ice-ufrag in the SDP')
  if (password === undefined) throw new DecodeError('expected a=ice-pwd in the SDP')
  if (fingerprint === undefined) throw new DecodeError('expected a=fingerprint in the SDP')
  return { ufrag, password, fingerprint, extensions, payloadTypes }
}

/** RFC 8839 §5.4: 4 to 256 (password 22 to 256) letters, digits, `+` and `/`. */
const iceText = (text: string, shortest: number): string | undefined =>
  text.length >= shortest && text.length <= 256 && /^[A-Za-z0-9+/=_-]+$/.test(text) ? text : undefined

function parseFingerprint(value: string): SdpFingerprint | undefined {
  const [, algorithm, digits] = /^([A-Za-z0-9-]{1,16}) +([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63})$/.exec(value) ?? []
  if (algorithm === undefined || digits === undefined) return undefined
  const bytes = Uint8Array.from(digits.split(':'), byte => Number.parseInt(byte, 16))
  return { algorithm: algorithm.toLowerCase(), bytes }
}

/** `id[/direction] uri [attributes]`. */
function addExtension(extensions: Map<string, number>, value: string): void {
  const [, id, uri] = /^([0-9]{1,3})(?:\/[a-z]+)? (\S{1,256})/.exec(value) ?? []
  const number = Number(id)
  if (uri === undefined || number < 1 || number > MAX_EXTENSION_ID || number === RESERVED_EXTENSION_ID) return
  if (!extensions.has(uri)) extensions.set(uri, number)
}

/** `payload-type name/clock…`. */
function addPayloadType(payloadTypes: Map<string, number>, value: string): void {
  const [, type, name] = /^([0-9]{1,3}) ([A-Za-z0-9-]{1,32})\//.exec(value) ?? []
  if (name === undefined || Number(type) > 127) return
  const key = name.toLowerCase()
  if (!payloadTypes.has(key)) payloadTypes.set(key, Number(type))
}

/** The parameters of an answer. */
export interface SdpAnswer {
  /** IP address at which the client reaches the node. */
  readonly ip: string
  readonly port: number
  /** A port that takes the same datagrams over TCP (RFC 6544). */
  readonly tcpPort?: number | undefined
  readonly ufrag: string
  readonly password: string
  /** In SDP form: `sha-256 AB:CD:…`. */
  readonly fingerprint: string
}

/**
 * Formats the fragment that Discord's web client expects, and clients that scan it line by line: one candidate, a `c=` line of three
 * words, the fingerprint twice. Such clients use the first candidate or the last, so a TCP candidate stands between two of UDP.
 */
export function formatSdpAnswer({ ip, port, tcpPort, ufrag, password, fingerprint }: SdpAnswer): string {
  const udp = `a=candidate:1 1 UDP 4261412862 ${ip} ${port} typ host`
  const tcp = `a=candidate:2 1 TCP 1518280447 ${ip} ${tcpPort} typ host tcptype passive`
  return [
    `m=audio ${port} ICE/SDP`,
    `a=fingerprint:${fingerprint}`,
    `c=IN ${ip.includes(':') ? 'IP6' : 'IP4'} ${ip}`,
    `a=rtcp:${port}`,
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:${fingerprint}`,
    udp,
    ...(tcpPort === undefined ? [] : [tcp, udp]),
    '',
  ].join('\n')
}
