// Bounds what OpenSSL stores of a handshake in progress: up to 100 records that arrived before the keys which open them, each in a
// buffer of 17 kB. A client sends one, its Finished, again with each retransmission, and mostly in one datagram behind what gives the keys.
import { SERVER_LIMITS } from '../limits.ts'
import { RECORD_EPOCH, RECORD_HEADER, recordEnd } from './dtls-records.ts'

/** Of one handshake. */
export class EarlyRecords {
  #left: number = SERVER_LIMITS.earlyDtlsRecords

  /** Returns how many bytes of the datagram OpenSSL may read: up to the first record of a later epoch above the limit. */
  admit(datagram: Uint8Array): number {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    for (let start = 0; start + RECORD_HEADER <= datagram.length; start = recordEnd(view, start))
      if (view.getUint16(start + RECORD_EPOCH) !== 0 && this.#left-- <= 0) return start
    return datagram.length
  }
}
