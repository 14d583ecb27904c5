// Which of the node's addresses a client receives for its media.

const IPV4 = /^\d+\.\d+\.\d+\.\d+$/
/** Loopback, private, shared and link-local networks (RFC 6890): IPv4, then IPv6 (loopback, unique local, link-local). */
const PRIVATE_IPV4 = /^(127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./
const PRIVATE_IPV6 = /^(::1$|f[cd]|fe[89ab])/i

const isIpv4 = (ip: string): boolean => IPV4.test(ip)
const isPrivate = (ip: string): boolean => PRIVATE_IPV4.test(ip) || PRIVATE_IPV6.test(ip)

/** The addresses of a node for media. */
export interface MediaAddresses {
  /** Addresses that clients receive; if empty, the one that they reached. */
  readonly announce: readonly string[]
  /** An IPv4 address of the machine by which clients that came by IPv6 may reach it. */
  readonly ipv4?: string | undefined
}

/**
 * The address that Ready names. Without announced ones it is the address that the client's WebSocket came to; for a client that came by
 * IPv6 it is the machine's IPv4 address, if there is one, and not a private one for a client from outside. Of several announced addresses:
 *
 * 1. IPv4 addresses go before IPv6: most bot libraries open IPv4 sockets only.
 * 2. the address that the WebSocket came to, if it is announced; but behind NAT, where that is private, no client from outside;
 * 3. for a client in a private network, the announced private address that shares the longest prefix with the client's;
 * 4. otherwise the first that is not private, or else the first.
 */
export function mediaAddress({ announce, ipv4 }: MediaAddresses, localAddress: string, remoteAddress: string): string {
  if (announce.length === 0) {
    if (localAddress === '::1') return '127.0.0.1'
    const isReachable = ipv4 !== undefined && (!isPrivate(ipv4) || isPrivate(remoteAddress))
    return isIpv4(localAddress) || !isReachable ? localAddress : ipv4
  }
  const four = announce.filter(isIpv4)
  const candidates = four.length > 0 ? four : announce
  const isBehindNat = isPrivate(localAddress) && !isPrivate(remoteAddress) && candidates.some(ip => !isPrivate(ip))
  if (!isBehindNat && candidates.includes(localAddress)) return localAddress
  const inside = isPrivate(remoteAddress) ? candidates.filter(isPrivate) : []
  if (inside.length === 0) return candidates.find(ip => !isPrivate(ip)) ?? candidates[0]!
  return inside.reduce((best, ip) => (sharedPrefix(ip, remoteAddress) > sharedPrefix(best, remoteAddress) ? ip : best))
}

/** Bits that two IPv4 addresses share from the left; 0 where one is not IPv4. */
function sharedPrefix(one: string, other: string): number {
  if (!isIpv4(one) || !isIpv4(other)) return 0
  return Math.clz32(wordOf(one) ^ wordOf(other))
}

const wordOf = (ip: string): number => ip.split('.').reduce((word, part) => (word << 8) | Number(part), 0)
