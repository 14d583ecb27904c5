// Packs consecutive DTLS records into datagrams (RFC 6347 §4.1): as many whole records as fit, never a part of one.

/** type(1) version(2) epoch(2) sequence(6) length(2) */
const RECORD_HEADER = 13
const LENGTH = 11

/** Datagrams of at most `mtu` bytes; a longer record is sent alone. An incomplete record at the end is dropped. */
export function packRecords(bytes: Uint8Array, mtu: number): Uint8Array[] {
  const datagrams: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let start = 0
  let end = 0
  while (end + RECORD_HEADER <= bytes.length) {
    const next = end + RECORD_HEADER + view.getUint16(end + LENGTH)
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
