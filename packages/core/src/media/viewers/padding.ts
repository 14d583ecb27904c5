// Padding for probes: RTX packets without a payload, which receivers drop behind their congestion control (RFC 4588 §4).
//
//   12 header: P X, RTX payload type, RTX sequence, 0, RTX SSRC     4 BEDE, 1 word     id 1, u16 transport sequence, 0     padding
import {
  ONE_BYTE_EXTENSIONS,
  RTP_EXTENSION_BIT,
  RTP_HEADER,
  RTP_PADDING_BIT,
  RTP_SEQUENCE,
  RTP_SSRC,
} from '@parley/protocol'
import { createBatch } from '../../lane/batch.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import type { RtpMapping } from '../streams/rtp-mapping.ts'
import type { PaddedStream } from '../streams/send-streams.ts'

const EXTENSION = RTP_HEADER + 4
const HEADER = EXTENSION + 4
/** The most that the last byte can count. */
const PADDING = 255
/** Bytes of the largest packet of padding, without the tag of its encryption. */
const LARGEST = HEADER + PADDING
/** A packet of about so many bytes that can be sent. */
export const paddingPacket = (bytes: number): number => Math.max(HEADER + 1, Math.min(LARGEST, Math.round(bytes)))

/** Per packet: no allocation. */
export class Padding {
  readonly #io: PacketIo
  readonly #batch = createBatch(1)
  readonly #target = new Int32Array(1)

  constructor(io: PacketIo) {
    this.#io = io
  }

  /** Sends one packet of padding of `length` bytes, as `paddingPacket` returns. */
  send(stream: PaddedStream, length: number, mapping: RtpMapping, transportSequence: number): void {
    const { ssrc, sendStream, rtxType } = stream
    const { bytes, view, lengths } = this.#batch
    bytes.fill(0, 0, length)
    bytes[0] = 0x80 | RTP_PADDING_BIT | RTP_EXTENSION_BIT
    bytes[1] = rtxType
    view.setUint16(RTP_SEQUENCE, sendStream.rtxSequence)
    view.setUint32(RTP_SSRC, ssrc + 1)
    view.setUint16(RTP_HEADER, ONE_BYTE_EXTENSIONS)
    view.setUint16(RTP_HEADER + 2, 1)
    bytes[EXTENSION] = (mapping.stamp << 4) | 1
    view.setUint16(EXTENSION + 1, transportSequence)
    bytes[length - 1] = length - HEADER
    lengths[0] = length
    sendStream.rtxSequence = (sendStream.rtxSequence + 1) & 0xffff
    this.#target[0] = sendStream.receiver.id
    this.#io.forward(this.#batch, 0, this.#target, 1, 0)
  }
}
