// Members of a call with video on a virtual clock: the codecs that they list, and what they declare.
import { type BenchBackend, type BenchSocket, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

interface CodecFields {
  encode?: boolean
  decode?: boolean
}
/** A client's codecs in order of preference, with the payload types of Discord clients. */
export const codecs = (...names: (string | [string, CodecFields])[]) => [
  { name: 'opus', type: 'audio', priority: 1000, payload_type: 120 },
  ...names.map((name, index) => ({
    name: typeof name === 'string' ? name : name[0],
    type: 'video',
    priority: (index + 1) * 1000,
    payload_type: 101 + 2 * index,
    rtx_payload_type: 102 + 2 * index,
    ...(typeof name === 'string' ? {} : name[1]),
  })),
]

export const DATA = { address: '192.0.2.1', port: 40_000, mode: 'aead_aes256_gcm_rtpsize' }

export class Caller {
  readonly socket: BenchSocket
  readonly userId: string
  readonly audio: number
  readonly video: number

  constructor(bench: NodeBench, backend: BenchBackend, userId: string, listed: unknown[], version = '9') {
    const { channel_id: _, ...identify } = backend.join(userId)
    this.userId = userId
    this.socket = bench.client(version).send(0, { ...identify, video: true })
    this.socket.send(1, { protocol: 'udp', data: DATA, codecs: listed })
    this.audio = this.socket.last(2).ssrc
    this.video = this.audio + 1
  }

  /** Declares one layer per quality; none turns the camera off. */
  show(...qualities: number[]): void {
    const streams = qualities.map((quality, index) => {
      const ssrc = this.video + 2 * index
      return { type: 'video', rid: String(quality), ssrc, rtx_ssrc: ssrc + 1, active: true, quality }
    })
    const isOn = qualities.length > 0
    this.socket.send(12, {
      audio_ssrc: this.audio,
      video_ssrc: isOn ? this.video : 0,
      rtx_ssrc: isOn ? this.video + 1 : 0,
      streams,
    })
  }

  /** Wants received since the last call. */
  wants(): object[] {
    return this.#take(15)
  }
  receivedCodecs(): string[] {
    return this.#take(14).map(({ video_codec }: { video_codec: string }) => video_codec)
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
  #take(op: number): any[] {
    const taken = this.socket.ops(op).map(({ d }) => d)
    const rest = this.socket.received.filter(message => message.op !== op)
    this.socket.received.splice(0, Infinity, ...rest)
    return taken
  }
}

export function videoScene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (userId: string, listed = codecs('H264', 'VP8'), version = '9') =>
    new Caller(bench, backend, userId, listed, version)
  return { bench, backend, join }
}
