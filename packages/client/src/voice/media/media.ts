// The media half of a voice client: one UDP socket, one key, what is sent and what is heard.
import { randomInt } from 'node:crypto'
import {
  classifyDatagram,
  DatagramKind,
  type Discovered,
  decodeRtcp,
  decodeRtp,
  OPUS_PAYLOAD_TYPE,
  type ReportBlock,
  type VoiceMode,
} from '@parley/protocol'
import type { VoiceReady } from '../session/outputs.ts'
import { AudioSender } from './audio-sender.ts'
import { PacketProtection } from './packet.ts'
import { ReceiveStats, type SourceReport } from './receive-stats.ts'
import { VoiceUdp } from './udp.ts'

/** One Opus frame as it was heard. */
export interface HeardFrame {
  ssrc: number
  sequence: number
  timestamp: number
  payload: Uint8Array
}

export interface MediaReport {
  sent: { packets: number; bytes: number }
  received: readonly SourceReport[]
  /** Datagrams that did not verify, or were no packets. */
  undecodable: number
  /** Packets that came twice. */
  replayed: number
  /** What the node last reported of our audio; absent before its first report. */
  reported?: ReportBlock | undefined
}

/** Sources whose numbers are kept; a channel hears fewer. The one heard first goes first. */
const MOST_SOURCES = 1_024
/** A datagram has to fit in what every receiver takes (one library's buffer has 1400 bytes). */
export const LONGEST_FRAME = 1_275

export class VoiceMedia {
  readonly #ready: VoiceReady
  readonly #heard: (frame: HeardFrame) => void
  readonly #sender: AudioSender
  readonly #sources = new Map<number, ReceiveStats>()
  #udp: VoiceUdp | undefined
  #protection: PacketProtection | undefined
  #sent = { packets: 0, bytes: 0 }
  #undecodable = 0
  #replayed = 0
  #reported: ReportBlock | undefined
  #isClosed = false

  constructor(ready: VoiceReady, heard: (frame: HeardFrame) => void) {
    this.#ready = ready
    this.#heard = heard
    this.#sender = new AudioSender(ready.ssrc, randomInt(2 ** 32))
  }

  /** Opens the socket and finds our address. Rejects if the node does not answer. */
  async open(): Promise<Discovered> {
    const udp = await VoiceUdp.open(this.#ready.ip, this.#ready.port, datagram => this.#receive(datagram))
    if (this.#isClosed) {
      udp.close()
      throw new Error('the socket was closed')
    }
    this.#udp = udp
    const found = await udp.discover(this.#ready.ssrc)
    udp.ping()
    return found
  }

  /** Tells the node our address again: after an interruption the NAT may have given us another. */
  rediscover(): void {
    this.#udp?.discover(this.#ready.ssrc).catch(() => {})
  }

  protect(mode: VoiceMode, key: Uint8Array): void {
    this.#protection = new PacketProtection(mode, key)
  }

  get ssrc(): number {
    return this.#ready.ssrc
  }
  get mode(): VoiceMode | undefined {
    return this.#protection?.mode
  }
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

  /** Says whether the frame was sent: not before there is a key, and not after its nonces are used up. */
  send(frame: Uint8Array, samples: number): boolean {
    if (this.#protection === undefined) return false
    return this.#sendPacket(this.#sender.packet(frame, samples, performance.now()))
  }

  /** Sends what ends an utterance. */
  sendSilence(): void {
    if (this.#protection === undefined) return
    for (const packet of this.#sender.end(performance.now())) this.#sendPacket(packet)
  }

  forget(ssrc: number): void {
    this.#sources.delete(ssrc)
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

  #receiveFrame({ ssrc, sequence, timestamp, payload }: HeardFrame): void {
    if (this.#source(ssrc).receive(sequence, timestamp, performance.now()))
      this.#heard({ ssrc, sequence, timestamp, payload })
    else this.#replayed++
  }

  #source(ssrc: number): ReceiveStats {
    const known = this.#sources.get(ssrc)
    if (known !== undefined) return known
    const [oldest] = this.#sources.keys()
    if (this.#sources.size >= MOST_SOURCES && oldest !== undefined) this.#sources.delete(oldest)
    const source = new ReceiveStats(ssrc)
    this.#sources.set(ssrc, source)
    return source
  }

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
