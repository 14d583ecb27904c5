// A test lane with a WebRTC client that sends video, and the packets that video senders and receivers send.
import type { RtpMappingDescription } from '@parley/core'
import { encodeRtp, type RtpPacket } from '@parley/protocol'
import type { Sent } from '../../packages/core/src/testing/plain-io.ts'
import { hex, PlainLane, ssrcOf, unhex } from '../../packages/core/src/testing/plain-lane.ts'

/** Payload types of VP8 and its RTX at the sender and at the receiver. */
export const SENDER: RtpMappingDescription = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, 97],
  ],
  extensions: { transportSequence: 3 },
}
export const RECEIVER: RtpMappingDescription = {
  payloadTypes: [
    [120, 109],
    [105, 120],
    [106, 124],
  ],
  extensions: {},
}
export const OWN_VIDEO = 0xcafe_0001
export const OWN_RTX = OWN_VIDEO + 1
export const VIDEO = ssrcOf(1) + 1
export const u32 = (value: number) => value.toString(16).padStart(8, '0')

/** A lane on which WebRTC client 1 sends video to client 2; client 3 is connected but not a target. */
export class VideoLane extends PlainLane {
  constructor() {
    super()
    this.connectWebrtcPeer(1, SENDER)
    this.connectWebrtcPeer(2, RECEIVER)
    this.connectWebrtcPeer(3, RECEIVER)
    this.listen(2)
    this.routeVideo(1, OWN_VIDEO)
  }
  send(sequence: number, more: Partial<RtpPacket> = {}) {
    return this.packets(1, video(sequence, more))
  }
  /** Sends a NACK from the receiver for one packet and those after it that are set in `bits`. */
  nack(peer: number, sequence: number, bits = 0) {
    const entry = `${u32(sequence).slice(4)}${bits.toString(16).padStart(4, '0')}`
    return this.packets(peer, unhex(`81cd0003 00000009 ${u32(VIDEO)} ${entry}`))
  }
}

export const video = (sequence: number, more: Partial<RtpPacket> = {}) =>
  encodeRtp({
    payloadType: 96,
    sequence,
    timestamp: sequence * 3_000,
    ssrc: OWN_VIDEO,
    payload: Uint8Array.of(0x10, 2, sequence & 0xff),
    marker: true,
    ...more,
  })
/** An RTX packet as a browser sends it. */
export const again = (rtxSequence: number, sequence: number, more: Partial<RtpPacket> = {}) =>
  video(rtxSequence, {
    payloadType: 97,
    ssrc: OWN_RTX,
    payload: Uint8Array.of(sequence >> 8, sequence & 0xff, 0x10, 2, sequence & 0xff),
    ...more,
  })

/** The bytes of a NACK from the lane to the source for packet `first` and those after it that are set in `bits`. */
export const nackOf = (first: number, bits: number, clientSsrc = OWN_VIDEO) =>
  `81cd000300000001${u32(clientSsrc)}${u32(first).slice(4)}${bits.toString(16).padStart(4, '0')}`
export const sentTo = (peer: number, sent: readonly Sent[]) =>
  sent.filter(each => each.peer === peer).map(({ bytes }) => hex(bytes))
