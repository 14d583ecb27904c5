// Faults of packets on their way to the client, on their plain form.
import {
  decodeRtp,
  encodeRtp,
  OPUS_PAYLOAD_TYPE,
  OPUS_SILENCE,
  RTCP_SENDER_SSRC,
  type RtpPacket,
  VoiceOp,
} from '@parley/protocol'
import type { FaultName } from '../faults/fault-table.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import { jsonMessage, type LinkMessage } from '../messages/link-message.ts'

/** An Opus frame of 20 ms without end-to-end encryption. */
const PLAIN_FRAME = Uint8Array.of(0x78, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07)
const PADDING = 8
const EXTENSION = { profile: 0xbede, elements: Uint8Array.of(0x10, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }
const CSRC = 0x0badcafe
const UNKNOWN_SSRC = 0x7e57_5517
const UNKNOWN_PAYLOAD_TYPE = 127
const SEQUENCE_JUMP = 1_000
const TIMESTAMP_JUMP = 48_000 * 600
/** Where SSRCs of `ssrc-change` begin. */
const SSRC_CHANGE = 0x4000_0000

/** Where the state of faults of received media is kept: one per session. */
export class MediaFaults {
  readonly #faults: UserFaults
  readonly #random: () => number
  readonly #announce: (message: LinkMessage) => void
  /** Frames that `plain-frame` and `empty-frame` will replace. */
  readonly #replacements: { frame: Uint8Array; left: number }[] = []
  readonly #announced = new Set<number>()
  #users = new Map<number, string>()
  /** What is added to every sequence and timestamp: the sum of the jumps so far. */
  #sequence = 0
  #timestamp = 0

  /** `random` yields numbers from 0 to 1, by the seed of the test server; `announce` sends a message to the client. */
  constructor(faults: UserFaults, random: () => number, announce: (message: LinkMessage) => void) {
    this.#faults = faults
    this.#random = random
    this.#announce = announce
  }

  /** A message to the client: Speaking names the user of an SSRC. */
  sent(message: LinkMessage): void {
    if (message.format !== 'json' || message.op !== VoiceOp.Speaking) return
    const { user_id, ssrc } = (message.body.d ?? {}) as { user_id?: string; ssrc?: number }
    if (user_id !== undefined && ssrc !== undefined) this.#users.set(ssrc, user_id)
  }

  /** The packets that `name` adds, in plain form; also begins replacements and jumps. */
  begin(name: FaultName, value: number): { kind: 'rtp' | 'rtcp'; plain: Uint8Array; isSealed: boolean }[] {
    switch (name) {
      case 'plain-frame':
        this.#replacements.push({ frame: PLAIN_FRAME, left: value })
        return []
      case 'empty-frame':
        this.#replacements.push({ frame: new Uint8Array(0), left: value })
        return []
      case 'sequence-jump':
        this.#sequence = (this.#sequence + SEQUENCE_JUMP) & 0xffff
        return []
      case 'timestamp-jump':
        this.#timestamp = (this.#timestamp + TIMESTAMP_JUMP) >>> 0
        return []
      case 'unsealed-packet':
        return [{ kind: 'rtp', plain: unknownPacket(0, OPUS_PAYLOAD_TYPE), isSealed: false }]
      case 'unknown-ssrc':
        return numbered(value, n => ({ kind: 'rtp', plain: unknownPacket(n, OPUS_PAYLOAD_TYPE), isSealed: true }))
      case 'unknown-payload-type':
        return numbered(value, n => ({ kind: 'rtp', plain: unknownPacket(n, UNKNOWN_PAYLOAD_TYPE), isSealed: true }))
      case 'rtcp-garbage':
        return [{ kind: 'rtcp', plain: malformedReport(), isSealed: true }]
      default:
        return []
    }
  }

  /** Whether a packet may be changed; others pass as they are. */
  get isActive(): boolean {
    return this.#sequence !== 0 || this.#timestamp !== 0 || this.#replacements.length > 0 || this.#lasting().length > 0
  }

  /** The packet as the client receives it, and the faults that acted on it. Undefined: it is lost. */
  changed(plain: Uint8Array, by: FaultName[]): Uint8Array | undefined {
    const packet = decodeRtp(plain)
    if (packet === undefined || packet.payloadType !== OPUS_PAYLOAD_TYPE) return plain
    if (this.#has('silence-lost', by) && isSilence(packet.payload)) return undefined
    by.splice(by.indexOf('silence-lost'), by.includes('silence-lost') ? 1 : 0)
    const payload = this.#payload(packet.payload, by)
    const wire: RtpPacket = {
      ...packet,
      payload,
      sequence: (packet.sequence + this.#sequence) & 0xffff,
      timestamp: (packet.timestamp + this.#timestamp) >>> 0,
    }
    if (this.#has('rtp-padding', by)) wire.padding = PADDING
    if (packet.extension === undefined && this.#has('rtp-extension', by)) wire.extension = EXTENSION
    if (this.#has('rtp-csrc', by)) wire.csrcs = [CSRC]
    if (this.#has('ssrc-change', by)) wire.ssrc = this.#anotherSsrc(packet.ssrc)
    return encodeRtp(wire)
  }

  #payload(payload: Uint8Array, by: FaultName[]): Uint8Array {
    const [replacement] = this.#replacements
    if (replacement !== undefined && !isSilence(payload)) {
      if (--replacement.left <= 0) this.#replacements.shift()
      by.push(replacement.frame.length === 0 ? 'empty-frame' : 'plain-frame')
      return replacement.frame
    }
    // One number per packet, so that the choice depends on the packet's number only.
    const isChosen = this.#random() * 100 < (this.#faults.value('frame-corrupt') ?? 0)
    if (!isChosen || payload.length === 0) return payload
    by.push('frame-corrupt')
    return payload.map((byte, index) => (index === 1 ? byte ^ 0xff : byte))
  }

  /**
   * The first packet of an SSRC announces the other one with Speaking, if its user is known: a client may then follow.
   */
  #anotherSsrc(ssrc: number): number {
    const other = (ssrc ^ SSRC_CHANGE) >>> 0
    const user_id = this.#users.get(ssrc)
    if (!this.#announced.has(ssrc) && user_id !== undefined) {
      this.#announced.add(ssrc)
      this.#announce(jsonMessage(VoiceOp.Speaking, { user_id, ssrc: other, speaking: 1 }))
    }
    return other
  }

  /** Adds the fault to `by` if it is active. */
  #has(name: FaultName, by: FaultName[]): boolean {
    const has = this.#faults.value(name) !== undefined
    if (has) by.push(name)
    return has
  }

  #lasting = () => LASTING.filter(name => this.#faults.value(name) !== undefined)
}

const LASTING: readonly FaultName[] = [
  'rtp-padding',
  'rtp-extension',
  'rtp-csrc',
  'ssrc-change',
  'silence-lost',
  'frame-corrupt',
]

const numbered = <T>(count: number, item: (number: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => item(n))

export const isSilence = (payload: Uint8Array): boolean =>
  payload.length === OPUS_SILENCE.length && OPUS_SILENCE.every((byte, index) => payload[index] === byte)

const unknownPacket = (number: number, payloadType: number) =>
  encodeRtp({
    payloadType,
    sequence: number,
    timestamp: number * 960,
    ssrc: UNKNOWN_SSRC,
    payload: PLAIN_FRAME,
  })

/** A sender report whose length field exceeds it. */
function malformedReport(): Uint8Array {
  const bytes = new Uint8Array(28)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x9f)
  view.setUint8(1, 200)
  view.setUint16(2, 0xffff)
  view.setUint32(RTCP_SENDER_SSRC, UNKNOWN_SSRC)
  return bytes
}
