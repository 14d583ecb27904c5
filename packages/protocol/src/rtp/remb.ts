// Reads the receiver's estimate of its bandwidth (draft-alvestrand-rmcat-remb-03 §2.2).
//
//   0  V=2 P 15     1  206     2  u16 words − 1     4  u32 sender ssrc     8  u32 0     12  "REMB"
//  16  u8 count     17  u6 exponent, u18 mantissa     20  count × u32 ssrc
import { RTCP_COUNT, RtcpType } from './rtcp.ts'

const APPLICATION_LAYER = 15
const IDENTIFIER = 12
const EXPONENT = 17
const SSRCS = 20
/** "REMB" in ASCII. */
const REMB = 0x52454d42

/** Bits per second that the receiver estimates for all streams to it; −1 if the packet is not a REMB. Per packet: no allocation. */
export function readRemb(view: DataView, offset: number, length: number): number {
  if (length < SSRCS || view.getUint8(offset + 1) !== RtcpType.PayloadFeedback) return -1
  if ((view.getUint8(offset) & RTCP_COUNT) !== APPLICATION_LAYER || view.getUint32(offset + IDENTIFIER) !== REMB)
    return -1
  const word = view.getUint32(offset + EXPONENT - 1) & 0xff_ffff
  return (word & 0x3_ffff) * 2 ** (word >>> 18)
}
