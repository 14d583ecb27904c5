// Builds the answer in the node's place, from the browser's offer, the node's fragment, and the members' sources.
import { ExtensionUri } from '@parley/protocol'
import type { OfferedCodec, OfferSection } from './offer.ts'
import type { RemoteSource } from './remote-source.ts'

/** The node's transport parameters, from the fragment of Session Description. */
export interface NodeEnd {
  readonly ip: string
  readonly port: number
  readonly ufrag: string
  readonly password: string
  readonly fingerprint: string
  /** Of UDP, and of TCP where the node offers it. */
  readonly candidates: readonly string[]
}

/** Returns undefined if a required line is missing. */
export function readNodeEnd(fragment: string): NodeEnd | undefined {
  const value = (name: string) => new RegExp(`^${name}(.+?)\\r?$`, 'm').exec(fragment)?.[1]
  const ufrag = value('a=ice-ufrag:')
  const password = value('a=ice-pwd:')
  const fingerprint = value('a=fingerprint:')
  const candidates = new Set([...fragment.matchAll(/^a=candidate:(.+?)\r?$/gm)].map(([, candidate]) => candidate!))
  const [, ip, port] = /^\S+ 1 udp \d+ (\S+) (\d{1,5}) typ host/i.exec([...candidates][0] ?? '') ?? []
  if (!ufrag || !password || !fingerprint || !ip || !port) return undefined
  return { ip, port: Number(port), ufrag, password, fingerprint, candidates: [...candidates] }
}

/** Use of a section: what the browser sends, a member's source, or none. */
export type SectionUse = 'ours' | RemoteSource | undefined

const AUDIO_EXTENSIONS: readonly string[] = [ExtensionUri.AudioLevel, ExtensionUri.TransportSequence]
const VIDEO_EXTENSIONS: readonly string[] = [
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  ExtensionUri.VideoOrientation,
  ExtensionUri.TransportSequence,
  ExtensionUri.PlayoutDelay,
]
/** Names of layers in the packets. Chromium sends them only if the section's name is negotiated too. */
const LAYER_EXTENSIONS: readonly string[] = [
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  ExtensionUri.Rid,
  ExtensionUri.RepairedRid,
]
/** Chromium starts with this estimate of its bandwidth, instead of 300, which is not enough for two layers. Other browsers ignore it. */
const START_KILOBITS = 1_000
const VIDEO_FEEDBACK = ['ccm fir', 'nack', 'nack pli', 'goog-remb', 'transport-cc'] as const

/**
 * A complete answer. `uses` has one entry per section of the offer, in order; `videoCodec` is the codec that the browser shall send.
 * The node is ICE-lite and the DTLS server. It identifies sources by SSRC, and the layers of one source by their rid.
 */
export function answerTo(
  sections: readonly OfferSection[],
  uses: readonly SectionUse[],
  node: NodeEnd,
  videoCodec?: string,
): string {
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${sections.map(({ mid }) => mid).join(' ')}`,
    'a=ice-lite',
    'a=extmap-allow-mixed',
    ...sections.flatMap((section, index) => sectionLines(section, uses[index], node, videoCodec)),
  ]
  return `${lines.join('\r\n')}\r\n`
}

function sectionLines(section: OfferSection, use: SectionUse, node: NodeEnd, videoCodec: string | undefined): string[] {
  const { kind, mid, extensions, rids } = section
  // A browser sends with the first codec and accepts all of them.
  const codecs = section.codecs.toSorted((a, b) => Number(b.name === videoCodec) - Number(a.name === videoCodec))
  const types = codecs.flatMap(({ type, rtx }) => (rtx === undefined ? [type] : [type, rtx]))
  const wanted = kind === 'audio' ? AUDIO_EXTENSIONS : VIDEO_EXTENSIONS
  const used = [...wanted, ...(rids.length > 0 ? LAYER_EXTENSIONS : [])].flatMap(uri => {
    const id = extensions.get(uri)
    return id === undefined ? [] : [`a=extmap:${id} ${uri}`]
  })
  return [
    `m=${kind} ${node.port} UDP/TLS/RTP/SAVPF ${types.join(' ')}`,
    `c=IN ${node.ip.includes(':') ? 'IP6' : 'IP4'} ${node.ip}`,
    `a=mid:${mid}`,
    `a=ice-ufrag:${node.ufrag}`,
    `a=ice-pwd:${node.password}`,
    `a=fingerprint:${node.fingerprint}`,
    'a=setup:passive',
    'a=rtcp-mux',
    ...node.candidates.map(candidate => `a=candidate:${candidate}`),
    'a=end-of-candidates',
    ...codecs.flatMap(codec => (kind === 'audio' ? audioCodec(codec) : videoCodecLines(codec, use === 'ours'))),
    ...used,
    ...useLines(use),
    ...rids.map(rid => `a=rid:${rid} recv`),
    ...(rids.length > 0 ? [`a=simulcast:recv ${rids.join(';')}`] : []),
  ]
}

const audioCodec = ({ name, type }: OfferedCodec): string[] => [
  `a=rtpmap:${type} ${name}/48000/2`,
  `a=fmtp:${type} minptime=10;useinbandfec=1;usedtx=1`,
  `a=rtcp-fb:${type} transport-cc`,
]

function videoCodecLines({ name, type, rtx, format }: OfferedCodec, isSent: boolean): string[] {
  const parameters = [format, isSent ? `x-google-start-bitrate=${START_KILOBITS}` : undefined].filter(Boolean)
  return [
    `a=rtpmap:${type} ${name}/90000`,
    ...(parameters.length === 0 ? [] : [`a=fmtp:${type} ${parameters.join(';')}`]),
    ...VIDEO_FEEDBACK.map(feedback => `a=rtcp-fb:${type} ${feedback}`),
    ...(rtx === undefined ? [] : [`a=rtpmap:${rtx} rtx/90000`, `a=fmtp:${rtx} apt=${type}`]),
  ]
}

/** The SSRC of video retransmissions follows that of the video. */
function useLines(use: SectionUse): string[] {
  if (use === undefined) return ['a=inactive']
  if (use === 'ours') return ['a=recvonly']
  const { kind, userId, ssrc } = use
  const name = `${userId}-${ssrc}`
  const lines = ['a=sendonly', `a=msid:${name} ${kind[0]}${name}`]
  if (kind === 'audio') return [...lines, `a=ssrc:${ssrc} cname:${name}`]
  const rtx = ssrc + 1
  return [...lines, `a=ssrc-group:FID ${ssrc} ${rtx}`, `a=ssrc:${ssrc} cname:${name}`, `a=ssrc:${rtx} cname:${name}`]
}
