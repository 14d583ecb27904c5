// Hot: removes from a plain RTP packet what receivers do not get: padding, CSRCs, the marker of audio.
import {
  OPUS_PAYLOAD_TYPE,
  OPUS_SILENCE,
  RTP_CSRC_COUNT,
  RTP_HEADER,
  RTP_MARKER_BIT,
  RTP_PADDING_BIT,
  RTP_PAYLOAD_TYPE,
  rtpHeaderLength,
  rtpPaddingLength,
} from '@parley/protocol'
import { type Batch, SLOT } from '../../lane/batch.ts'

/** Removes padding and CSRCs of the packet in `slot`. Returns the length of its header; −1 if it is malformed. */
export function trimPacket(batch: Batch, slot: number): number {
  const { bytes, view, lengths } = batch
  const offset = slot * SLOT
  const length = lengths[slot]!
  const header = rtpHeaderLength(view, offset, length)
  if (header < 0) return -1
  const padding = rtpPaddingLength(view, offset, length, header)
  if (padding < 0) return -1
  const csrcs = (bytes[offset]! & RTP_CSRC_COUNT) * 4
  if (csrcs > 0) bytes.copyWithin(offset + RTP_HEADER, offset + RTP_HEADER + csrcs, offset + length - padding)
  bytes[offset] = bytes[offset]! & ~(RTP_PADDING_BIT | RTP_CSRC_COUNT)
  lengths[slot] = length - padding - csrcs
  return header - csrcs
}

/**
 * Clears the marker, because JDA and disgo drop packets that have it. Returns false for packets that are not forwarded: payload
 * types other than Opus, and packets without payload, which some libraries misread when there is an extension.
 */
export function prepareAudio(batch: Batch, slot: number, header: number): boolean {
  const second = slot * SLOT + 1
  if ((batch.bytes[second]! & RTP_PAYLOAD_TYPE) !== OPUS_PAYLOAD_TYPE) return false
  batch.bytes[second] = batch.bytes[second]! & ~RTP_MARKER_BIT
  return batch.lengths[slot]! > header
}

/** Replaces the payload behind the header by Opus silence. */
export function silencePacket(batch: Batch, slot: number, header: number): void {
  const payload = slot * SLOT + header
  for (let index = 0; index < OPUS_SILENCE.length; index++) batch.bytes[payload + index] = OPUS_SILENCE[index]!
  batch.lengths[slot] = header + OPUS_SILENCE.length
}
