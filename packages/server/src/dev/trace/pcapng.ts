// A trace as pcapng (draft-ietf-opsawg-pcapng) for Wireshark: UDP datagrams over IPv4, media in plain form or sealed.
import { ByteWriter } from '@parley/protocol'
import type { DatagramRecord, TraceEvent } from './trace-record.ts'
import { sentence } from './trace-text.ts'

const SECTION_HEADER = 0x0a0d0d0a
const BYTE_ORDER = 0x1a2b3c4d
const INTERFACE = 1
const ENHANCED_PACKET = 6
/** IPv4 or IPv6 packets without a link layer. */
const LINKTYPE_RAW = 101
const OPTION_COMMENT = 1
const OPTION_NAME = 2
const IP_HEADER = 20
const UDP_HEADER = 8
const UDP = 17
/** Ports of a trace are not those of the sockets: the server has one, each user another. */
const SERVER_PORT = 50_000
const FIRST_CLIENT_PORT = 40_000

type Datagram = DatagramRecord & { at: number; user: string }

/** `isSealed`: as on the wire. The comment of the section has the keys, the comment of each packet what became of it. */
export function tracePcapng(events: readonly TraceEvent[], isSealed = false): Uint8Array {
  const ports = new Map<string, number>()
  const portOf = (user: string) => {
    const port = ports.get(user) ?? FIRST_CLIENT_PORT + ports.size
    ports.set(user, port)
    return port
  }
  const keys = events.flatMap(event =>
    event.kind === 'key' ? [`user ${event.user}, ${event.mode}, key ${event.key}`] : [],
  )
  const writer = new ByteWriter()
  writer.raw(sectionHeader(keys.join('\n')))
  writer.raw(interfaceDescription(isSealed ? 'as on the wire' : 'transport encryption removed'))
  for (const event of events) if (event.kind === 'datagram') writer.raw(packet(event, portOf(event.user), isSealed))
  return writer.bytes()
}

function sectionHeader(comment: string): Uint8Array {
  const body = new ByteWriter().u32(BYTE_ORDER).u16(1).u16(0).u32(0xffff_ffff).u32(0xffff_ffff)
  return block(SECTION_HEADER, body.raw(options([[OPTION_COMMENT, comment]])).bytes())
}

function interfaceDescription(name: string): Uint8Array {
  const body = new ByteWriter().u16(LINKTYPE_RAW).u16(0).u32(0)
  return block(INTERFACE, body.raw(options([[OPTION_NAME, name]])).bytes())
}

/** Times are in microseconds. */
function packet(event: Datagram, clientPort: number, isSealed: boolean): Uint8Array {
  const payload = isSealed ? event.raw : (event.plain ?? event.raw)
  const isUp = event.from === 'client'
  const bytes = ipPacket(payload, isUp ? clientPort : SERVER_PORT, isUp ? SERVER_PORT : clientPort)
  const time = Math.round(event.at * 1_000)
  const body = new ByteWriter()
    .u32(0)
    .u32(Math.floor(time / 2 ** 32))
    .u32(time >>> 0)
    .u32(bytes.length)
    .u32(bytes.length)
  body.raw(padded(bytes)).raw(options([[OPTION_COMMENT, `${event.user}: ${sentence(event)}`]]))
  return block(ENHANCED_PACKET, body.bytes())
}

/** 127.0.0.1 to 127.0.0.1. The UDP checksum is absent, as IPv4 allows. */
function ipPacket(payload: Uint8Array, from: number, to: number): Uint8Array {
  const udp = UDP_HEADER + payload.length
  const header = new ByteWriter()
    .u8(0x45)
    .u8(0)
    .u16(IP_HEADER + udp)
    .u32(0)
    .u8(64)
    .u8(UDP)
    .u16(0)
  header.u32(0x7f00_0001).u32(0x7f00_0001)
  const bytes = Uint8Array.from(header.bytes())
  new DataView(bytes.buffer).setUint16(10, checksum(bytes))
  return new ByteWriter().raw(bytes).u16(from).u16(to).u16(udp).u16(0).raw(payload).bytes()
}

/** The ones' complement sum of 16-bit words (RFC 1071). Expects zero in the checksum field. */
function checksum(header: Uint8Array): number {
  const view = new DataView(header.buffer)
  let sum = 0
  for (let offset = 0; offset < header.length; offset += 2) sum += view.getUint16(offset)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}

/**
 * Options of a block, and the end-of-options mark. An empty text is no option; a long one is cut to what its length
 * field holds.
 */
function options(list: readonly [code: number, text: string][]): Uint8Array {
  const writer = new ByteWriter()
  for (const [code, text] of list) {
    const bytes = Buffer.from(text).subarray(0, 0xfff0)
    if (bytes.length > 0) writer.u16(code).u16(bytes.length).raw(padded(bytes))
  }
  return writer.u32(0).bytes()
}

/** The length is repeated at the end, so that readers can go backwards. */
function block(type: number, body: Uint8Array): Uint8Array {
  const length = 12 + body.length
  return new ByteWriter().u32(type).u32(length).raw(body).u32(length).bytes()
}

/** To a multiple of four bytes, which all blocks and options require. */
const padded = (bytes: Uint8Array) =>
  new ByteWriter()
    .raw(bytes)
    .raw(new Uint8Array(-bytes.length & 3))
    .bytes()
