// Socket addresses as words, which the packet path compares instead of text. IPv4 is ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).
// An address has ADDRESS_WORDS words: four of IPv6 address, the port, and the number of the local address that it was
// received at (batch.ts).

import { ADDRESS_LOCAL, ADDRESS_WORDS, ADDRESS_PORT as PORT } from '../../lane/batch.ts'
import type { SocketAddress } from '../../lane/commands.ts'

const MAPPED = 0xffff
/** Networks as their first 32 bits, and the length of the prefix. */
const PRIVATE_IPV4 = [
  [0x0a00_0000, 8],
  [0x7f00_0000, 8],
  [0xac10_0000, 12],
  [0xc0a8_0000, 16],
  [0xa9fe_0000, 16],
  [0x6440_0000, 10],
] as const
const PRIVATE_IPV6 = [
  [0xfc00_0000, 7],
  [0xfe80_0000, 10],
] as const

/** Whether the first `bits` bits of `word` are those of the network. */
const isWithin = (word: number, network: number, bits: number): boolean => (word ^ network) >>> (32 - bits) === 0

/** Whether the address is IPv4 in mapped form. */
const isMapped = (words: Int32Array, offset: number): boolean =>
  words[offset] === 0 && words[offset + 1] === 0 && words[offset + 2] === MAPPED

/** Whether two addresses have the same IP and port. */
export function isSameAddress(a: Int32Array, aOffset: number, b: Int32Array, bOffset: number): boolean {
  return a[aOffset + PORT] === b[bOffset + PORT] && isSameIp(a, aOffset, b, bOffset)
}

/** Whether two addresses have the same IP. */
export function isSameIp(a: Int32Array, aOffset: number, b: Int32Array, bOffset: number): boolean {
  return (
    a[aOffset + 3] === b[bOffset + 3] &&
    a[aOffset + 2] === b[bOffset + 2] &&
    a[aOffset + 1] === b[bOffset + 1] &&
    a[aOffset] === b[bOffset]
  )
}

/** Whether two addresses are in one network: the same IPv4 address, or the same /64 of IPv6. */
export function isSameNetwork(a: Int32Array, aOffset: number, b: Int32Array, bOffset: number): boolean {
  const isSame = a[aOffset] === b[bOffset] && a[aOffset + 1] === b[bOffset + 1]
  return isMapped(a, aOffset) || isMapped(b, bOffset) ? isSameIp(a, aOffset, b, bOffset) : isSame
}

/** Whether the address is none of loopback, link-local and private networks (RFC 1918, RFC 4193, RFC 6598). */
export function isPublicIp(words: Int32Array, offset: number): boolean {
  if (isMapped(words, offset))
    return !PRIVATE_IPV4.some(([network, bits]) => isWithin(words[offset + 3]!, network, bits))
  const first = words[offset]!
  const isLoopback = first === 0 && words[offset + 1] === 0 && words[offset + 2] === 0
  return !isLoopback && !PRIVATE_IPV6.some(([network, bits]) => isWithin(first, network, bits))
}

/** Copies an address, with the number of the local address. */
export function copyAddress(from: Int32Array, fromOffset: number, to: Int32Array, toOffset: number): void {
  for (let word = 0; word < ADDRESS_WORDS; word++) to[toOffset + word] = from[fromOffset + word]!
}

/** Writes an address as words at `offset`. Returns false, and writes nothing, if the text is not an IP address. A zone is ignored. */
export function writeAddress(words: Int32Array, offset: number, ip: string, port: number): boolean {
  const groups = ip.includes(':') ? parseIpv6(ip) : parseMapped(ip)
  if (groups === undefined) return false
  for (let word = 0; word < 4; word++) words[offset + word] = (groups[word * 2]! << 16) | groups[word * 2 + 1]!
  words[offset + PORT] = port
  words[offset + ADDRESS_LOCAL] = 0
  return true
}

/** The address as text; IPv6 in the form of RFC 5952 §4. */
export function readAddress(words: Int32Array, offset: number): SocketAddress {
  const port = words[offset + PORT]!
  if (isMapped(words, offset)) return { ip: formatIpv4(words[offset + 3]!), port }
  const groups = [0, 1, 2, 3].flatMap(word => [words[offset + word]! >>> 16, words[offset + word]! & 0xffff])
  return { ip: formatIpv6(groups), port }
}

/** The two 16-bit groups of a dotted address; undefined if the text is none. */
function parseIpv4(text: string): [number, number] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(part => /^[0-9]{1,3}$/.test(part) && Number(part) < 256)) return undefined
  const [a, b, c, d] = parts.map(Number) as [number, number, number, number]
  return [(a << 8) | b, (c << 8) | d]
}

/** The eight groups of an IPv4 address in its mapped form. */
function parseMapped(text: string): number[] | undefined {
  const last = parseIpv4(text)
  return last === undefined ? undefined : [0, 0, 0, 0, 0, MAPPED, ...last]
}

/** The eight groups of RFC 4291 §2.2, with `::` for the longest run of zeros and a dotted address as the last two. */
function parseIpv6(text: string): number[] | undefined {
  const zone = text.indexOf('%')
  const halves = (zone < 0 ? text : text.slice(0, zone)).split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!)
  const tail = halves[1] === undefined ? [] : parseGroups(halves[1])
  if (head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  return [...head, ...Array<number>(missing).fill(0), ...tail]
}

/** The groups on one side of `::`. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : undefined
    if (last !== undefined) groups.push(...last)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

const formatIpv4 = (word: number): string =>
  `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`

function formatIpv6(groups: readonly number[]): string {
  const [start, length] = longestZeros(groups)
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map(group => group.toString(16))
      .join(':')
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`
}

/** Start and length of the longest run of zero groups, the first among equals. */
function longestZeros(groups: readonly number[]): [number, number] {
  let best: [number, number] = [0, 0]
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best[1]) best = [start, length]
  }
  return best
}
