// IP discovery: a client requests the address from which its datagrams arrive (docs/voice-gateway.md).
//
//   0  u16 type: 1 request, 2 response      2  u16 length of the rest, 70      4  u32 ssrc
//   8  64 bytes of address text, zero padded, at least one zero                  72  u16 port
import { DISCOVERY_LENGTH, LONGEST_DISCOVERY } from './datagram.ts'

const TYPE_REQUEST = 1
const TYPE_RESPONSE = 2
const REST = DISCOVERY_LENGTH - 4
const SSRC = 4
const ADDRESS = 8
const ADDRESS_SIZE = 64
const PORT = 72

/** A discovery response: the source address of the request. */
export interface Discovered {
  /** SSRC of the request. */
  ssrc: number
  /** IPv4 or IPv6 address as text. */
  ip: string
  port: number
}

/** Encodes a request of the session with this audio SSRC. */
export function encodeDiscoveryRequest(ssrc: number): Uint8Array {
  const bytes = new Uint8Array(DISCOVERY_LENGTH)
  writeHead(bytes, TYPE_REQUEST, ssrc)
  return bytes
}

/** The SSRC of the request in the `length` bytes at `offset`; −1 if they are not one. The address field, and what follows, is ignored. */
export function readDiscoveryRequest(view: DataView, offset: number, length: number): number {
  const isRequest =
    length <= LONGEST_DISCOVERY && isDiscovery(view, offset, Math.min(length, DISCOVERY_LENGTH), TYPE_REQUEST)
  return isRequest ? view.getUint32(offset + SSRC) : -1
}

/** Writes a response of DISCOVERY_LENGTH bytes to the start of `bytes`. `ip` is truncated to 63 ASCII characters. */
export function writeDiscoveryResponse(bytes: Uint8Array, ssrc: number, ip: string, port: number): void {
  bytes.fill(0, 0, DISCOVERY_LENGTH)
  const view = writeHead(bytes, TYPE_RESPONSE, ssrc)
  const size = Math.min(ip.length, ADDRESS_SIZE - 1)
  for (let index = 0; index < size; index++) bytes[ADDRESS + index] = ip.charCodeAt(index)
  view.setUint16(PORT, port)
}

/** Decodes a response; undefined if the bytes are not one. */
export function decodeDiscoveryResponse(bytes: Uint8Array): Discovered | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isDiscovery(view, 0, bytes.length, TYPE_RESPONSE)) return undefined
  const end = bytes.indexOf(0, ADDRESS)
  if (end < 0 || end >= ADDRESS + ADDRESS_SIZE) return undefined
  const ip = String.fromCharCode(...bytes.subarray(ADDRESS, end))
  return { ssrc: view.getUint32(SSRC), ip, port: view.getUint16(PORT) }
}

/** Whether length, type and length field are those of a request or a response. */
function isDiscovery(view: DataView, offset: number, length: number, type: number): boolean {
  return length === DISCOVERY_LENGTH && view.getUint16(offset) === type && view.getUint16(offset + 2) === REST
}

function writeHead(bytes: Uint8Array, type: number, ssrc: number): DataView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint16(0, type)
  view.setUint16(2, REST)
  view.setUint32(SSRC, ssrc)
  return view
}
