// Payloads with a stamp: the codec's first byte, sending time, SSRC, counter, and a checksum over all bytes.
//
//   0  u8 first      1  u32 µs of the clock   5  u32 ssrc   9  u32 counter   13  filler   last 4: checksum of all before
const CLOCK = 1
const SSRC = 5
const COUNTER = 9
const FILLER = 13
const CHECKSUM = 4
/** CELT, fullband, 20 ms, mono, one frame (RFC 6716 §3.1). */
export const OPUS_TOC = 0xf8
export const SHORTEST_PAYLOAD = FILLER + CHECKSUM

export interface Stamp {
  /** Microseconds, modulo CLOCK_CYCLE. */
  sentAt: number
  ssrc: number
  counter: number
}

/** Microseconds after which the clock of stamps wraps: a little more than an hour. */
export const CLOCK_CYCLE = 4_096e6

/** Writes `length` bytes at `place`; `first` is what the codec begins its payload with. Per packet: no allocation. */
export function writeStamp(
  view: DataView,
  place: number,
  length: number,
  first: number,
  sentAt: number,
  ssrc: number,
  counter: number,
) {
  view.setUint8(place, first)
  view.setUint32(place + CLOCK, sentAt)
  view.setUint32(place + SSRC, ssrc)
  view.setUint32(place + COUNTER, counter)
  for (let index = FILLER; index < length - CHECKSUM; index++) view.setUint8(place + index, (counter + index) & 0xff)
  view.setUint32(place + length - CHECKSUM, checksum(view, place, length - CHECKSUM))
}

/** Returns undefined if the payload differs from what was written. */
export function readStamp(payload: Uint8Array): Stamp | undefined {
  if (payload.length < SHORTEST_PAYLOAD) return undefined
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const end = payload.length - CHECKSUM
  if (view.getUint32(end) !== checksum(view, 0, end)) return undefined
  return { sentAt: view.getUint32(CLOCK), ssrc: view.getUint32(SSRC), counter: view.getUint32(COUNTER) }
}

/** FNV-1a. */
function checksum(view: DataView, place: number, length: number): number {
  let sum = 0x811c_9dc5
  for (let index = 0; index < length; index++) sum = Math.imul(sum ^ view.getUint8(place + index), 0x0100_0193)
  return sum >>> 0
}
