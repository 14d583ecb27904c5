// The endpoint of a configuration, and kinds of addresses.
import { BlockList, isIP } from 'node:net'
import type { Config } from '../config/config.ts'
import { isListed } from '../net/address.ts'

const HTTPS_PORT = 443

/** Networks that are not reachable from the internet (RFC 6890). */
const PRIVATE = new BlockList()
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
  ['0.0.0.0', 8],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('fe80::', 10, 'ipv6')
PRIVATE.addAddress('::1', 'ipv6')
PRIVATE.addAddress('::', 'ipv6')

/** Also true of loopback, of link-local addresses, and of the unspecified address. */
export const isPrivate = (address: string): boolean => isListed(PRIVATE, address)

/** Host and port that backends hand to clients. */
export function endpointOf({ http }: Config): { host: string; port: number } {
  if (http.endpoint === undefined) return { host: http.listen.host, port: http.listen.port }
  const [, ipv6, host = '', port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(http.endpoint) ?? []
  return { host: ipv6 ?? host, port: port === undefined ? HTTPS_PORT : Number(port) }
}

/** Whether clients come from other machines. */
export const isPublic = (host: string): boolean => host !== 'localhost' && (isIP(host) === 0 || !isPrivate(host))
