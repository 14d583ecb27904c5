// IP addresses of requests: their source, loopback, and membership in subnets.
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** The source of requests whose X-Forwarded-For names no address: one for all of them, and never loopback. */
const UNREADABLE = 'unreadable'

/** Text of an address: IPv4-mapped IPv6 becomes IPv4, a zone id is removed. Empty if there is none. */
export function addressText(address: string | undefined): string {
  const plain = (address ?? '').replace(/%.*$/, '')
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain
}

/** Whether a listener on `host` is reachable from this machine only. `localhost` is the only name that counts as loopback. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || isListed(LOOPBACK, addressText(host))
}

/** Whether the list contains the address; false for text that is not an address. */
export function isListed(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Address of the client. Behind a proxy it is the last hop of X-Forwarded-For, which the proxy itself wrote; the hops before
 * it are claims of the client. A hop that is not an address (RFC 7239 §6 has `unknown` and obfuscated names) is not the proxy's own.
 */
export function remoteAddress(request: IncomingMessage, behindProxy: boolean): string {
  const direct = addressText(request.socket.remoteAddress)
  if (!behindProxy) return direct
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',')
  const hop = forwarded.slice(forwarded.lastIndexOf(',') + 1).trim()
  if (request.headers['x-forwarded-for'] === undefined) return direct
  const address = addressText(/^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop)
  return isIP(address) === 0 ? UNREADABLE : address
}

/** Whether the text is an address, or an address with a prefix length such as `10.0.0.0/8`. */
export function isSubnet(text: string): boolean {
  const [address = '', prefix, more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more !== undefined) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

/** A list of subnets, each accepted by `isSubnet`. */
export function blockListOf(list: readonly string[]): BlockList {
  const addresses = new BlockList()
  for (const subnet of list) {
    const [address = '', prefix] = subnet.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (prefix === undefined) addresses.addAddress(address, family)
    else addresses.addSubnet(address, Number(prefix), family)
  }
  return addresses
}

/** `host:port`, with brackets around an IPv6 address. */
export const hostAndPort = (host: string, port: number): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`

/** The host by which this machine reaches a listener on `host`. */
export const dialableHost = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host)
