// The traffic of one lane's clients: sends packets within a window, and opens and compares samples with code that the node does
// not use.
import { openPacket } from '@parley/client'
import { type Batch, SLOT } from '@parley/core'
import {
  encodeDiscoveryRequest,
  encodeRtp,
  encodeStunRequest,
  isSrtpProfile,
  OPUS_PAYLOAD_TYPE,
  PROTECTION_LAYOUTS,
  RTP_HEADER,
  SERVER_NONCE_LENGTH,
} from '@parley/protocol'
import type { SlotCipher, SlotCiphers } from '../../packages/server/src/lane/crypto/slot-ciphers.ts'
import { stunMac } from '../../packages/server/src/lane/crypto/stun-mac.ts'
import type { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'
import { nameOf } from '../floor/socket-name.ts'
import { SrtpOpener } from '../load/webrtc/srtp-opener.ts'
import type { ClientSocket } from './client-socket.ts'
import {
  ICE_PASSWORD,
  KEY,
  localUfrag,
  materialOf,
  REMOTE_UFRAG,
  type SaturatedLane,
  SPEAKER_MODE,
  WEBRTC_OPUS,
  WINDOW,
} from './saturation.ts'

/** One packet in SAMPLE is opened. It is prime, so that the samples reach every listener. */
const SAMPLE = 101
/** Bytes of the longest packet. */
const LONGEST = 512
/** Milliseconds without a received packet after which the window counts as lost. */
const LOST_AFTER = 50

export interface FeedOptions {
  lane: SaturatedLane
  channels: readonly (readonly number[])[]
  payload: number
  sockets: readonly (readonly ClientSocket[])[]
  memory: NativeMemory
  ciphers: SlotCiphers
}

export class Feed {
  readonly received = { received: 0, opened: 0, wrong: 0 }
  readonly #options: FeedOptions
  readonly #name: Int32Array
  /** Payload type of Opus at the listeners. */
  readonly #type: number
  readonly #isWebrtc: boolean
  readonly #open: (sealed: Uint8Array) => Uint8Array | undefined
  readonly #cipher: SlotCipher
  readonly #place: number
  readonly #sequences: number[]
  readonly #arrived: number[]
  readonly #movedAt: number[]

  constructor(options: FeedOptions) {
    const { lane, channels, memory, ciphers } = options
    const { protection } = lane
    this.#options = options
    this.#name = nameOf('127.0.0.1', lane.port)
    this.#isWebrtc = isSrtpProfile(protection)
    this.#type = this.#isWebrtc ? WEBRTC_OPUS : OPUS_PAYLOAD_TYPE
    if (isSrtpProfile(protection)) {
      const opener = SrtpOpener.ofServer(protection, materialOf(protection))
      this.#open = sealed => opener.open(sealed)
    } else this.#open = sealed => openPacket(PROTECTION_LAYOUTS[protection], 'rtp', KEY, sealed)
    const mode = isSrtpProfile(protection) ? SPEAKER_MODE : protection
    this.#cipher = ciphers.make(PROTECTION_LAYOUTS[mode].cipher, KEY)
    this.#place = memory.take(LONGEST)
    this.#sequences = channels.map(() => 0)
    this.#arrived = channels.map(() => 0)
    this.#movedAt = channels.map(() => 0)
  }

  /** Discord clients send IP discovery. */
  introduce(): void {
    this.#each((ssrc, index) => (index === 0 || !this.#isWebrtc ? encodeDiscoveryRequest(ssrc) : undefined))
  }

  /** WebRTC clients send an ICE check, which proves their address and renews consent. */
  check(): void {
    const transaction = new Uint8Array(12)
    this.#each((ssrc, index) => {
      if (index === 0 || !this.#isWebrtc) return undefined
      const username = `${localUfrag(ssrc)}:${REMOTE_UFRAG}`
      return encodeStunRequest({ transaction, username, useCandidate: true }, ICE_PASSWORD, stunMac)
    })
  }

  fill(channel: number, now: number): void {
    if (now - this.#movedAt[channel]! > LOST_AFTER) {
      this.#arrived[channel] = this.#sequences[channel]!
      this.#movedAt[channel] = now
    }
    const speaker = this.#options.sockets[channel]![0]!
    while (((this.#sequences[channel]! - this.#arrived[channel]!) & 0xffff) < WINDOW) {
      const sequence = (this.#sequences[channel]! + 1) & 0xffff
      this.#sequences[channel] = sequence
      speaker.queue(this.#seal(this.#plain(channel, sequence, OPUS_PAYLOAD_TYPE), sequence), this.#name)
    }
    speaker.flush()
  }

  receive(channel: number, index: number, batch: Batch, slot: number): void {
    const start = slot * SLOT
    if (batch.bytes[start + 1] !== this.#type) return
    if (this.received.received++ % SAMPLE === 0)
      this.#check(channel, batch.bytes.slice(start, start + batch.lengths[slot]!))
    if (index !== this.#options.sockets[channel]!.length - 1) return
    this.#arrived[channel] = batch.view.getUint16(start + 2)
    this.#movedAt[channel] = performance.now()
  }

  #each(datagramOf: (ssrc: number, index: number) => Uint8Array | undefined): void {
    for (const [channel, sockets] of this.#options.sockets.entries())
      for (const [index, socket] of sockets.entries()) {
        const datagram = datagramOf(this.#options.channels[channel]![index]!, index)
        if (datagram === undefined) continue
        socket.queue(datagram, this.#name)
        socket.flush()
      }
  }

  #check(channel: number, sealed: Uint8Array): void {
    const opened = this.#open(sealed)
    const sequence = (sealed[2]! << 8) | sealed[3]!
    const isRight = opened !== undefined && Buffer.compare(opened, this.#plain(channel, sequence, this.#type)) === 0
    if (isRight) this.received.opened++
    else this.received.wrong++
  }

  #plain(channel: number, sequence: number, payloadType: number): Uint8Array {
    const payload = new Uint8Array(this.#options.payload).fill(sequence & 0xff)
    const ssrc = this.#options.channels[channel]![0]!
    return encodeRtp({ payloadType, sequence, timestamp: sequence * 960, ssrc, payload })
  }

  /** Seals as Discord clients do. */
  #seal(plain: Uint8Array, sequence: number): Uint8Array {
    const { memory } = this.#options
    const { nonce } = this.#cipher
    const place = this.#place
    nonce[0] = sequence >> 8
    nonce[1] = sequence & 0xff
    memory.bytes.set(plain, place)
    const body = plain.length - RTP_HEADER
    if (!this.#cipher.seal(place, RTP_HEADER, place + RTP_HEADER, body, place + RTP_HEADER))
      throw new Error('sealing failed')
    const sealed = memory.bytes.slice(place, place + plain.length + 16 + SERVER_NONCE_LENGTH)
    sealed.set(nonce.subarray(0, SERVER_NONCE_LENGTH), sealed.length - SERVER_NONCE_LENGTH)
    return sealed
  }
}
