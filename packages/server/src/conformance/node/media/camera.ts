// A member with a camera, message by message: it sends the packets that a case passes, and records what it receives.

import { setTimeout as pause } from 'node:timers/promises'
import { PacketProtection } from '@parley/client'
import {
  type Codec,
  classifyDatagram,
  DatagramKind,
  decodeRtp,
  encodeRtp,
  type RtpPacket,
  type VoiceMode,
  VoiceOp,
} from '@parley/protocol'
import { applies, expect } from '../../checked-case.ts'
import type { NodeUnderTest, VoiceAccess } from '../node-under-test.ts'
import { UdpProbe, VoiceProbe } from '../voice-probe.ts'

const WAIT = 8_000
const PAUSE = 20
/** Datagrams that are kept; a node that floods must not exhaust memory. */
const MOST = 10_000
/** Payload-specific feedback, and its format for a lost picture (RFC 4585 §6.3.1) and for a full intra request (RFC 5104 §4.3.1). */
const PAYLOAD_FEEDBACK = 206
const PICTURE_LOSS = 1
const FULL_INTRA = 4
/** A whole VP8 frame in one packet: the payload descriptor, the first byte of a keyframe, and its start code. */
const KEYFRAME = [0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a]

interface Stream {
  ssrc: number
  rtx_ssrc: number
}

/** VP8 with the numbers of this member. */
export const vp8 = (payload_type: number): Codec => ({
  name: 'VP8',
  type: 'video',
  priority: 1_000,
  payload_type,
  rtx_payload_type: payload_type + 1,
})

export class Camera {
  readonly voice: VoiceProbe
  readonly ssrc: number
  readonly stream: Stream
  readonly codec: Codec
  /** Video packets of other members, opened. */
  readonly packets: RtpPacket[] = []
  /** Keyframe requests that arrived: the SSRCs that they name. */
  readonly requested: number[] = []
  readonly #udp: UdpProbe
  readonly #protection: PacketProtection
  #sequence = 0

  /** Rejects with a `CaseSkipped` if the node assigns no SSRCs for video. */
  static async join(node: NodeUnderTest, access: VoiceAccess, codec: Codec): Promise<Camera> {
    const voice = node.opened(await VoiceProbe.open(node.target, access))
    await voice.hello()
    voice.identify({ video: true, streams: [{ type: 'video', rid: '100', quality: 100 }] })
    const ready = await voice.ready()
    const [stream] = ready.streams ?? []
    applies(stream !== undefined, 'Ready has no streams for an offered one: the node does not forward video')
    const { ssrc, modes, ...address } = ready
    const udp = node.opened(await UdpProbe.open(address))
    const mode = modes[0] as VoiceMode
    const { d } = await voice.select(mode, await udp.discover(ssrc), [codec])
    const protection = new PacketProtection(mode, Uint8Array.from(d.secret_key as number[]))
    return new Camera(voice, udp, protection, { ssrc, stream, codec })
  }

  private constructor(
    voice: VoiceProbe,
    udp: UdpProbe,
    protection: PacketProtection,
    { ssrc, stream, codec }: { ssrc: number; stream: Stream; codec: Codec },
  ) {
    this.voice = voice
    this.#udp = udp
    this.#protection = protection
    this.ssrc = ssrc
    this.stream = stream
    this.codec = codec
    udp.received = datagram => this.#receive(datagram)
  }

  get userId(): string {
    return this.voice.access.userId
  }

  /** Turns the camera on or off (op 12). */
  show(isOn = true): void {
    const { ssrc, rtx_ssrc } = this.stream
    const streams = isOn ? [{ type: 'video', rid: '100', quality: 100, active: true, ssrc, rtx_ssrc }] : []
    const [video_ssrc, rtx] = isOn ? [ssrc, rtx_ssrc] : [0, 0]
    this.voice.send(VoiceOp.Video, { audio_ssrc: this.ssrc, video_ssrc, rtx_ssrc: rtx, streams })
  }

  /** Op 12 of another member's camera that is on or off. */
  async sees(other: Camera, isOn = true): Promise<Record<string, unknown>> {
    const wanted = isOn ? other.stream.ssrc : 0
    const what = `Video (op 12) of user ${other.userId} with video_ssrc ${wanted}`
    const fits = (d: Record<string, unknown>) => d.user_id === other.userId && d.video_ssrc === wanted
    return (await this.voice.socket.take(what, ({ op, d }) => op === VoiceOp.Video && fits(d))).d
  }

  /** Sends keyframes until the viewer has one of them. Resolves with its packet. Rejects with a `CaseFailure`. */
  async reaches(viewer: Camera): Promise<RtpPacket> {
    const arrived = () => viewer.packets.find(({ ssrc }) => ssrc === this.stream.ssrc)
    // The node sends media only to an address that an authenticated packet has proved.
    const proves = () => viewer.requestKeyframe(this)
    await this.sendsUntil(() => arrived() !== undefined, 'no video packet reached the viewer', proves)
    return arrived()!
  }

  /** Sends keyframes, each after `before`, until the condition holds. Rejects with a `CaseFailure` of that sentence. */
  async sendsUntil(holds: () => boolean, sentence: string, before = () => {}): Promise<void> {
    const end = performance.now() + WAIT
    while (!holds()) {
      expect(performance.now() < end, `${sentence} within ${WAIT / 1_000} s`)
      before()
      this.sendKeyframe()
      await pause(PAUSE)
    }
  }

  /** One packet with a whole keyframe. */
  sendKeyframe(ssrc: number = this.stream.ssrc): void {
    const sequence = this.#sequence++
    const payload = Uint8Array.from([...KEYFRAME, sequence & 0xff])
    const payloadType = this.codec.payload_type
    this.#send('rtp', encodeRtp({ ssrc, payloadType, sequence, timestamp: sequence * 3_000, marker: true, payload }))
  }

  /** A picture loss indication about the other member's video. */
  requestKeyframe(other: Camera): void {
    const bytes = new Uint8Array(12)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, 0x8000_0002 | (PICTURE_LOSS << 24) | (PAYLOAD_FEEDBACK << 16))
    view.setUint32(4, this.ssrc)
    view.setUint32(8, other.stream.ssrc)
    this.#send('rtcp', bytes)
  }

  #send(kind: 'rtp' | 'rtcp', plain: Uint8Array): void {
    const sealed = this.#protection.seal(kind, plain)
    if (sealed !== undefined) this.#udp.send(sealed)
  }

  #receive(datagram: Uint8Array): void {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    const kind = classifyDatagram(view, 0, datagram.length)
    if (kind === DatagramKind.Rtp) {
      const plain = this.#protection.open('rtp', datagram)
      const packet = plain && decodeRtp(plain)
      if (packet !== undefined && this.packets.length < MOST) this.packets.push(packet)
    } else if (kind === DatagramKind.Rtcp) {
      const plain = this.#protection.open('rtcp', datagram)
      if (plain !== undefined && this.requested.length < MOST) this.requested.push(...keyframeRequests(plain))
    }
  }
}

/** The SSRCs of the keyframe requests of a compound packet. */
function keyframeRequests(compound: Uint8Array): number[] {
  const view = new DataView(compound.buffer, compound.byteOffset, compound.byteLength)
  const found: number[] = []
  for (let at = 0; at + 12 <= compound.length; at += 4 * (view.getUint16(at + 2) + 1)) {
    const format = view.getUint8(at) & 31
    if (view.getUint8(at + 1) !== PAYLOAD_FEEDBACK) continue
    if (format === PICTURE_LOSS) found.push(view.getUint32(at + 8))
    else if (format === FULL_INTRA && at + 16 <= compound.length) found.push(view.getUint32(at + 12))
  }
  return found
}
