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

/** A socket bound to one address receives packets for that address only. */
export const announcedBy = ({ announce, listen }: Config['media']): readonly string[] =>
  announce.length > 0 || ALL_ADDRESSES.includes(listen) ? announce : [listen]
