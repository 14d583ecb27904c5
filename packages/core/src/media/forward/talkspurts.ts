// Ends for browsers what they say: they just stop, while Discord's clients expect five frames of silence before a pause.
//
//   from the browser:     7 8 9            10 11            sequences
//   to its listeners:     7 8 9 10 … 14    15 16            five of silence, and all later ones five higher
//
// Probes of the bandwidth, which are padding alone, are left out, and all later sequences are one lower.
import {
  OPUS_FRAME_TIMESTAMPS,
  OPUS_PAYLOAD_TYPE,
  RTP_HEADER,
  RTP_SEQUENCE,
  RTP_SSRC,
  RTP_TIMESTAMP,
  sequenceDistance,
} from '@parley/protocol'
import { createBatch } from '../../lane/batch.ts'
import { type Batch, SLOT } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import type { Forwarder } from './forwarder.ts'
import type { RouteTable } from './route-table.ts'
import { silencePacket } from './trim-packet.ts'

const VERSION_2 = 0x80
const FRAMES = LIMITS.silenceFrames
/** No frame of a row was heard yet; it has spoken, and been silenced since; it speaks. */
const State = { New: 0, Silent: 1, Speaking: 2 } as const

/**
 * The media alone says when an utterance ends: op 5 comes another way, before or after the last packets, and a muted track goes
 * on with comfort noise. One record per row.
 */
export class Talkspurts {
  readonly #routes: RouteTable
  readonly #forwarder: Forwarder
  #states = new Uint8Array(0)
  #heardAt = new Float64Array(0)
  /** The newest packet's, as the browser numbers it. */
  #sequences = new Int32Array(0)
  #timestamps = new Int32Array(0)
  /** What is added for listeners. */
  #sequenceShifts = new Int32Array(0)
  #timestampShifts = new Int32Array(0)
  /** The last sequence before the last change of the shift, if there was one. */
  #ends = new Int32Array(0)
  readonly #speaking = new Set<number>()
  readonly #batch = createBatch(1)
  deadline = Infinity

  constructor(routes: RouteTable, forwarder: Forwarder) {
    this.#routes = routes
    this.#forwarder = forwarder
  }

  /** Makes room for `rows` rows. */
  resize(rows: number): void {
    const grown = (array: Int32Array<ArrayBuffer>) => {
      const larger = new Int32Array(rows)
      larger.set(array)
      return larger
    }
    const states = new Uint8Array(rows)
    states.set(this.#states)
    this.#states = states
    const heardAt = new Float64Array(rows)
    heardAt.set(this.#heardAt)
    this.#heardAt = heardAt
    this.#sequences = grown(this.#sequences)
    this.#timestamps = grown(this.#timestamps)
    this.#sequenceShifts = grown(this.#sequenceShifts)
    this.#timestampShifts = grown(this.#timestampShifts)
    this.#ends = grown(this.#ends)
  }

  reset(row: number): void {
    this.#states[row] = State.New
    this.#sequenceShifts[row] = 0
    this.#timestampShifts[row] = 0
    if (this.#speaking.delete(row)) this.#rearm()
  }

  /** How far listeners' timestamps are ahead of the browser's. */
  timestampShift(row: number): number {
    return this.#timestampShifts[row]!
  }

  /**
   * Gives a browser's audio packet, in the node's own form, its place among what listeners hear. Returns false for one that comes
   * so late that its place is taken. Per packet: no allocation.
   */
  continue(batch: Batch, slot: number, row: number, now: number): boolean {
    const at = slot * SLOT
    const sequence = batch.view.getUint16(at + RTP_SEQUENCE)
    const timestamp = batch.view.getInt32(at + RTP_TIMESTAMP)
    const isNew = this.#states[row] === State.New
    const distance = isNew ? 1 : sequenceDistance(sequence, this.#sequences[row]!)
    if (distance > 0 || distance <= -LIMITS.replayWindow) this.#advance(row, sequence, timestamp, now)
    else if (this.#sequenceShifts[row] !== 0 && sequenceDistance(sequence, this.#ends[row]!) <= 0) return false
    batch.view.setUint16(at + RTP_SEQUENCE, (sequence + this.#sequenceShifts[row]!) & 0xffff)
    batch.view.setInt32(at + RTP_TIMESTAMP, timestamp + this.#timestampShifts[row]!)
    return true
  }

  /** A packet that listeners do not get: what follows takes its place, so that none is missed. */
  leaveOut(batch: Batch, slot: number, row: number): void {
    const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
    if (this.#states[row] === State.New || sequenceDistance(sequence, this.#sequences[row]!) <= 0) return
    this.#sequences[row] = sequence
    this.#ends[row] = sequence
    this.#sequenceShifts[row]!--
  }

  /** Ends what has been quiet for long enough. */
  tick(now: number): void {
    for (const row of this.#speaking) if (now - this.#heardAt[row]! >= LIMITS.utteranceGap) this.#end(row)
    this.#rearm()
  }

  #advance(row: number, sequence: number, timestamp: number, now: number): void {
    if (this.#states[row] !== State.Speaking) this.#begin(row, timestamp, now)
    this.#sequences[row] = sequence
    this.#timestamps[row] = timestamp
    this.#heardAt[row] = now
  }

  /** A source whose timestamps stood still while it was quiet would fall into the silence; it goes on behind it instead. */
  #begin(row: number, timestamp: number, now: number): void {
    const since = (timestamp - this.#timestamps[row]!) | 0
    const needed = (FRAMES + 1) * OPUS_FRAME_TIMESTAMPS
    if (this.#states[row] === State.Silent && since > 0 && since < needed) this.#timestampShifts[row]! += needed - since
    this.#states[row] = State.Speaking
    this.#speaking.add(row)
    this.deadline = Math.min(this.deadline, now + LIMITS.utteranceGap)
  }

  #end(row: number): void {
    this.#speaking.delete(row)
    const list = this.#routes.targets[row]
    this.#states[row] = State.New
    if (list === undefined) return
    this.#states[row] = State.Silent
    for (let frame = 1; frame <= FRAMES; frame++) {
      this.#writeSilence(row, frame)
      this.#forwarder.forward(this.#batch, 0, list, this.#routes.owners[row]!, RTP_HEADER)
    }
    this.#ends[row] = this.#sequences[row]!
    this.#sequenceShifts[row]! += FRAMES
  }

  #writeSilence(row: number, frame: number): void {
    const { bytes, view } = this.#batch
    bytes[0] = VERSION_2
    bytes[1] = OPUS_PAYLOAD_TYPE
    view.setUint16(RTP_SEQUENCE, this.#sequences[row]! + this.#sequenceShifts[row]! + frame)
    const timestamp = this.#timestamps[row]! + this.#timestampShifts[row]!
    view.setInt32(RTP_TIMESTAMP, timestamp + frame * OPUS_FRAME_TIMESTAMPS)
    view.setUint32(RTP_SSRC, this.#routes.ssrcs[row]!)
    silencePacket(this.#batch, 0, RTP_HEADER)
  }

  #rearm(): void {
    this.deadline = Infinity
    for (const row of this.#speaking) this.deadline = Math.min(this.deadline, this.#heardAt[row]! + LIMITS.utteranceGap)
  }
}
