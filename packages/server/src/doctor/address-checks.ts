// Checks of addresses and ports: whether clients can reach those that the node announces.
import { isIP, isIPv4 } from 'node:net'
import { isLoopback } from '../net/address.ts'
import { hasIpv4, hasTcpMedia } from '../net/media-addresses.ts'
import type { Check, Problem, Subject } from './check.ts'
import { endpointOf, isPrivate, isPublic } from './endpoint.ts'

const NONE: readonly Problem[] = []
const ALL_ADDRESSES: readonly string[] = ['0.0.0.0', '::']
const one = (problem: string, fix: string): readonly Problem[] => [{ problem, fix }]

/** A proxy in front has addresses of its own, so that only the existence of an address is checked there. */
async function resolves({ config, machine }: Subject): Promise<readonly Problem[]> {
  const { host } = endpointOf(config)
  if (!isPublic(host)) return NONE
  const found = await machine.resolve(host)
  if (found.length === 0) return one(`${host} has no address in DNS`, `create an A record (and AAAA) for ${host}`)
  const own = [...machine.addresses, ...config.media.announce]
  if (config.http.behind_proxy || found.some(address => own.includes(address))) return NONE
  const isNat = machine.addresses.filter(isIPv4).every(isPrivate)
  if (isNat && config.media.announce.length === 0) return NONE // The check of announced addresses says more.
  return one(
    `${host} is ${found.join(', ')}, which is not an address of this machine (${own.join(', ') || 'none'})`,
    `change the DNS records of ${host}, or add the address to media.announce if it is forwarded here`,
  )
}

/** Not behind a proxy, which translates ports, nor with port 0, which the system chooses. */
function endpointPort({ config }: Subject): readonly Problem[] {
  const { http } = config
  const { host, port } = endpointOf(config)
  if (http.behind_proxy || !isPublic(host) || http.listen.port === 0 || port === http.listen.port) return NONE
  return one(
    `clients are sent to port ${port}, but the node listens on port ${http.listen.port}`,
    `set http.endpoint = "${host}:${http.listen.port}", or http.listen to port ${port}`,
  )
}

/** Loopback is right for a node that only this machine uses; its endpoint is then local too. */
function listens({ config }: Subject): readonly Problem[] {
  const { http, media } = config
  if (!isPublic(endpointOf(config).host)) return NONE
  const problems: Problem[] = []
  if (isLoopback(http.listen.host) && !http.behind_proxy)
    problems.push({
      problem: `clients are sent to ${http.endpoint}, but http.listen is ${http.listen.host}, which only this machine reaches`,
      fix: 'set http.listen to 0.0.0.0 or [::] with the port, or http.behind_proxy = true if a proxy forwards to it',
    })
  if (isLoopback(media.listen))
    problems.push({
      problem: `media.listen is ${media.listen}: voice packets from other machines cannot arrive`,
      fix: 'remove media.listen, or set it to 0.0.0.0 or ::',
    })
  return problems
}

/**
 * Judges the addresses only where the endpoint is for other machines; a node in a private network may announce private
 * ones.
 */
function announced({ config, machine }: Subject): readonly Problem[] {
  const { announce } = config.media
  const isForInternet = isPublic(endpointOf(config).host)
  if (announce.length === 0)
    return isForInternet && config.media.stun.length === 0 ? unannounced(machine.addresses) : NONE
  const unusable = announce.filter(address => isLoopback(address) || address === '0.0.0.0' || address === '::')
  if (unusable.length > 0 && isForInternet)
    return one(
      `media.announce contains ${unusable.join(', ')}, to which no client can send`,
      'set media.announce to the public address of this machine',
    )
  if (isForInternet && announce.every(isPrivate))
    return one(
      `media.announce contains private addresses only (${announce.join(', ')}): clients outside that network have no audio`,
      'add the public address to media.announce; each client receives the one that fits',
    )
  return NONE
}

/** What the node would announce by itself: the addresses of this machine. */
function unannounced(addresses: readonly string[]): readonly Problem[] {
  const four = addresses.filter(isIPv4)
  if (four.length > 0 && four.every(isPrivate))
    return one(
      `this machine has private addresses only (${four.join(', ')}), and media.announce is not set`,
      'set media.announce to the public address from which UDP is forwarded to this machine, or media.stun if it changes',
    )
  if (four.length < 2) return NONE
  return one(
    `this machine has several addresses (${four.join(', ')}), and media.announce is not set`,
    'set media.announce to those at which clients reach it',
  )
}

/** Discord's voice servers have IPv4 addresses, and libraries create their UDP sockets accordingly. */
function ipv4({ config }: Subject): readonly Problem[] {
  if (hasIpv4(config.media)) return NONE
  return one(
    'clients receive no IPv4 address for their media, and most bot libraries have IPv4 sockets only',
    'add an IPv4 address to media.announce, and listen on 0.0.0.0 or ::',
  )
}

/** Browsers without UDP connect to the announced address, at the port of `http.listen`. Behind NAT the two are the same machine. */
function tcpMedia({ config, tls }: Subject): readonly Problem[] {
  const { announce } = config.media
  const { host } = config.http.listen
  if (!hasTcpMedia(config, tls !== undefined) || announce.length === 0 || announce.includes(host)) return NONE
  if (isIP(host) === 0 || isLoopback(host) || isPrivate(host) || ALL_ADDRESSES.includes(host)) return NONE
  return one(
    `browsers without UDP connect to ${announce.join(' or ')}, but http.listen is ${host} only`,
    `set http.listen to 0.0.0.0 or [::] with the port, add ${host} to media.announce, or set media.tcp = false`,
  )
}

/** `behind_proxy` trusts headers that anyone can write who reaches the listener. */
function proxy({ config }: Subject): readonly Problem[] {
  const { http } = config
  const problems: Problem[] = []
  if (
    http.behind_proxy &&
    http.tls_cert === undefined &&
    !isLoopback(http.listen.host) &&
    isPublicBind(http.listen.host)
  )
    problems.push({
      problem: `http.behind_proxy trusts X-Forwarded-For, and ${http.listen.host} may be reachable without the proxy`,
      fix: 'listen on 127.0.0.1 if the proxy runs here; otherwise let the firewall admit only the proxy',
    })
  if (http.metrics_from.some(subnet => /\/0$/.test(subnet)))
    problems.push({
      problem: 'http.metrics_from lets every address read /metrics',
      fix: 'list only the addresses of your Prometheus',
    })
  return problems
}

const isPublicBind = (host: string) => ALL_ADDRESSES.includes(host) || !isPrivate(host)

/** In the order of docs/operating.md. */
export const ADDRESS_CHECKS: readonly Check[] = [
  {
    name: 'endpoint-resolves',
    summary: 'The host of `http.endpoint` has an address in DNS, and it is one of this node.',
    run: resolves,
  },
  { name: 'endpoint-port', summary: 'Clients are sent to the port on which the node listens.', run: endpointPort },
  { name: 'listeners', summary: 'A node for other machines does not listen on loopback.', run: listens },
  { name: 'announced-addresses', summary: 'Clients receive an address for media that they can reach.', run: announced },
  { name: 'ipv4', summary: 'Clients receive an IPv4 address for media.', run: ipv4 },
  {
    name: 'tcp-media',
    summary: 'Browsers whose network lets no UDP through reach the TCP port that they receive.',
    run: tcpMedia,
  },
  {
    name: 'exposure',
    summary: 'Only the proxy reaches the listener behind it, and metrics are not public.',
    run: proxy,
  },
]
