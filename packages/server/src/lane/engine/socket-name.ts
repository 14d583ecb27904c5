// Socket names and control messages as the system lays them out.
//
//   mmsghdr   0 name   8 u32 nameLength   16 iov   24 iovs   32 control   40 controlLength   48 flags   56 u32 length
//   iovec     0 base   8 length           sockaddr_in6   0 u16 family  2 u16be port  4 flow  8 address  24 scope
//   cmsghdr   0 length  8 u32 level  12 u32 type  16 data, padded to 8 bytes
import { ADDRESS_PORT } from '@parley/core'
import { SOCKET_NAME } from './native-calls.ts'

/** 32-bit words of a name. */
export const NAME_WORDS = SOCKET_NAME / 4
const AF_INET = 2
export const AF_INET6 = 10
/** The third word of an IPv4 address mapped to IPv6. */
export const MAPPED = 0xffff

/** Bytes of a control message's header. */
export const CONTROL_HEADER = 16
/** IPPROTO_IP with IP_PKTINFO, IPPROTO_IPV6 with IPV6_PKTINFO. */
export const IPV4_LEVEL = 0
export const IPV4_INFO_TYPE = 8
export const IPV6_LEVEL = 41
export const IPV6_INFO_TYPE = 50

/**
 * Writes a socket's name from ADDRESS_WORDS words at `offset`, for a socket of IPv6 (where IPv4 is mapped) or of IPv4. To an
 * IPv4 socket an IPv6 address is written as it is: the system refuses it then.
 */
export function writeSocketName(
  name: DataView,
  place: number,
  isIpv6: boolean,
  words: Int32Array,
  offset: number,
): void {
  const isMapped = words[offset] === 0 && words[offset + 1] === 0 && words[offset + 2] === MAPPED
  for (let word = 0; word < NAME_WORDS; word++) name.setInt32(place + word * 4, 0)
  name.setUint16(place, isIpv6 || !isMapped ? AF_INET6 : AF_INET, true)
  name.setUint16(place + 2, words[offset + ADDRESS_PORT]!)
  if (!isIpv6 && isMapped) name.setInt32(place + 4, words[offset + 3]!)
  else for (let word = 0; word < 4; word++) name.setInt32(place + 8 + word * 4, words[offset + word]!)
}
