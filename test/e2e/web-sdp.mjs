// What a web voice client of the tests reads of the browser's SDP, and writes into the answers.

export const sectionsOf = sdp =>
  sdp
    .split(/\r\n(?=m=)/)
    .slice(1)
    .map(section => section.split('\r\n').filter(line => line !== ''))
export const midOf = section => section.find(line => line.startsWith('a=mid:')).slice(6)
/** Lines of the answer for the offered header extensions: what one end only sends, the other only receives. */
export const extensions = (section, known) =>
  section.filter(line => line.startsWith('a=extmap:') && known.test(line)).map(answered)
const answered = line => line.replace(/\/(send|recv)only /, (_, way) => (way === 'send' ? '/recvonly ' : '/sendonly '))

export function remoteLines({ kind, user, ssrc }) {
  const name = `${user}-${ssrc}`
  const lines = [`a=msid:${name} ${kind[0]}${name}`, `a=ssrc:${ssrc} cname:${name}`]
  return kind === 'audio'
    ? lines
    : [...lines, `a=ssrc:${ssrc + 1} cname:${name}`, `a=ssrc-group:FID ${ssrc} ${ssrc + 1}`]
}

/** Chromium knows the dependency descriptor of AV1, and offers it on request only. Firefox offers it. */
export function negotiateDependencies(transceiver) {
  const known = transceiver.getHeaderExtensionsToNegotiate?.()
  if (known === undefined) return
  const isOf = ({ uri }) => uri.includes('dependency-descriptor')
  transceiver.setHeaderExtensionsToNegotiate(
    known.map(each => (isOf(each) ? { ...each, direction: 'sendrecv' } : each)),
  )
}

/** Opus, and the first payload type of each video codec with its RTX; `first` gets the best priority. */
export function codecsOf(sdp, first) {
  const codecs = []
  const retransmits = new Map([...sdp.matchAll(/a=fmtp:(\d+) apt=(\d+)/g)].map(([, rtx, type]) => [type, Number(rtx)]))
  for (const [, type, name] of sdp.matchAll(/a=rtpmap:(\d+) (opus|VP8|VP9|H264|AV1)\//g)) {
    if (codecs.some(codec => codec.name === name)) continue
    const isAudio = name === 'opus'
    const priority = isAudio || name === first ? 1000 : 2000 + codecs.length * 1000
    const rtx = isAudio ? null : (retransmits.get(type) ?? null)
    codecs.push({
      name,
      type: isAudio ? 'audio' : 'video',
      priority,
      payload_type: Number(type),
      rtx_payload_type: rtx,
    })
  }
  return codecs
}
