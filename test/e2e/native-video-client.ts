// A Discord client with a camera, on real sockets: sends the video packets that a test passes, and records what it receives.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import {
  type ClientDave,
  type DaveLibrary,
  PacketProtection,
  SessionLoop,
  VoiceClientSession,
  type VoiceCredentials,
  type VoiceOutput,
} from '@parley/client'
import {
  type Codec,
  classifyDatagram,
  DatagramKind,
  decodeDiscoveryResponse,
  decodeRtp,
  encodeDiscoveryRequest,
  encodeRtp,
  type RtpPacket,
  type VoiceMode,
  VoiceOp,
} from '@parley/protocol'
import WebSocket from 'ws'
import { until } from './until.ts'

export interface NativeOptions {
  url: string
  /** In order of preference. */
  codecs: readonly Codec[]
  mode?: VoiceMode
  /** For end-to-end encryption. */
  dave?: DaveLibrary | undefined
}

/** Codecs in order of preference, with payload types from 101, as Discord clients number them. */
export const nativeCodecs = (...names: string[]): Codec[] =>
  names.map((name, index) => {
    const payload_type = 101 + 2 * index
    return { name, type: 'video', priority: (index + 1) * 1_000, payload_type, rtx_payload_type: payload_type + 1 }
  })

export class NativeVideoClient {
  readonly userId: string
  /** Opened RTP packets, in order of arrival. */
  readonly packets: RtpPacket[] = []
  readonly feedback: Uint8Array[] = []
  readonly outputs: VoiceOutput[] = []
  onPacket: (packet: RtpPacket) => void = packet => this.packets.push(packet)
  onFeedback: (compound: Uint8Array) => void = compound => this.feedback.push(compound)
  ssrc = 0
  readonly #options: NativeOptions
  readonly #session: VoiceClientSession
  readonly #loop: SessionLoop<VoiceOutput>
  readonly #udp: Socket = createSocket('udp4')
  #ws: WebSocket | undefined
  #protection: PacketProtection | undefined
  /** Responses to discovery requests. */
  #answers = 0

  /** Resolves when the client has its key. */
  static async join(context: TestContext, who: VoiceCredentials, options: NativeOptions): Promise<NativeVideoClient> {
    const client = new NativeVideoClient(who, options)
    context.after(() => client.#close())
    client.#loop.feed(now => client.#session.start(now))
    await until(`${who.userId}’s key`, () => client.#protection !== undefined)
    return client
  }

  private constructor(who: VoiceCredentials, options: NativeOptions) {
    this.userId = who.userId
    this.#options = options
    this.#session = new VoiceClientSession({ ...who, video: true, dave: options.dave })
    this.#loop = new SessionLoop(this.#session, output => this.#apply(output))
    this.#udp.on('message', datagram => this.#receive(datagram))
  }

  /** The SSRC of its camera: the one after the audio SSRC of Ready. */
  get video(): number {
    return this.ssrc + 1
  }
  /** Seals and opens frames. */
  get dave(): ClientDave | undefined {
    return this.#session.dave
  }
  get members(): VoiceClientSession['members'] {
    return this.#session.members
  }
  /** The latest want (op 15) that the node sent for its camera. */
  get wanted(): number | undefined {
    const last = this.outputs.filter(output => output.kind === 'wants').at(-1)
    return last && (last.wants.get(this.video) ?? last.any)
  }

  show(isOn = true): void {
    const [ssrc, rtx_ssrc] = [this.video, this.video + 1]
    const streams = isOn ? [{ type: 'video', rid: '100', quality: 100, active: true, ssrc, rtx_ssrc }] : []
    this.command(VoiceOp.Video, {
      audio_ssrc: this.ssrc,
      video_ssrc: isOn ? ssrc : 0,
      rtx_ssrc: isOn ? rtx_ssrc : 0,
      streams,
    })
  }

  command(op: number, data: unknown): void {
    this.#session.command(op, data)
    this.#loop.pump()
  }

  /** With the type that it gave the codec. */
  send(codec: string, packet: Omit<RtpPacket, 'ssrc' | 'payloadType'>): void {
    this.#seal('rtp', encodeRtp({ ...packet, ssrc: this.video, payloadType: this.#codec(codec).payload_type }))
  }

  /** Sends a retransmission (RFC 4588 §4). */
  sendAgain(codec: string, sequence: number, { payload, ...packet }: Omit<RtpPacket, 'ssrc' | 'payloadType'>): void {
    const original = Uint8Array.of(packet.sequence >> 8, packet.sequence & 0xff, ...payload)
    const payloadType = this.#codec(codec).rtx_payload_type ?? 0
    this.#seal('rtp', encodeRtp({ ...packet, sequence, payload: original, ssrc: this.video + 1, payloadType }))
  }

  /** Sends a picture loss indication (RFC 4585 §6.3.1). */
  askKeyframe(ssrc: number): void {
    this.#sendFeedback(206, ssrc, [])
  }

  /** Sends a generic NACK for one packet (RFC 4585 §6.2.1). */
  askAgain(ssrc: number, sequence: number): void {
    this.#sendFeedback(205, ssrc, [sequence << 16])
  }

  /** Resolves when the lane has read all datagrams that were sent before. */
  async settled(): Promise<void> {
    const before = this.#answers
    this.#udp.send(encodeDiscoveryRequest(this.ssrc))
    await until('an answer of the lane', () => this.#answers > before)
  }

  #sendFeedback(type: number, ssrc: number, more: readonly number[]): void {
    const words = [0x8100_0000 | (type << 16) | (2 + more.length), this.ssrc, ssrc, ...more]
    const view = new DataView(new ArrayBuffer(words.length * 4))
    for (const [index, word] of words.entries()) view.setUint32(index * 4, word)
    this.#seal('rtcp', new Uint8Array(view.buffer))
  }

  #codec(name: string): Codec {
    const codec = this.#options.codecs.find(codec => codec.name === name)
    if (codec === undefined) throw new Error(`${this.userId} did not list ${name}`)
    return codec
  }

  #seal(kind: 'rtp' | 'rtcp', plain: Uint8Array): void {
    const sealed = this.#protection?.seal(kind, plain)
    if (sealed !== undefined) this.#udp.send(sealed)
  }

  #apply(output: VoiceOutput): void {
    this.outputs.push(output)
    if (output.kind === 'connect') this.#connect(`${this.#options.url}?v=${output.version}`)
    else if (output.kind === 'send') this.#ws?.send(output.data)
    else if (output.kind === 'ready') void this.#open(output.ready)
    else if (output.kind === 'description' && output.description.protocol === 'udp')
      this.#protection = new PacketProtection(output.description.mode as VoiceMode, output.description.key)
  }

  #connect(url: string): void {
    const ws = new WebSocket(url)
    this.#ws = ws
    ws.on('open', () => this.#loop.feed(now => this.#session.connectionOpened(now)))
    ws.on('message', (data, isBinary) =>
      this.#loop.feed(now => this.#session.messageReceived(isBinary ? (data as Buffer) : String(data), now)),
    )
    // The close event that follows reports it.
    ws.on('error', () => {})
    ws.on('close', (code, reason) => this.#loop.feed(now => this.#session.connectionClosed(code, `${reason}`, now)))
  }

  async #open({ ssrc, ip, port, modes }: (VoiceOutput & { kind: 'ready' })['ready']): Promise<void> {
    this.ssrc = ssrc
    this.#udp.connect(port, ip)
    await once(this.#udp, 'connect')
    this.#udp.send(encodeDiscoveryRequest(ssrc))
    const [response] = (await once(this.#udp, 'message')) as [Buffer]
    const found = decodeDiscoveryResponse(response)
    if (found === undefined) throw new Error('expected a discovery response')
    const { mode = modes[0]!, codecs } = this.#options
    this.#session.select({ protocol: 'udp', address: found.ip, port: found.port, mode, codecs })
    this.#loop.pump()
  }

  #receive(datagram: Buffer): void {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    const kind = classifyDatagram(view, 0, datagram.length)
    if (decodeDiscoveryResponse(datagram) !== undefined) this.#answers++
    if (kind === DatagramKind.Rtp) {
      const plain = this.#protection?.open('rtp', datagram)
      const packet = plain && decodeRtp(plain)
      if (packet !== undefined) this.onPacket(packet)
    } else if (kind === DatagramKind.Rtcp) {
      const plain = this.#protection?.open('rtcp', datagram)
      if (plain !== undefined) this.onFeedback(plain)
    }
  }

  #close(): void {
    this.#session.close()
    this.#loop.pump()
    this.#ws?.terminate()
    this.#udp.close()
  }
}

/** The feedback for one SSRC: RTCP type and format, such as `206/1` for a picture loss, and the words that follow. */
export function feedbackAbout(compounds: readonly Uint8Array[], ssrc: number): { kind: string; words: number[] }[] {
  return compounds.flatMap(compound => {
    const view = new DataView(compound.buffer, compound.byteOffset, compound.byteLength)
    const found: { kind: string; words: number[] }[] = []
    for (let at = 0; at < compound.length; at += 4 * (view.getUint16(at + 2) + 1)) {
      const type = view.getUint8(at + 1)
      if ((type !== 205 && type !== 206) || view.getUint32(at + 8) !== ssrc) continue
      const words = Array.from({ length: view.getUint16(at + 2) - 2 }, (_, index) =>
        view.getUint32(at + 12 + 4 * index),
      )
      found.push({ kind: `${type}/${view.getUint8(at) & 31}`, words })
    }
    return found
  })
}
