// What of the browser's offer the node needs: a fragment, the codecs, and which SSRC the microphone has.
import type { Codec } from '@parley/protocol'

/** One m-line of an offer. */
export interface OfferSection {
  readonly kind: string
  readonly mid: string
  /** Of Opus; undefined where it is not offered. */
  readonly opus: number | undefined
  /** Ids by URI. */
  readonly extensions: ReadonlyMap<string, number>
  /** What it sends with; undefined if it sends nothing. */
  readonly ssrc: number | undefined
}

/** Lines that Discord's web client sends, by their beginning. */
const IN_FRAGMENT = /^a=(extmap-allow-mixed$|ice-ufrag:|ice-pwd:|ice-options:|fingerprint:|extmap:|rtpmap:\d+ opus\/)/i

/** Each line once, joined by `\n`. */
export function fragmentOf(sdp: string): string {
  return [...new Set(sdp.split(/\r?\n/).filter(line => IN_FRAGMENT.test(line)))].join('\n')
}

export function sectionsOf(sdp: string): OfferSection[] {
  const [, ...sections] = sdp.split(/^(?=m=)/m)
  return sections.map(section => ({
    kind: /^m=(\S+)/.exec(section)?.[1] ?? '',
    mid: /^a=mid:(\S+)/m.exec(section)?.[1] ?? '',
    opus: numberIn(/^a=rtpmap:(\d+) opus\//im, section),
    extensions: new Map(
      Array.from(section.matchAll(/^a=extmap:(\d+)(?:\/[a-z]+)? (\S+)/gm), ([, id, uri]) => [uri ?? '', Number(id)]),
    ),
    ssrc: numberIn(/^a=ssrc:(\d+)/m, section),
  }))
}

/** The codecs for Select Protocol: what the first audio section offers. */
export function codecsOf(sections: readonly OfferSection[]): Codec[] {
  const opus = sections.find(({ kind }) => kind === 'audio')?.opus
  return opus === undefined ? [] : [{ name: 'opus', type: 'audio', priority: 1_000, payload_type: opus }]
}

function numberIn(pattern: RegExp, text: string): number | undefined {
  const digits = pattern.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
