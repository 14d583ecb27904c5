// SRTP and SRTCP of one peer: opens with the client's half of the exported keys, seals with the server's half.
//
//   GCM   RTP: header ‖ ciphertext ‖ tag      RTCP: 8 bytes ‖ ciphertext ‖ tag ‖ E, index
//   CM    RTP: header ‖ ciphertext ‖ tag      RTCP: 8 bytes ‖ ciphertext ‖ E, index ‖ tag
import {
  CLEAR_RTCP_LENGTH,
  fillCmRtcpBlock,
  fillCmRtpBlock,
  fillGcmRtcpIv,
  fillGcmRtpIv,
  RTCP_SENDER_SSRC,
  RTP_SEQUENCE,
  RTP_SSRC,
  rtpHeaderLength,
  SRTCP_ENCRYPTED,
  SRTCP_INDEX_LENGTH,
  SRTP_LAYOUTS,
  type SrtpLayout,
  type SrtpProfile,
} from '@parley/protocol'
import { type MakeSrtpCipher, makeSrtpCipher, type SrtpCipher, SrtpKeys } from './srtp-cipher.ts'
import { OpenStreams, RtcpWindows, rolloverOf, SealStreams } from './srtp-streams.ts'

/** Bytes that sealing adds at most. */
export const SRTP_OVERHEAD = 16 + SRTCP_INDEX_LENGTH

const NOTHING = new Uint8Array(0)
const HIGHEST_RTCP_INDEX = 0x7fff_ffff

export class Srtp {
  readonly #layout: SrtpLayout
  readonly #keys: SrtpKeys
  /** Created with the first packet of their kind, like the ciphers: a listener sends none. */
  #opened: OpenStreams | undefined
  #sealed: SealStreams | undefined
  #rtcpOpened: RtcpWindows | undefined
  /** The rollover counter, or the word of RTCP, as it is authenticated. */
  #word = NOTHING
  #rtcpNext = 0

  /** `material` as exported for a DTLS server (RFC 5764 §4.2). */
  constructor(profile: SrtpProfile, material: Uint8Array, makeCipher: MakeSrtpCipher = makeSrtpCipher) {
    this.#layout = SRTP_LAYOUTS[profile]
    this.#keys = new SrtpKeys(this.#layout, material, makeCipher)
  }

  /** Erases the keys. Nothing may be opened or sealed afterwards. */
  close(): void {
    this.#keys.close()
  }

  /** Whether there is no index left for another SSRC, or for RTCP. */
  get isExhausted(): boolean {
    return this.#sealed?.isFull === true || this.#rtcpNext > HIGHEST_RTCP_INDEX
  }

  /** Opens the RTP packet in place. Returns the length of the plain packet; −1 if it is malformed, replayed or did not verify. */
  openRtp(bytes: Uint8Array, view: DataView, start: number, length: number): number {
    const layout = this.#layout
    const plain = length - layout.tagLength
    const clear = rtpHeaderLength(view, start, plain)
    if (clear < 0) return -1
    const ssrc = view.getUint32(start + RTP_SSRC)
    this.#opened ??= new OpenStreams()
    const index = this.#opened.guess(ssrc, view.getUint16(start + RTP_SEQUENCE))
    if (index < 0) return -1
    const cipher = this.#keys.rtpIn
    const extra = this.#prepareRtp(cipher, bytes, start, index)
    if (!cipher.open(bytes, start, clear, plain - clear, extra, start + plain)) return -1
    this.#opened.verified(ssrc, index)
    return plain
  }

  /** The same for RTCP; a replayed packet is refused too. */
  openRtcp(bytes: Uint8Array, view: DataView, start: number, length: number): number {
    const layout = this.#layout
    const plain = length - layout.tagLength - SRTCP_INDEX_LENGTH
    if (plain < CLEAR_RTCP_LENGTH) return -1
    const wordAt = start + (layout.isGcm ? length - SRTCP_INDEX_LENGTH : plain)
    const word = view.getUint32(wordAt)
    const index = word & HIGHEST_RTCP_INDEX
    const ssrc = view.getUint32(start + RTCP_SENDER_SSRC)
    this.#rtcpOpened ??= new RtcpWindows()
    if (word < SRTCP_ENCRYPTED || !this.#rtcpOpened.isFresh(ssrc, index)) return -1
    const cipher = this.#keys.rtcpIn
    this.#prepareRtcp(cipher, bytes, start, index)
    const tag = layout.isGcm ? start + plain : start + length - layout.tagLength
    if (!cipher.open(bytes, start, CLEAR_RTCP_LENGTH, plain - CLEAR_RTCP_LENGTH, this.#word, tag)) return -1
    this.#rtcpOpened.verified(ssrc, index)
    return plain
  }

  /**
   * Seals an RTP packet of `length` bytes: its header of `clear` bytes is at `start`, its payload `clear` bytes behind `plain`, which
   * may be the same place. The result is at `start`, where SRTP_OVERHEAD more bytes must be free. Returns the new length; −1 if
   * the packet is malformed or its index cannot be used.
   */
  sealRtp(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    length: number,
    clear: number = rtpHeaderLength(view, start, length),
    plain: number = start,
  ): number {
    if (clear < 0) return -1
    this.#sealed ??= new SealStreams()
    const index = this.#sealed.take(view.getUint32(start + RTP_SSRC), view.getUint16(start + RTP_SEQUENCE))
    if (index < 0) return -1
    const cipher = this.#keys.rtpOut
    const extra = this.#prepareRtp(cipher, bytes, start, index)
    cipher.seal(bytes, start, clear, plain + clear, length - clear, extra, start + length)
    return length + this.#layout.tagLength
  }

  /** Seals an RTCP compound in place. Returns the new length; −1 if there is no index left. */
  sealRtcp(bytes: Uint8Array, view: DataView, start: number, length: number): number {
    const layout = this.#layout
    if (length < CLEAR_RTCP_LENGTH || this.#rtcpNext > HIGHEST_RTCP_INDEX) return -1
    const cipher = this.#keys.rtcpOut
    this.#prepareRtcp(cipher, bytes, start, this.#rtcpNext)
    const end = start + length
    const tag = layout.isGcm ? end : end + SRTCP_INDEX_LENGTH
    cipher.seal(bytes, start, CLEAR_RTCP_LENGTH, start + CLEAR_RTCP_LENGTH, length - CLEAR_RTCP_LENGTH, this.#word, tag)
    view.setUint32(layout.isGcm ? end + layout.tagLength : end, SRTCP_ENCRYPTED + this.#rtcpNext++)
    return length + layout.tagLength + SRTCP_INDEX_LENGTH
  }

  /** Fills the IV, and returns the additional bytes to authenticate. */
  #prepareRtp(cipher: SrtpCipher, bytes: Uint8Array, start: number, index: number): Uint8Array {
    const rollover = rolloverOf(index)
    if (this.#layout.isGcm) {
      fillGcmRtpIv(cipher.iv, cipher.salt, bytes, start, rollover)
      return NOTHING
    }
    fillCmRtpBlock(cipher.iv, cipher.salt, bytes, start, rollover)
    return this.#setWord(rollover)
  }

  #prepareRtcp(cipher: SrtpCipher, bytes: Uint8Array, start: number, index: number): void {
    if (this.#layout.isGcm) fillGcmRtcpIv(cipher.iv, cipher.salt, bytes, start, index)
    else fillCmRtcpBlock(cipher.iv, cipher.salt, bytes, start, index)
    this.#setWord(SRTCP_ENCRYPTED + index)
  }

  /** Per packet: allocates only for the first. */
  #setWord(value: number): Uint8Array {
    if (this.#word === NOTHING) this.#word = new Uint8Array(4)
    const word = this.#word
    word[0] = value >>> 24
    word[1] = value >>> 16
    word[2] = value >>> 8
    word[3] = value
    return word
  }
}
