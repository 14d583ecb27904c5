// The members of a load on one worker of mediasoup: a router per room, a plain transport with SRTP per member.
import { randomBytes } from 'node:crypto'
import { decodeRtp, RTP_SSRC } from '@parley/protocol'
import type { Packets } from '../../load/media/packets.ts'
import type { Plan } from '../../load/plan.ts'
import { SrtpOpener } from '../../load/webrtc/srtp-opener.ts'
import { SrtpSealer } from '../../load/webrtc/srtp-sealer.ts'
import { threadSeconds } from '../../node/thread-seconds.ts'
import { isTarget, type PeerMember, type PeerServer, sendersOf } from '../peer-load.ts'
import type { Mediasoup, PlainTransport, Router, RtpCodec, SrtpParameters, Worker } from './mediasoup-library.ts'

const HOST = '127.0.0.1'
const OPUS: RtpCodec = { mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }
/** What clients that request packets and keyframes negotiate, so that the server keeps packets for them, as a node does. */
const FEEDBACK = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }]
const H264: RtpCodec = {
  mimeType: 'video/H264',
  clockRate: 90_000,
  parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f' },
  rtcpFeedback: FEEDBACK,
}
const PAYLOAD_TYPE = 100
const CRYPTO_SUITE = 'AEAD_AES_256_GCM'
/** Of the key, and of the salt after it. */
const MASTER = 32 + 12
/** The second byte of RTCP packets that share a port with RTP (RFC 5761 §4). */
const FIRST_RTCP_TYPE = 192
const LAST_RTCP_TYPE = 223

/** Starts a worker and joins all members; `ports` are those of the members' sockets. */
export async function openMediasoup(mediasoup: Mediasoup, plan: Plan, ports: readonly number[]): Promise<PeerServer> {
  const worker = await mediasoup.createWorker({ logLevel: 'error' })
  const members: PeerMember[] = []
  for (let channel = 0; channel < plan.channels; channel++)
    members.push(...(await openRoom(worker, plan, channel, ports)))
  const { pid } = worker
  return { process: { pid, threadSeconds: () => threadSeconds(pid) }, members, stop: async () => worker.close() }
}

/** The first members send, and each member receives those that the plan says. */
async function openRoom(worker: Worker, plan: Plan, channel: number, ports: readonly number[]) {
  const kind = plan.video === undefined ? 'audio' : 'video'
  const codec = kind === 'audio' ? OPUS : H264
  const router = await worker.createRouter({ mediaCodecs: [{ kind, ...codec }] })
  const opened: MediasoupMember[] = []
  for (let index = 0; index < plan.members; index++) {
    const id = channel * plan.members + index
    opened.push(await MediasoupMember.open(router, id, ports[id]!))
  }
  for (let sender = 0; sender < sendersOf(plan); sender++) {
    const producerId = await opened[sender]!.produce(kind, codec)
    for (const [index, member] of opened.entries())
      if (isTarget(plan, index, sender)) await member.consume(router, producerId, sender)
  }
  return opened
}

class MediasoupMember implements PeerMember {
  readonly id: number
  readonly port: number
  /** A transport has no connection that could end. */
  readonly lost = 0
  readonly #transport: PlainTransport
  readonly #sealer: SrtpSealer
  readonly #opener: SrtpOpener
  /** Indexes of senders by the SSRC that the server gave their stream for this member. */
  readonly #senders = new Map<number, number>()

  static async open(router: Router, id: number, port: number): Promise<MediasoupMember> {
    const transport = await router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip: HOST },
      rtcpMux: true,
      enableSrtp: true,
      srtpCryptoSuite: CRYPTO_SUITE,
    })
    const master = randomBytes(MASTER)
    const own: SrtpParameters = { cryptoSuite: CRYPTO_SUITE, keyBase64: master.toString('base64') }
    await transport.connect({ ip: HOST, port, srtpParameters: own })
    return new MediasoupMember(id, transport, master)
  }

  private constructor(id: number, transport: PlainTransport, master: Uint8Array) {
    this.id = id
    this.port = transport.tuple.localPort
    this.#transport = transport
    this.#sealer = new SrtpSealer(master, this.#ssrc, PAYLOAD_TYPE)
    this.#opener = new SrtpOpener('SRTP_AEAD_AES_256_GCM', Buffer.from(transport.srtpParameters!.keyBase64, 'base64'))
  }

  get #ssrc(): number {
    return 1_000_000 + this.id
  }

  async produce(kind: 'audio' | 'video', codec: RtpCodec): Promise<string> {
    const codecs = [{ ...codec, payloadType: PAYLOAD_TYPE }]
    const producer = await this.#transport.produce({
      kind,
      rtpParameters: { codecs, encodings: [{ ssrc: this.#ssrc }] },
    })
    return producer.id
  }

  /** Without header extensions: like Discord's clients over UDP, these send no feedback for estimates of bandwidth. */
  async consume({ rtpCapabilities }: Router, producerId: string, sender: number): Promise<void> {
    const codecs = rtpCapabilities.codecs.map(codec => ({ ...codec, ...(codec.kind === 'video' && feedbackOf(codec)) }))
    const consumer = await this.#transport.consume({ producerId, rtpCapabilities: { codecs, headerExtensions: [] } })
    this.#senders.set(consumer.rtpParameters.encodings[0]!.ssrc, sender)
  }

  seal(payload: Uint8Array, counter: number, { timestamp, isMarked }: Packets): Uint8Array {
    return this.#sealer.seal(payload, counter, timestamp, isMarked)
  }

  senderOf(sealed: Uint8Array): number | undefined {
    if (sealed[1]! >= FIRST_RTCP_TYPE && sealed[1]! <= LAST_RTCP_TYPE) return undefined
    return this.#senders.get(Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length).readUInt32BE(RTP_SSRC))
  }

  open(sealed: Uint8Array): Uint8Array | undefined {
    const packet = this.#opener.open(sealed)
    return packet && decodeRtp(packet)?.payload
  }

  close(): void {}
}

/** Of retransmissions there is none. */
const feedbackOf = ({ mimeType }: RtpCodec) => ({ rtcpFeedback: mimeType === H264.mimeType ? FEEDBACK : [] })
