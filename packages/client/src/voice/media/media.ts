// The media of a voice client: one UDP socket, one key, sent and received packets.
import { randomInt } from 'node:crypto'
import {
  classifyDatagram,
  DatagramKind,
  type Discovered,
  decodeRtcp,
  decodeRtp,
  encodeReceiverReport,
  MAX_REPORT_BLOCKS,
  OPUS_PAYLOAD_TYPE,
  PROTECTION_LAYOUTS,
  type ReportBlock,
  type VoiceMode,
} from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import type { VoiceReady } from '../session/voice-outputs.ts'
import { AudioSender } from './audio-sender.ts'
import { PacketProtection } from './packet.ts'
import { ReceiveStats, type SourceReport } from './receive-stats.ts'
import { VoiceUdp } from './udp.ts'

/** A received Opus frame. */
export interface ReceivedFrame {
  ssrc: number
  /** RTP sequence number, 16 bits. */
  sequence: number
  /** RTP timestamp at 48 kHz, 32 bits. */
  timestamp: number
  /** As its sender sent it, and never empty. It may be no Opus packet: `opusSamples` tells. */
  payload: Uint8Array
}

/** Statistics of a session's media. */
export interface MediaReport {
  /** RTP packets sent, and their bytes after sealing. */
  sent: { packets: number; bytes: number }
  /** By SSRC. */
  received: readonly SourceReport[]
  /** Datagrams that did not authenticate, or were malformed. */
  undecodable: number
  /** Duplicate packets. */
  replayed: number
  /** The node's latest receiver report about our audio; absent before the first. */
  reported?: ReportBlock | undefined
}

/**
 * From Ready to the end of the connection: `open`, then `protect` with mode and key of Session Description, then frames
 * both ways. A new Ready means a new `VoiceMedia`; another key for the same SSRC only another `protect`.
 */
export class VoiceMedia {
  readonly #ready: VoiceReady
  readonly #received: (frame: ReceivedFrame) => void
  readonly #sender: AudioSender
  /** By SSRC of the sender. Bounded, because the node decides which SSRCs arrive. */
  readonly #sources = new Map<number, ReceiveStats>()
  #udp: VoiceUdp | undefined
  #protection: PacketProtection | undefined
  #sent = { packets: 0, bytes: 0 }
  #undecodable = 0
  #replayed = 0
  #reported: ReportBlock | undefined
  #isClosed = false

  constructor(ready: VoiceReady, received: (frame: ReceivedFrame) => void) {
    this.#ready = ready
    this.#received = received
    this.#sender = new AudioSender(ready.ssrc, randomInt(2 ** 32))
  }

  /** Opens the socket and discovers our address. Rejects with an Error if the node does not answer. */
  async open(): Promise<Discovered> {
    const { ip, port } = this.#ready
    const udp = await VoiceUdp.open(
      ip,
      port,
      datagram => this.#receive(datagram),
      () => this.sendReport(),
    )
    if (this.#isClosed) {
      udp.close()
      throw new Error('the socket was closed')
    }
    this.#udp = udp
    const found = await udp.discover(this.#ready.ssrc)
    udp.ping()
    return found
  }

  /**
   * Mode and key of Session Description: packets can be sent and opened from now on. The report tells the node our
   * address.
   */
  protect(mode: VoiceMode, key: Uint8Array): void {
    this.#protection = new PacketProtection(mode, key)
    this.sendReport()
  }

  /**
   * Sends a receiver report, with every ping too. It authenticates our address: a client that only listens sends nothing else that
   * proves to the node where it is, and its NAT may assign another port at any time. Where the header is the nonce, none is sent:
   * all reports begin with the same bytes.
   */
  sendReport(): void {
    const protection = this.#protection
    if (protection === undefined || PROTECTION_LAYOUTS[protection.mode].nonceSource === 'header') return
    const active = [...this.#sources.values()].filter(source => source.isActive).slice(0, MAX_REPORT_BLOCKS)
    const report = encodeReceiverReport(
      this.#ready.ssrc,
      active.map(source => source.takeBlock()),
    )
    const sealed = protection.seal('rtcp', report)
    if (sealed !== undefined) this.#udp?.send(sealed)
  }

  /** SSRC of our audio, from Ready. */
  get ssrc(): number {
    return this.#ready.ssrc
  }
  /** Undefined before `protect`, and after `close`. */
  get mode(): VoiceMode | undefined {
    return this.#protection?.mode
  }
  /** Milliseconds of the latest UDP ping; undefined before the first answer. */
  get roundTrip(): number | undefined {
    return this.#udp?.roundTrip
  }
  get report(): MediaReport {
    return {
      sent: { ...this.#sent },
      received: Array.from(this.#sources.values(), source => source.report),
      undecodable: this.#undecodable,
      replayed: this.#replayed,
      reported: this.#reported,
    }
  }

  /** Returns false if the frame was not sent: without a key, or after its nonces are exhausted. */
  send(frame: Uint8Array, samples: number): boolean {
    if (this.#protection === undefined) return false
    return this.#sendPacket(this.#sender.packet(frame, samples, performance.now()))
  }

  /** Sends the frames of silence that end a talkspurt. */
  sendSilence(): void {
    if (this.#protection === undefined) return
    for (const packet of this.#sender.end(performance.now())) this.#sendPacket(packet)
  }

  close(): void {
    this.#isClosed = true
    this.#protection = undefined
    this.#udp?.close()
  }

  #sendPacket(plain: Uint8Array): boolean {
    const sealed = this.#protection?.seal('rtp', plain)
    if (sealed === undefined) return false
    this.#udp?.send(sealed)
    this.#sent.packets++
    this.#sent.bytes += sealed.length
    return true
  }

  #receive(datagram: Uint8Array): void {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    const kind = classifyDatagram(view, 0, datagram.length)
    if (kind === DatagramKind.Rtp) this.#receiveRtp(datagram)
    else if (kind === DatagramKind.Rtcp) this.#receiveRtcp(datagram)
  }

  #receiveRtp(datagram: Uint8Array): void {
    const plain = this.#protection?.open('rtp', datagram)
    const packet = plain === undefined ? undefined : decodeRtp(plain)
    if (packet === undefined) this.#undecodable++
    else if (packet.payloadType === OPUS_PAYLOAD_TYPE) this.#receiveFrame(packet)
  }

  /** A packet without a payload counts as received, and is no frame. */
  #receiveFrame({ ssrc, sequence, timestamp, payload }: ReceivedFrame): void {
    if (!this.#source(ssrc).receive(sequence, timestamp, performance.now())) this.#replayed++
    else if (payload.length > 0) this.#received({ ssrc, sequence, timestamp, payload })
  }

  /** The statistics of an SSRC, created at its first packet. At the bound the oldest source is dropped. */
  #source(ssrc: number): ReceiveStats {
    const known = this.#sources.get(ssrc)
    if (known !== undefined) return known
    const [oldest] = this.#sources.keys()
    if (this.#sources.size >= LIMITS.sources && oldest !== undefined) this.#sources.delete(oldest)
    const source = new ReceiveStats(ssrc)
    this.#sources.set(ssrc, source)
    return source
  }

  /** Only receiver report blocks about our audio are used. */
  #receiveRtcp(datagram: Uint8Array): void {
    const plain = this.#protection?.open('rtcp', datagram)
    const packets = plain === undefined ? undefined : decodeRtcp(plain)
    if (packets === undefined) this.#undecodable++
    for (const packet of packets ?? []) {
      const blocks = 'blocks' in packet ? packet.blocks : []
      this.#reported = blocks.find(block => block.ssrc === this.#ready.ssrc) ?? this.#reported
    }
  }
}
