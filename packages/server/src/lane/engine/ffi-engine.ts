// The packet engine over FFI: many datagrams per system call, sealed directly into the slots they are sent from.
// Received packets lie in native memory, are opened in place, and are sealed for each target into the slot that
// `sendmmsg` reads. Packets from elsewhere (held ones, those of the cache) are copied in first.
import { type Batch, HEADER_WORDS, type PacketIo, type PeerId, type Protection, SLOT } from '@parley/core'
import {
  CLEAR_RTCP_LENGTH,
  clearRtpLength,
  fillProtectionNonce,
  isRtcpType,
  isSrtpProfile,
  PROTECTION_LAYOUTS,
  PROTECTION_TAG_LENGTH,
  protectionOverhead,
  RTCP_HEADER,
  RTP_HEADER,
  rtpHeaderLength,
  type VoiceMode,
} from '@parley/protocol'
import { ExhaustedPeers, type Exhaustible } from '../crypto/exhausted-peers.ts'
import { type Aead, chooseAead, type SlotCipher, SlotCiphers } from '../crypto/slot-ciphers.ts'
import { SRTP_OVERHEAD, Srtp } from '../crypto/srtp.ts'
import { SrtpSlots } from '../crypto/srtp-slots.ts'
import { type Counted, hasNonce, Trailers } from '../crypto/trailers.ts'
import { DatagramSocket, type MessageSocketOptions, SOCKET_SIZE } from './datagram-socket.ts'
import type { Native } from './native-calls.ts'
import { NativeMemory } from './native-memory.ts'
import { DESTINATION_WORDS } from './outgoing-datagrams.ts'

/** A key in one of Discord's modes. */
interface Protected extends Counted {
  readonly cipher: SlotCipher
}

/** What the engine holds about a peer. At most one of `protection` and `srtp` is set. */
interface Row extends Exhaustible {
  /** Of a client with one of Discord's modes. */
  protection: Protected | undefined
  /** Of a WebRTC client. */
  srtp: Srtp | undefined
  /** The peer's address in the socket's form, once it is bound. */
  destination: Int32Array | undefined
}

/** For ciphers, and for packets outside the socket's slots. */
const OWN_SIZE = 2 * SLOT + 1024

/** Requires `protectionReady()` before the first peer with a legacy mode is protected. */
export class FfiEngine implements PacketIo {
  readonly socket: DatagramSocket
  readonly #memory: NativeMemory
  readonly #bytes: Uint8Array
  readonly #ciphers: SlotCiphers
  readonly #srtpCiphers: SrtpSlots
  readonly #rows = new Map<PeerId, Row>()
  /** Place of packets from outside the socket. */
  readonly #guest: number
  readonly #destination = new Int32Array(DESTINATION_WORDS)
  readonly #trailers = new Trailers()
  /** Packets sealed so far. */
  packets = 0
  #sentBytes = 0
  #failed = 0
  readonly #exhausted = new ExhaustedPeers()

  /** Throws a `NativeError` with the system's code if the address is not available. `aead` is for tests and benchmarks. */
  constructor(native: Native, options: MessageSocketOptions, aead: Aead = chooseAead(native)) {
    const memory = new NativeMemory(native, SOCKET_SIZE + OWN_SIZE)
    this.#memory = memory
    this.#bytes = memory.bytes
    this.socket = new DatagramSocket(native, memory, options)
    this.#ciphers = new SlotCiphers(native, memory, aead)
    this.#srtpCiphers = new SrtpSlots(native, memory)
    this.#guest = memory.take(SLOT)
  }

  get sent() {
    return { packets: this.packets, bytes: this.#sentBytes, failed: this.#failed + this.socket.failed }
  }

  addPeer(peer: PeerId): void {
    const nothing = { protection: undefined, srtp: undefined, destination: undefined }
    this.#rows.set(peer, { peer, ...nothing, isExhausted: false })
  }

  protectPeer(peer: PeerId, protection: Protection, key: Uint8Array, nonceStart: number): void {
    const row = this.#rows.get(peer)
    if (row === undefined) return
    forgetKeys(row)
    row.isExhausted = false
    row.protection = isSrtpProfile(protection) ? undefined : this.#protect(protection, key, nonceStart)
    row.srtp = isSrtpProfile(protection) ? new Srtp(protection, key, this.#srtpCiphers.make) : undefined
  }

  /** The address in the form of the socket is computed here once, not per packet. */
  setAddress(peer: PeerId, words: Int32Array, offset: number): void {
    const row = this.#rows.get(peer)
    if (row === undefined) return
    row.destination = new Int32Array(DESTINATION_WORDS)
    this.socket.writeDestination(row.destination, words, offset)
  }

  dropAddress(peer: PeerId): void {
    const row = this.#rows.get(peer)
    if (row !== undefined) row.destination = undefined
  }

  removePeer(peer: PeerId): void {
    forgetKeys(this.#rows.get(peer))
    this.#rows.delete(peer)
  }

  /** See `PacketIo`. A packet of the socket's own slots is not copied. */
  open(batch: Batch, slot: number, peer: PeerId): boolean {
    const row = this.#rows.get(peer)
    const length = batch.lengths[slot]!
    if (row === undefined || length < RTP_HEADER || length > SLOT) return false
    const start = this.#enter(batch.bytes, slot * SLOT, length)
    const opened = this.#openRow(row, start, length)
    if (start === this.#guest) batch.bytes.set(this.#bytes.subarray(start, start + length), slot * SLOT)
    if (opened < 0) return false
    batch.lengths[slot] = opened
    return true
  }

  forward(
    batch: Batch,
    slot: number,
    targets: Int32Array,
    count: number,
    except: PeerId,
    headers?: Int32Array,
  ): number {
    const length = batch.lengths[slot]!
    if (length < RTP_HEADER || length > SLOT) return 0
    const start = this.#enter(batch.bytes, slot * SLOT, length)
    let queued = 0
    for (let index = 0; index < count; index++) {
      const peer = targets[index]!
      if (peer === except) continue
      const row = this.#rows.get(peer)
      if (row?.srtp !== undefined && this.#sealSrtp(row, row.srtp, start, length, headers, index)) queued++
      if (row === undefined || row.protection === undefined) continue
      const clearLength = clearRtpLength(row.protection.layout, this.#bytes, start)
      if (this.#seal(row, row.protection, start, clearLength, length, RTP_HEADER, headers, index)) queued++
    }
    return queued
  }

  /**
   * Sends nothing if the header is the nonce: all receiver reports begin with the same bytes, which would repeat the nonce.
   */
  sendRtcp(peer: PeerId, bytes: Uint8Array, length: number): boolean {
    const row = this.#rows.get(peer)
    if (row === undefined || length < RTCP_HEADER || length > SLOT) return false
    const start = this.#enter(bytes, 0, length)
    if (row.srtp !== undefined) return this.#sealSrtcp(row, row.srtp, start, length)
    if (row.protection === undefined || row.protection.layout.nonceSource === 'header') return false
    return this.#seal(row, row.protection, start, CLEAR_RTCP_LENGTH, length, RTCP_HEADER, undefined, 0)
  }

  sendRaw(words: Int32Array, offset: number, bytes: Uint8Array, length: number): void {
    if (length > SLOT) {
      this.#failed++
      return
    }
    this.#bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), this.socket.claim())
    this.socket.writeDestination(this.#destination, words, offset)
    this.socket.queue(length, this.#destination)
  }

  flush(): void {
    this.socket.flush()
  }

  takeExhausted(): readonly PeerId[] {
    return this.#exhausted.take()
  }

  /** Closes the socket and erases the keys. */
  close(): void {
    for (const row of this.#rows.values()) forgetKeys(row)
    this.#rows.clear()
    this.#ciphers.close()
    this.socket.close()
  }

  /** The place of a packet in native memory; a packet outside is copied. */
  #enter(bytes: Uint8Array, offset: number, length: number): number {
    if (bytes.buffer === this.#bytes.buffer) return bytes.byteOffset + offset
    this.#bytes.set(bytes.subarray(offset, offset + length), this.#guest)
    return this.#guest
  }

  /** The cipher of a mode; `counter` is the first nonce. */
  #protect(mode: VoiceMode, key: Uint8Array, counter: number): Protected {
    const layout = PROTECTION_LAYOUTS[mode]
    return { layout, cipher: this.#ciphers.make(layout.cipher, key), counter }
  }

  /** Returns the length of the plain packet, −1 if authentication fails or the peer has no key. */
  #openRow({ protection, srtp }: Row, start: number, length: number): number {
    const { view } = this.#memory
    if (srtp === undefined) return protection === undefined ? -1 : this.#open(protection, start, length)
    if (isRtcpType(this.#bytes[start + 1]!)) return srtp.openRtcp(this.#bytes, view, start, length)
    return srtp.openRtp(this.#bytes, view, start, length)
  }

  /** A packet in one of Discord's modes. Returns the length of the plain packet, −1 if it does not authenticate. */
  #open({ layout, cipher }: Protected, start: number, length: number): number {
    const isRtcp = isRtcpType(this.#bytes[start + 1]!)
    const clear = isRtcp ? CLEAR_RTCP_LENGTH : clearRtpLength(layout, this.#bytes, start)
    const body = length - clear - layout.trailerLength
    if (body < PROTECTION_TAG_LENGTH) return -1
    fillProtectionNonce(layout, cipher.nonce, this.#bytes, start, length, isRtcp ? RTCP_HEADER : RTP_HEADER)
    return cipher.open(start, clear, start + clear, body) ? clear + body - PROTECTION_TAG_LENGTH : -1
  }

  /** Seals one packet for one peer and queues it. Returns false if the peer has no address or no nonces left. */
  #seal(
    row: Row,
    protection: Protected,
    start: number,
    clear: number,
    length: number,
    headerLength: number,
    headers: Int32Array | undefined,
    index: number,
  ): boolean {
    const { layout, cipher } = protection
    const { destination } = row
    const sealed = length + protectionOverhead(layout)
    if (destination === undefined || row.isExhausted || clear > length || sealed > SLOT) return false
    if (!hasNonce(protection)) return this.#exhausted.note(row)
    const out = this.socket.claim()
    this.#copyClear(start, out, clear, headers, index)
    this.#trailers.write(protection, this.#bytes, out + sealed - layout.trailerLength)
    fillProtectionNonce(layout, cipher.nonce, this.#bytes, out, sealed, headerLength)
    if (!cipher.seal(out, clear, start + clear, length - clear, out + clear)) return this.#refuse()
    this.socket.queue(sealed, destination)
    this.packets++
    this.#sentBytes += sealed
    return true
  }

  /** The same with SRTP, which refuses an index that was used before. */
  #sealSrtp(
    row: Row,
    srtp: Srtp,
    start: number,
    length: number,
    headers: Int32Array | undefined,
    index: number,
  ): boolean {
    const { view } = this.#memory
    const clear = rtpHeaderLength(view, start, length)
    if (row.destination === undefined || row.isExhausted || clear < 0 || length + SRTP_OVERHEAD > SLOT) return false
    const out = this.socket.claim()
    this.#copyClear(start, out, clear, headers, index)
    return this.#queueSrtp(row, srtp, srtp.sealRtp(this.#bytes, view, out, length, clear, start))
  }

  /** SRTCP numbers the packet itself, and appends index and tag. */
  #sealSrtcp(row: Row, srtp: Srtp, start: number, length: number): boolean {
    if (row.destination === undefined || row.isExhausted || length + SRTP_OVERHEAD > SLOT) return false
    const out = this.socket.claim()
    this.#bytes.copyWithin(out, start, start + length)
    return this.#queueSrtp(row, srtp, srtp.sealRtcp(this.#bytes, this.#memory.view, out, length))
  }

  /** Queues the claimed slot, unless sealing failed with a negative length. */
  #queueSrtp(row: Row, srtp: Srtp, sealed: number): boolean {
    if (sealed < 0) return srtp.isExhausted && this.#exhausted.note(row)
    this.socket.queue(sealed, row.destination!)
    this.packets++
    this.#sentBytes += sealed
    return true
  }

  /** Copies the `clear` bytes that begin the packet, and replaces the first words by those of target `index`. */
  #copyClear(start: number, out: number, clear: number, headers: Int32Array | undefined, index: number): void {
    const { words } = this.#memory
    const target = out >> 2
    for (let word = 0; word < clear >> 2; word++) words[target + word] = words[(start >> 2) + word]!
    if (headers === undefined) return
    for (let word = 0; word < HEADER_WORDS; word++) words[target + word] = headers[index * HEADER_WORDS + word]!
  }

  /**
   * The cipher failed, which it should not: counted. The copy counts as handled, so that the sender is not reported as
   * without address.
   */
  #refuse(): boolean {
    this.#failed++
    return true
  }
}

/** Erases the keys of a row. */
function forgetKeys(row: Row | undefined): void {
  row?.protection?.cipher.close()
  row?.srtp?.close()
}
