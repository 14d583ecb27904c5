// Hot: hands a packet of video to the engine for WebRTC viewers. Each is sent one SSRC per source, whatever its layer.
import { RTP_HEADER, RTP_SEQUENCE, RTP_SSRC, RTP_TIMESTAMP, VideoPayload } from '@parley/protocol'
import { type Batch, SLOT, SLOT_WORDS } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import { HEADER_WORDS, type PacketIo } from '../../lane/packet-io.ts'
import type { LayerNumbers } from '../numbers/layer-numbers.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { SendStreams } from '../streams/send-streams.ts'
import type { TargetGroup } from '../streams/target-list.ts'
import { STAMP } from './rewriter.ts'

export const HEADER_BYTES = 4 * HEADER_WORDS
/** No peer has this id. */
const NONE: PeerId = 0

/**
 * Viewers whose picture ids are the stream's share one call of the engine; for the others the payload descriptor is changed in
 * place, one after the other, and restored. Per packet: allocates only where a layer changes.
 */
export class LayerForwarder {
  readonly #io: PacketIo
  readonly #sendStreams: SendStreams
  readonly #payload = new VideoPayload()
  /** The viewers that share a call, and the first words of their copies. */
  #shared = new Int32Array(8)
  #headers = new Int32Array(8 * HEADER_WORDS)
  /** Over the same words: headers are big-endian. */
  #headersView = new DataView(this.#headers.buffer)
  #count = 0
  /** The same for a copy with other picture ids. */
  readonly #one = new Int32Array(1)
  readonly #oneHeader = new Int32Array(HEADER_WORDS)

  constructor(io: PacketIo, sendStreams: SendStreams) {
    this.#io = io
    this.#sendStreams = sendStreams
  }

  /**
   * `header` bytes of header precede the payload; `type` is the node's payload type. Returns how many copies were queued, or left
   * out because they came too late.
   */
  forward(
    batch: Batch,
    slot: number,
    stream: ReceiveStream,
    group: TargetGroup,
    header: number,
    type: number,
    now: number,
  ): number {
    const { count } = group
    if (this.#shared.length < count) this.#resize(group.peers.length)
    const octets = batch.lengths[slot]! - header
    this.#payload.parse(batch.view, slot * SLOT + header, octets, type, stream.dependencies)
    this.#count = 0
    let queued = 0
    for (let index = 0; index < count; index++)
      queued += this.#forwardTo(batch, slot, stream, group, index, octets, now)
    return queued + this.#io.forward(batch, slot, this.#shared, this.#count, NONE, this.#headers)
  }

  /** Returns 1 if the copy is queued, leaves later or is left out; 0 if it is still to be queued, or cannot reach the viewer. */
  #forwardTo(
    batch: Batch,
    slot: number,
    stream: ReceiveStream,
    group: TargetGroup,
    place: number,
    octets: number,
    now: number,
  ): number {
    const { view } = batch
    const peer = group.peers[place]!
    const offset = slot * SLOT
    const sequence = view.getUint16(offset + RTP_SEQUENCE)
    const timestamp = view.getInt32(offset + RTP_TIMESTAMP)
    const sendStream = this.#sendStreams.forPacket(stream.sendAs, peer, sequence)
    const layers = sendStream?.layers
    if (sendStream === undefined || layers === undefined) return 0
    const out = layers.place(stream, sequence, timestamp, this.#payload, now, group.temporals[place]!)
    if (out < 0) return 1
    const { meter } = sendStream.receiver
    if (meter?.leavesNow(stream.ssrc, sequence, octets) === false) return 1
    sendStream.packets++
    sendStream.octets += octets
    const index = this.#count
    const at = index * HEADER_BYTES
    this.#headersView.setInt32(at, view.getInt32(offset))
    this.#headersView.setUint16(at + RTP_SEQUENCE, out)
    const age = layers.ageOf(stream, sequence)
    this.#headersView.setInt32(at + RTP_TIMESTAMP, timestamp + layers.timestampOffset(age))
    this.#headersView.setUint32(at + RTP_SSRC, stream.sendAs.ssrc)
    for (let byte = RTP_HEADER; byte < HEADER_BYTES; byte += 4)
      this.#headersView.setInt32(at + byte, view.getInt32(offset + byte))
    if (meter !== undefined) this.#headersView.setUint16(at + STAMP, meter.sent(batch.lengths[slot]!, false))
    this.#shared[index] = peer
    if (this.#payload.descriptor === undefined || !layers.isRewritten(age, sequence)) {
      this.#count++
      return 0
    }
    return this.#forwardRewritten(batch, slot, layers, age, sequence, batch.lengths[slot]! - octets, index)
  }

  /** Sends the copy at `index` with other picture ids, and restores those of the packet. A short header leaves words to the payload. */
  #forwardRewritten(
    batch: Batch,
    slot: number,
    layers: LayerNumbers,
    age: number,
    sequence: number,
    header: number,
    index: number,
  ): number {
    this.#one[0] = this.#shared[index]!
    for (let word = 0; word < HEADER_WORDS; word++) this.#oneHeader[word] = this.#headers[index * HEADER_WORDS + word]!
    layers.rewrite(age, sequence, batch.view, this.#payload, 1)
    if (header < HEADER_BYTES)
      for (let word = header >> 2; word < HEADER_WORDS; word++)
        this.#oneHeader[word] = batch.words[slot * SLOT_WORDS + word]!
    const queued = this.#io.forward(batch, slot, this.#one, 1, NONE, this.#oneHeader)
    layers.rewrite(age, sequence, batch.view, this.#payload, -1)
    return queued
  }

  #resize(viewers: number): void {
    this.#shared = new Int32Array(viewers)
    this.#headers = new Int32Array(viewers * HEADER_WORDS)
    this.#headersView = new DataView(this.#headers.buffer)
  }
}
