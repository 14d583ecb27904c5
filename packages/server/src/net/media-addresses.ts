// The addresses that clients can receive for their media: announced ones, or those of the machine.
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Config } from '../config/config.ts'

const ALL_ADDRESSES: readonly string[] = ['::', '0.0.0.0']

/** An IPv4 address of the machine that is not loopback. Most bot libraries have IPv4 sockets only, however they reached the gateway. */
export const machineIpv4 = (): string | undefined =>
  Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

/** Whether clients can receive an IPv4 address for their media. */
export function hasIpv4({ announce, listen }: Config['media']): boolean {
  if (announce.length > 0) return announce.some(isIPv4)
  return listen === '::' ? machineIpv4() !== undefined : isIPv4(listen)
}

/** Whether browsers without UDP send their media over TCP to `http.listen`: by default where the node itself terminates TLS. */
export const hasTcpMedia = ({ http, media }: Pick<Config, 'http' | 'media'>, hasTls: boolean): boolean =>
  media.tcp ?? (hasTls && !http.behind_proxy)

/**
 * A socket bound to one address receives packets for that address only. `found` is the public address that STUN servers see: it is
 * announced beside the others, so that clients in the same network receive a private one.
 */
export function announcedBy({ announce, listen }: Config['media'], found?: string): readonly string[] {
  const set = announce.length > 0 || ALL_ADDRESSES.includes(listen) ? announce : [listen]
  if (found === undefined || set.includes(found)) return set
  const others = set.length > 0 ? set : clientAddresses()
  return others.length === 1 && others[0] === found ? set : [...new Set([found, ...others])]
}

/** Bridges and virtual interfaces of Docker, Podman, libvirt and Kubernetes: no client reaches the node by them. */
const VIRTUAL = /^(docker|br-|veth|virbr|podman|cni|flannel|cali|lxc)/
const LINK_LOCAL = /^(fe[89ab]|169\.254\.)/i

/** Addresses of the machine, without loopback and link-local ones. */
export const machineAddresses = (): string[] => addressesOf(() => true)
/** Those by which clients may reach it: not those of interfaces for containers. */
export const clientAddresses = (): string[] => addressesOf(name => !VIRTUAL.test(name))

const addressesOf = (isWanted: (name: string) => boolean): string[] =>
  Object.entries(networkInterfaces())
    .filter(([name]) => isWanted(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address))
    .map(({ address }) => address)
