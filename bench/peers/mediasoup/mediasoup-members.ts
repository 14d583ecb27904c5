// The members of a load on one worker of mediasoup: a router per room, a plain transport with SRTP per member.
import { randomBytes } from 'node:crypto'
import type { Plan } from '../../load/plan.ts'
import { SrtpOpener } from '../../load/webrtc/srtp-opener.ts'
import { SrtpSealer } from '../../load/webrtc/srtp-sealer.ts'
import { threadSeconds } from '../../node/thread-seconds.ts'
import type { PeerMember, PeerServer } from '../peer-load.ts'
import type { Mediasoup, PlainTransport, SrtpParameters, Worker } from './mediasoup-library.ts'

const HOST = '127.0.0.1'
const OPUS = { mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }
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
  return { process: { threadSeconds: () => threadSeconds(pid) }, members, stop: async () => worker.close() }
}

/** The first member speaks, the others listen. */
async function openRoom(worker: Worker, { members, payload }: Plan, channel: number, ports: readonly number[]) {
  const router = await worker.createRouter({ mediaCodecs: [{ kind: 'audio', ...OPUS }] })
  const { rtpCapabilities } = router
  const opened: MediasoupMember[] = []
  let producerId = ''
  for (let index = 0; index < members; index++) {
    const id = channel * members + index
    const transport = await router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip: HOST },
      rtcpMux: true,
      enableSrtp: true,
      srtpCryptoSuite: CRYPTO_SUITE,
    })
    const master = randomBytes(MASTER)
    const own: SrtpParameters = { cryptoSuite: CRYPTO_SUITE, keyBase64: master.toString('base64') }
    await transport.connect({ ip: HOST, port: ports[id]!, srtpParameters: own })
    const member = new MediasoupMember(id, transport, master, payload)
    opened.push(member)
    if (index === 0) {
      const codecs = [{ ...OPUS, payloadType: PAYLOAD_TYPE }]
      const rtpParameters = { codecs, encodings: [{ ssrc: member.ssrc }] }
      producerId = (await transport.produce({ kind: 'audio', rtpParameters })).id
    } else await transport.consume({ producerId, rtpCapabilities })
  }
  return opened
}

class MediasoupMember implements PeerMember {
  readonly id: number
  readonly port: number
  /** A transport has no connection that could end. */
  readonly lost = 0
  readonly #payload: number
  readonly #sealer: SrtpSealer
  readonly #opener: SrtpOpener

  constructor(id: number, transport: PlainTransport, master: Uint8Array, payload: number) {
    this.#payload = payload
    this.id = id
    this.port = transport.tuple.localPort
    this.#sealer = new SrtpSealer(master, this.ssrc, PAYLOAD_TYPE)
    this.#opener = new SrtpOpener('SRTP_AEAD_AES_256_GCM', Buffer.from(transport.srtpParameters!.keyBase64, 'base64'))
  }

  get ssrc(): number {
    return 1_000_000 + this.id
  }

  seal(payload: Uint8Array, counter: number): Uint8Array {
    return this.#sealer.seal(payload, counter)
  }

  isAudio(sealed: Uint8Array): boolean {
    return sealed[1]! < FIRST_RTCP_TYPE || sealed[1]! > LAST_RTCP_TYPE
  }

  /** The payload follows header extensions that mediasoup adds. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    const packet = this.#opener.open(sealed)
    return packet?.subarray(packet.length - this.#payload)
  }

  close(): void {}
}
