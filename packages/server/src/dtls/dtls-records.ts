// DTLS records (RFC 6347 §4.1): where they end, and how they are packed into datagrams.

/** type(1) version(2) epoch(2) sequence(6) length(2) */
export const RECORD_HEADER = 13
/** Offsets in it. */
export const RECORD_EPOCH = 3
export const RECORD_LENGTH = 11

/** The record that begins at `start` ends before this offset, if the bytes contain its header; it may be beyond them. */
export const recordEnd = (view: DataView, start: number): number =>
  start + RECORD_HEADER + view.getUint16(start + RECORD_LENGTH)

/** Datagrams of at most `mtu` bytes, of as many whole records as fit, never a part of one; a longer record is sent alone. An incomplete record at the end is dropped. */
export function packRecords(bytes: Uint8Array, mtu: number): Uint8Array[] {
  const datagrams: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = 0
  let end = 0
  while (end + RECORD_HEADER <= bytes.length) {
    const next = recordEnd(view, end)
    if (next > bytes.length) break
    if (next - start > mtu && end > start) {
      datagrams.push(bytes.slice(start, end))
      start = end
    }
    end = next
  }
  if (end > start) datagrams.push(bytes.slice(start, end))
  return datagrams
}
