// The answer that the browser is given in the node's name: made from its own offer, the node's fragment, and who is there.
import { ExtensionUri } from '@parley/protocol'
import type { OfferSection } from './offer.ts'

/** The node's end, as the fragment of Session Description says it. */
export interface NodeEnd {
  readonly ip: string
  readonly port: number
  readonly ufrag: string
  readonly password: string
  readonly fingerprint: string
  readonly candidate: string
}

/** Whose audio comes in a section. */
export interface RemoteSource {
  readonly userId: string
  readonly ssrc: number
}

/** Undefined if something is missing that media cannot flow without. */
export function readNodeEnd(fragment: string): NodeEnd | undefined {
  const value = (name: string) => new RegExp(`^${name}(.+?)\\r?$`, 'm').exec(fragment)?.[1]
  const ufrag = value('a=ice-ufrag:')
  const password = value('a=ice-pwd:')
  const fingerprint = value('a=fingerprint:')
  const candidate = value('a=candidate:')
  const [, ip, port] = /^\S+ 1 udp \d+ (\S+) (\d{1,5}) typ host/i.exec(candidate ?? '') ?? []
  if (!ufrag || !password || !fingerprint || !candidate || !ip || !port) return undefined
  return { ip, port: Number(port), ufrag, password, fingerprint, candidate }
}

/** What the node does in a section: takes the microphone, sends one member's audio, or nothing. */
export type SectionUse = 'microphone' | RemoteSource | undefined

/**
 * A whole answer. `uses` has one entry per section of the offer, in its order. The node is ICE-lite, the DTLS server, and
 * tells sources apart by SSRC alone, so that `mid` is no header extension.
 */
export function answerTo(sections: readonly OfferSection[], uses: readonly SectionUse[], node: NodeEnd): string {
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${sections.map(({ mid }) => mid).join(' ')}`,
    'a=ice-lite',
    'a=extmap-allow-mixed',
    ...sections.flatMap((section, index) => sectionLines(section, uses[index], node)),
  ]
  return `${lines.join('\r\n')}\r\n`
}

function sectionLines(section: OfferSection, use: SectionUse, node: NodeEnd): string[] {
  const { kind, mid, opus, extensions } = section
  const used = [ExtensionUri.AudioLevel, ExtensionUri.TransportSequence].flatMap(uri => {
    const id = extensions.get(uri)
    return id === undefined ? [] : [`a=extmap:${id} ${uri}`]
  })
  return [
    `m=${kind} ${node.port} UDP/TLS/RTP/SAVPF ${opus}`,
    `c=IN ${node.ip.includes(':') ? 'IP6' : 'IP4'} ${node.ip}`,
    `a=mid:${mid}`,
    `a=ice-ufrag:${node.ufrag}`,
    `a=ice-pwd:${node.password}`,
    `a=fingerprint:${node.fingerprint}`,
    'a=setup:passive',
    'a=rtcp-mux',
    `a=candidate:${node.candidate}`,
    'a=end-of-candidates',
    `a=rtpmap:${opus} opus/48000/2`,
    `a=fmtp:${opus} minptime=10;useinbandfec=1;usedtx=1`,
    `a=rtcp-fb:${opus} transport-cc`,
    ...used,
    ...useLines(use),
  ]
}

function useLines(use: SectionUse): string[] {
  if (use === undefined) return ['a=inactive']
  if (use === 'microphone') return ['a=recvonly']
  const { userId, ssrc } = use
  const name = `${userId}-${ssrc}`
  return ['a=sendonly', `a=msid:${name} a${name}`, `a=ssrc:${ssrc} cname:${name}`]
}
