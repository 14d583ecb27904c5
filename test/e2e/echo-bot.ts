// A Discord client with a native DAVE library that decrypts the VP8 frames of another member, encrypts them again as its own camera's,
// and sends them back.
import type { TestContext } from 'node:test'
import type { DaveLibrary, VoiceCredentials } from '@parley/client'
import type { RtpPacket } from '@parley/protocol'
import { NativeVideoClient, nativeCodecs } from './native-video-client.ts'

/** Bytes of a frame in one packet. */
const MOST_BYTES = 1_100

export class EchoBot {
  frames = 0
  keyframes = 0
  /** Complete frames that could not be decrypted although the keys did not change. */
  unopened = 0
  readonly #client: NativeVideoClient
  /** Packets of the current frame. */
  #packets: RtpPacket[] = []
  #sequence = 0

  static async join(context: TestContext, who: VoiceCredentials, options: { url: string; dave: DaveLibrary }) {
    const client = await NativeVideoClient.join(context, who, { ...options, codecs: nativeCodecs('VP8') })
    return new EchoBot(client)
  }

  private constructor(client: NativeVideoClient) {
    this.#client = client
    client.show()
    // The node sends media only to an address that an authenticated packet has proved.
    client.askKeyframe(client.video)
    client.onPacket = packet => this.#receive(packet)
  }

  get privacyCode(): string | undefined {
    return this.#client.dave?.privacyCode
  }

  #receive(packet: RtpPacket): void {
    const member = this.#client.members.bySsrc(packet.ssrc)
    if (member?.video?.ssrc !== packet.ssrc || packet.payload.length === 0) return
    const first = this.#packets[0]
    if (first !== undefined && first.timestamp !== packet.timestamp) this.#packets = []
    this.#packets.push(packet)
    if (packet.marker === true) this.#frame(member.userId, packet)
  }

  /** A frame whose packets all arrived in order. */
  #frame(userId: string, { ssrc, timestamp }: RtpPacket): void {
    const packets = this.#packets.splice(0)
    const isWhole = packets.every(({ sequence }, index) => sequence === ((packets[0]!.sequence + index) & 0xffff))
    const parts = packets.map(({ payload }) => payload.subarray(descriptorLength(payload)))
    if (!isWhole || (packets[0]!.payload[0]! & 0x10) === 0) return this.#client.askKeyframe(ssrc)
    const { dave } = this.#client
    const opened = dave?.version === 1 ? dave.open(userId, Uint8Array.from(Buffer.concat(parts)), 'video') : undefined
    if (opened === undefined) {
      if (dave?.isSettled === true && this.frames > 0) this.unopened++
      return this.#client.askKeyframe(ssrc)
    }
    this.frames++
    // The start code of a keyframe (RFC 6386 §9.1).
    if (opened[3] === 0x9d && opened[4] === 0x01 && opened[5] === 0x2a) this.keyframes++
    this.#send(opened, timestamp)
  }

  #send(frame: Uint8Array, timestamp: number): void {
    const sealed = this.#client.dave?.seal(frame, 'VP8')
    if (sealed === undefined) return
    for (let at = 0; at < sealed.length; at += MOST_BYTES) {
      const part = sealed.subarray(at, at + MOST_BYTES)
      // The descriptor of one byte: S for the first packet of the frame (RFC 7741 §4.2).
      const payload = Uint8Array.of(at === 0 ? 0x10 : 0, ...part)
      const marker = at + MOST_BYTES >= sealed.length
      this.#client.send('VP8', { sequence: this.#sequence++ & 0xffff, timestamp, marker, payload })
    }
  }
}

/** Length of a VP8 payload descriptor (RFC 7741 §4.2). */
function descriptorLength(payload: Uint8Array): number {
  if ((payload[0]! & 0x80) === 0) return 1
  const extension = payload[1]!
  const isLong = (payload[2]! & 0x80) !== 0
  const picture = (extension & 0x80) === 0 ? 0 : isLong ? 2 : 1
  return 2 + picture + ((extension & 0x40) === 0 ? 0 : 1) + ((extension & 0x30) === 0 ? 0 : 1)
}
