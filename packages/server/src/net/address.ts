// What the server asks of IP addresses: whose a request is, whether it is loopback, and which subnets hold it.
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** IPv4-mapped IPv6 as the IPv4 it is; a zone id is cut off. */
export function plainAddress(address: string | undefined): string {
  const plain = (address ?? '').replace(/%.*$/, '')
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain
}

/** Whether nobody but this machine can reach a listener on `host`. Of names only `localhost` is taken for loopback. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || listed(LOOPBACK, plainAddress(host))
}

/** Whether the list holds the address; false for what is no address. */
export function listed(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Who sent the request. Behind a proxy that is the last hop of X-Forwarded-For, the only one the proxy itself wrote; what
 * stands before it is the client's claim.
 */
export function remoteAddress(request: IncomingMessage, behindProxy: boolean): string {
  const direct = plainAddress(request.socket.remoteAddress)
  if (!behindProxy) return direct
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',')
  const hop = forwarded.slice(forwarded.lastIndexOf(',') + 1).trim()
  const address = plainAddress(/^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop)
  return isIP(address) === 0 ? direct : address
}

/** Whether the text is an address, or an address and a prefix length such as `10.0.0.0/8`. */
export function isSubnet(text: string): boolean {
  const [address = '', prefix, more] = text.split('/')
  const bits = isIP(address) === 4 ? 32 : isIP(address) === 6 ? 128 : -1
  return (
    more === undefined && bits > 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
  )
}

/** The addresses of all these subnets, each as `isSubnet` takes it. */
export function subnets(list: readonly string[]): BlockList {
  const addresses = new BlockList()
  for (const subnet of list) {
    const [address = '', prefix] = subnet.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (prefix === undefined) addresses.addAddress(address, family)
    else addresses.addSubnet(address, Number(prefix), family)
  }
  return addresses
}

/** `host:port`, with brackets around IPv6. */
export const hostAndPort = (host: string, port: number): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`

/** How this machine reaches a listener on `host`. */
export const localHost = (host: string): string => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host)
