// A Discord client with a DAVE library that decrypts the video frames of another member, encrypts them again as its own camera's, and
// sends them back.
import type { TestContext } from 'node:test'
import type { DaveLibrary, VoiceCredentials } from '@parley/client'
import { type RtpPacket, VoiceOp } from '@parley/protocol'
import { feedbackAbout, NativeVideoClient, nativeCodecs } from './native-video-client.ts'
import { PAYLOADS, type VideoCodec, vp8Width } from './video-frames.ts'

interface EchoOptions {
  url: string
  /** Without it the call is unencrypted. */
  dave?: DaveLibrary | undefined
  /** Default: VP8. */
  codec?: VideoCodec
  /** The only member whose frames it takes; by default it takes all. */
  of?: string | undefined
  /** Receives the frames in place of the member that sent them. */
  onFrame?: ((frame: Uint8Array) => void) | undefined
  /** Whether it sends frames back; by default, if nothing else receives them. */
  echoes?: boolean
}

/** What was decrypted of one SSRC. */
interface Opened {
  frames: number
  /** Of the last keyframe of VP8. */
  width: number | undefined
}

export class EchoBot {
  frames = 0
  keyframes = 0
  /** Complete frames that could not be decrypted although the keys did not change. */
  unopened = 0
  readonly #client: NativeVideoClient
  readonly #codec: VideoCodec
  readonly #echoes: boolean
  readonly #of: string | undefined
  readonly #onFrame: EchoOptions['onFrame']
  readonly #opened = new Map<number, Opened>()
  /** Packets of the current frame of each SSRC. */
  readonly #packets = new Map<number, RtpPacket[]>()
  /** Sequence of the last packet of a frame, by SSRC. */
  readonly #ends = new Map<number, number>()
  #sequence = 0

  static async join(context: TestContext, who: VoiceCredentials, options: EchoOptions): Promise<EchoBot> {
    const { url, dave, codec = 'VP8' } = options
    return new EchoBot(await NativeVideoClient.join(context, who, { url, dave, codecs: nativeCodecs(codec) }), options)
  }

  private constructor(
    client: NativeVideoClient,
    { codec = 'VP8', of, onFrame, echoes = onFrame === undefined }: EchoOptions,
  ) {
    this.#client = client
    this.#codec = codec
    this.#echoes = echoes
    this.#onFrame = onFrame
    this.#of = of
    if (echoes) client.show()
    // The node sends media only to an address that an authenticated packet has proved.
    client.askKeyframe(client.video)
    client.onPacket = packet => this.#receive(packet)
    // Who watches the echo needs a keyframe of the original.
    client.onFeedback = compound => {
      const isAsked = feedbackAbout([compound], client.video).some(({ kind }) => kind.startsWith('206'))
      if (isAsked) this.askKeyframe()
    }
  }

  get privacyCode(): string | undefined {
    return this.#client.dave?.privacyCode
  }

  /** The SSRCs of a member's layers, the best first. */
  layersOf(userId: string): number[] {
    return this.#client.members.get(userId)?.video?.streams.flatMap(({ ssrc }) => ssrc ?? []) ?? []
  }
  /** Asks for one of these SSRCs (op 15). */
  want(ssrcs: readonly number[], wanted: number): void {
    const wants = ssrcs.map(ssrc => [ssrc, ssrc === wanted ? 100 : 0])
    this.#client.command(VoiceOp.MediaSinkWants, { any: 100, ...Object.fromEntries(wants) })
  }
  /** Asks each member whose video it receives. */
  askKeyframe(): void {
    for (const ssrc of this.#ends.keys()) this.#client.askKeyframe(ssrc)
  }
  opened(ssrc: number): Opened {
    return this.#opened.get(ssrc) ?? { frames: 0, width: undefined }
  }

  #receive(packet: RtpPacket): void {
    const { ssrc, payload, timestamp, marker } = packet
    const member = this.#client.members.bySsrc(ssrc)
    const isRtx = member?.video?.rtxSsrc === ssrc || member?.video?.streams.some(({ rtx_ssrc }) => rtx_ssrc === ssrc)
    if (member === undefined || member.userId !== (this.#of ?? member.userId)) return
    if (ssrc === member.ssrc || isRtx || payload.length === 0) return
    const before = this.#packets.get(ssrc)
    const packets = before?.[0]?.timestamp === timestamp ? before : []
    packets.push(packet)
    this.#packets.set(ssrc, packets)
    if (marker !== true) return
    this.#packets.delete(ssrc)
    this.#frame(member.userId, packets)
  }

  /** A frame whose packets all arrived in order. */
  #frame(userId: string, packets: readonly RtpPacket[]): void {
    const { ssrc, timestamp, sequence: first } = packets[0]!
    const payloads = packets.map(({ payload }) => payload)
    const codec = PAYLOADS[this.#codec]
    const follows = ((this.#ends.get(ssrc) ?? first) + 1) % 0x10000 === first
    this.#ends.set(ssrc, packets.at(-1)!.sequence)
    const isWhole = packets.every(({ sequence }, index) => sequence === (first + index) % 0x10000)
    if (!isWhole || !(follows || codec.begins(payloads[0]!))) return this.#client.askKeyframe(ssrc)
    const { dave } = this.#client
    const opened = this.#open(userId, codec.join(payloads))
    if (opened === undefined) {
      if (dave?.isSettled === true && this.frames > 0) this.unopened++
      return this.#client.askKeyframe(ssrc)
    }
    this.frames++
    const width = vp8Width(opened)
    if (width !== undefined) this.keyframes++
    const before = this.opened(ssrc)
    this.#opened.set(ssrc, { frames: before.frames + 1, width: width ?? before.width })
    this.#onFrame?.(opened)
    if (this.#echoes) this.#send(opened, timestamp, codec.isKeyframe?.(payloads[0]!) ?? false)
  }

  #open(userId: string, frame: Uint8Array): Uint8Array | undefined {
    const { dave } = this.#client
    if (dave === undefined) return frame
    return dave.version === 1 ? dave.open(userId, frame, 'video') : undefined
  }

  #send(frame: Uint8Array, timestamp: number, isKeyframe: boolean): void {
    const sealed = this.#client.dave?.seal(frame, this.#codec)
    if (sealed === undefined) return
    const payloads = PAYLOADS[this.#codec].split(sealed, isKeyframe)
    for (const [index, payload] of payloads.entries()) {
      const marker = index === payloads.length - 1
      this.#client.send(this.#codec, { sequence: this.#sequence++ & 0xffff, timestamp, marker, payload })
    }
  }
}
