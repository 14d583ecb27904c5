// IP addresses as bytes, and as the names by which certificate authorities ask for them.
import { isIPv4 } from 'node:net'

/** 4 bytes of IPv4, 16 of IPv6. The text is an address without a zone, as `isIP` accepts it. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(/\./).map(Number))
  const dotted = /:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  const tail =
    dotted === undefined
      ? ''
      : addressBytes(dotted)
          .toString('hex')
          .replace(/^(....)/, '$1:')
  const [head = '', rest] = (dotted === undefined ? address : address.replace(dotted, tail)).split('::')
  const groups = (text: string) => text.split(':').filter(group => group !== '')
  const [before, after] = [groups(head), groups(rest ?? '')]
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return Buffer.from([...before, ...zeros, ...after].map(group => group.padStart(4, '0')).join(''), 'hex')
}

/** The name below `in-addr.arpa` or `ip6.arpa` (RFC 1035 §3.5, RFC 3596 §2.5), which TLS-ALPN-01 uses for addresses (RFC 8738 §6). */
export function reverseName(address: string): string {
  const bytes = addressBytes(address)
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa`
  return `${[...bytes.toString('hex')].reverse().join('.')}.ip6.arpa`
}
