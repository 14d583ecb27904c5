// The SDP that crosses the voice gateway once: what a browser offers, as a fragment or whole, and the fragment it is answered.

/** Lines read at most; a browser's whole offer has some 300. */
const MOST_LINES = 2_000
/** Extension ids of the one-byte form, 1–14, and of the two-byte form up to 255 (RFC 8285). */
const HIGHEST_EXTENSION = 255

/** Header extensions that the node knows, by URI. */
export const ExtensionUri = {
  AudioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  VideoOrientation: 'urn:3gpp:video-orientation',
  TransportSequence: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  PlayoutDelay: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
} as const
export type ExtensionUri = (typeof ExtensionUri)[keyof typeof ExtensionUri]

/** A certificate's digest as `a=fingerprint` gives it (RFC 8122 §5). */
export interface SdpFingerprint {
  /** Lower case: `sha-256`. */
  readonly algorithm: string
  readonly bytes: Uint8Array
}

/** What an offer says that matters here. */
export interface SdpOffer {
  readonly ufrag: string
  readonly password: string
  readonly fingerprint: SdpFingerprint
  /** By URI; ids are the same in all m-lines under BUNDLE. */
  readonly extensions: ReadonlyMap<string, number>
  /** By codec name in lower case, the first of each: a fragment names opus, VP8 and VP8's rtx only. */
  readonly payloadTypes: ReadonlyMap<string, number>
}

/**
 * Reads a fragment (lines in any order) or a whole description, with either line end. Of what is there more than once the
 * first counts. Returns what is missing, as text, if it cannot be answered.
 */
export function parseSdpOffer(sdp: string): SdpOffer | string {
  let ufrag: string | undefined
  let password: string | undefined
  let fingerprint: SdpFingerprint | undefined
  const extensions = new Map<string, number>()
  const payloadTypes = new Map<string, number>()
  for (const line of sdp.split(/\r?\n/, MOST_LINES)) {
    const [, name, value] = /^a=([a-z-]+):(.*)$/.exec(line.trim()) ?? []
    if (value === undefined) continue
    if (name === 'ice-ufrag') ufrag ??= iceText(value, 4)
    else if (name === 'ice-pwd') password ??= iceText(value, 22)
    else if (name === 'fingerprint') fingerprint ??= parseFingerprint(value)
    else if (name === 'extmap') addExtension(extensions, value)
    else if (name === 'rtpmap') addPayloadType(payloadTypes, value)
  }
  if (ufrag === undefined) return 'a=ice-ufrag'
  if (password === undefined) return 'a=ice-pwd'
  if (fingerprint === undefined) return 'a=fingerprint'
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
  if (uri === undefined || number < 1 || number > HIGHEST_EXTENSION || number === 15) return
  if (!extensions.has(uri)) extensions.set(uri, number)
}

/** `payload-type name/clock…`. */
function addPayloadType(payloadTypes: Map<string, number>, value: string): void {
  const [, type, name] = /^([0-9]{1,3}) ([A-Za-z0-9-]{1,32})\//.exec(value) ?? []
  if (name === undefined || Number(type) > 127) return
  const key = name.toLowerCase()
  if (!payloadTypes.has(key)) payloadTypes.set(key, Number(type))
}

export interface SdpAnswer {
  /** An IP address that the client can reach. */
  readonly ip: string
  readonly port: number
  readonly ufrag: string
  readonly password: string
  /** As in SDP: `sha-256 AB:CD:…`. */
  readonly fingerprint: string
}

/**
 * The fragment that satisfies Discord's web client (which looks at each kind of line) and those that scrape it line by line:
 * exactly one candidate, a `c=` line of three words, the fingerprint twice.
 */
export function formatSdpAnswer({ ip, port, ufrag, password, fingerprint }: SdpAnswer): string {
  return [
    `m=audio ${port} ICE/SDP`,
    `a=fingerprint:${fingerprint}`,
    `c=IN ${ip.includes(':') ? 'IP6' : 'IP4'} ${ip}`,
    `a=rtcp:${port}`,
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:${fingerprint}`,
    `a=candidate:1 1 UDP 4261412862 ${ip} ${port} typ host`,
    '',
  ].join('\n')
}
