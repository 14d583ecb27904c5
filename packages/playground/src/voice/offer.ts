// Reads the parts of the browser's offer that the node needs: the SDP fragment, the codecs, and the SSRCs of microphone and camera.
import type { Codec } from '@parley/protocol'

export interface OfferedCodec {
  /** The node's spelling: `opus`, `VP8`, `H264`, `VP9`, `AV1`. */
  readonly name: string
  readonly type: number
  /** Payload type of its retransmissions; undefined for audio. */
  readonly rtx: number | undefined
  /** Value of `a=fmtp`. */
  readonly format: string | undefined
}

/** One m-line of an offer. */
export interface OfferSection {
  readonly kind: 'audio' | 'video'
  readonly mid: string
  /** Codecs that nodes support, with the first payload type of each. */
  readonly codecs: readonly OfferedCodec[]
  /** Ids by URI. */
  readonly extensions: ReadonlyMap<string, number>
  /** SSRC of what it sends, and for video that of the retransmissions. Empty if it sends nothing. */
  readonly ssrcs: readonly number[]
  /** Names of the layers that it sends; empty if it sends one layer. */
  readonly rids: readonly string[]
}

/** Beginnings of the lines that Discord's web client sends. */
const IN_FRAGMENT = /^a=(extmap-allow-mixed$|ice-ufrag:|ice-pwd:|ice-options:|fingerprint:|extmap:|rtpmap:\d+ opus\/)/i
/** Codecs in order of priority. All browsers support VP8; AV1 takes the most of a processor. */
const KNOWN_CODECS = ['opus', 'VP8', 'H264', 'VP9', 'AV1'] as const

/** The fragment for Select Protocol: each line once, joined by `\n`. */
export function fragmentOf(sdp: string): string {
  return [...new Set(sdp.split(/\r?\n/).filter(line => IN_FRAGMENT.test(line)))].join('\n')
}

/** The m-lines of a browser's SDP, in order. */
export function sectionsOf(sdp: string): OfferSection[] {
  const [, ...sections] = sdp.split(/^(?=m=)/m)
  return sections.map(section => ({
    kind: section.startsWith('m=video') ? 'video' : 'audio',
    mid: /^a=mid:(\S+)/m.exec(section)?.[1] ?? '',
    codecs: KNOWN_CODECS.flatMap(name => offered(name, section) ?? []),
    extensions: new Map(
      Array.from(section.matchAll(/^a=extmap:(\d+)(?:\/[a-z]+)? (\S+)/gm), ([, id, uri]) => [uri ?? '', Number(id)]),
    ),
    ssrcs:
      (/^a=ssrc-group:FID ([\d ]+)/m.exec(section) ?? /^a=ssrc:(\d+)/m.exec(section))?.[1]?.split(' ').map(Number) ??
      [],
    rids: Array.from(section.matchAll(/^a=rid:(\S+) send/gm), ([, rid = '']) => rid),
  }))
}

/** One codec of a section; undefined if the browser does not offer it. */
function offered(name: string, section: string): OfferedCodec | undefined {
  const type = new RegExp(`^a=rtpmap:(\\d+) ${name}/`, 'im').exec(section)?.[1]
  if (type === undefined) return undefined
  const rtx = new RegExp(`^a=fmtp:(\\d+) apt=${type}\\r?$`, 'm').exec(section)?.[1]
  const format = new RegExp(`^a=fmtp:${type} (.+?)\\r?$`, 'm').exec(section)?.[1]
  return { name, type: Number(type), rtx: rtx === undefined ? undefined : Number(rtx), format }
}

/** The codecs for Select Protocol, from the first section of each kind. */
export function codecsOf(sections: readonly OfferSection[]): Codec[] {
  return (['audio', 'video'] as const).flatMap(kind => {
    const { codecs = [] } = sections.find(section => section.kind === kind) ?? {}
    return codecs.map(({ name, type, rtx }, index) => ({
      name,
      type: kind,
      priority: 1_000 * (index + 1),
      payload_type: type,
      rtx_payload_type: rtx ?? null,
    }))
  })
}
