// What a trace shows of a datagram: its type, and the RTP header once it is open.
import { classifyDatagram, DatagramKind, decodeRtp } from '@parley/protocol'
import type { DatagramRecord, DatagramType, RtpFields, Side } from '../trace/trace-record.ts'
import type { Carriage } from './faulty-path.ts'
import { isSilence } from './media-faults.ts'
import type { MediaKey } from './media-key.ts'

/** DAVE frames end with this marker. */
const DAVE_MARKER = 0xfa

const TYPES: Partial<Record<number, DatagramType>> = {
  [DatagramKind.Discovery]: 'discovery',
  [DatagramKind.Ping]: 'ping',
  [DatagramKind.Rtcp]: 'rtcp',
  [DatagramKind.Rtp]: 'rtp',
  [DatagramKind.Keepalive]: 'keepalive',
}

/** A response of IP discovery begins with 00 02; the node's classification knows requests only. */
const isDiscoveryResponse = (bytes: Uint8Array) => bytes.length === 74 && bytes[0] === 0 && bytes[1] === 2
const isPingResponse = (bytes: Uint8Array) => bytes.length === 8 && bytes[0] === 0x13 && bytes[1] === 0x37

export function typeOf(bytes: Uint8Array): DatagramType {
  if (isDiscoveryResponse(bytes)) return 'discovery'
  if (isPingResponse(bytes)) return 'ping'
  return TYPES[classifyDatagram(new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length)] ?? 'unknown'
}

/**
 * `plain` is what the datagram is without transport encryption; undefined for one that has none or did not open. `key`
 * is undefined before Session Description.
 */
export function datagramRecord(
  from: Side,
  raw: Uint8Array,
  plain: Uint8Array | undefined,
  key: MediaKey | undefined,
  { fate, by }: Carriage,
): DatagramRecord {
  const type = typeOf(raw)
  const record: DatagramRecord = { kind: 'datagram', from, type, length: raw.length, fate, by, raw }
  if (type !== 'rtp' && type !== 'rtcp') return record
  const nonce = key?.nonceOf(raw)
  if (nonce !== undefined) record.nonce = nonce
  if (plain === undefined) record.error = key === undefined ? 'no key yet' : 'does not open with the session’s key'
  else record.plain = plain
  if (type === 'rtp' && plain !== undefined) record.rtp = rtpFields(plain)
  return record
}

function rtpFields(plain: Uint8Array): RtpFields | undefined {
  const packet = decodeRtp(plain)
  if (packet === undefined) return undefined
  const { ssrc, sequence, timestamp, payloadType, marker = false, payload } = packet
  const end = payload.length
  const isDave = end > 2 && payload[end - 1] === DAVE_MARKER && payload[end - 2] === DAVE_MARKER
  return { ssrc, sequence, timestamp, payloadType, marker, payload: end, isSilence: isSilence(payload), isDave }
}
