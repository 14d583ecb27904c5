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
  SERVER_NONCE_LENGTH,
  SERVER_NONCES,
  type VoiceMode,
  writeServerNonce,
} from '@parley/protocol'
import { ExhaustedPeers, type Exhaustible } from '../crypto/exhausted-peers.ts'
import { type Aead, chooseAead, type SlotCipher, SlotCiphers } from '../crypto/slot-ciphers.ts'
import { SRTP_OVERHEAD, Srtp } from '../crypto/srtp.ts'
import { SrtpSlots } from '../crypto/srtp-slots.ts'
import { type Counted, hasNonce, Trailers } from '../crypto/trailers.ts'
import { IN_USE, IS_RTPSIZE, IS_XCHACHA, PeerTable } from '../table/peer-table.ts'
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

/** Bytes that the AEADs of the peer table add to a packet. */
const TABLE_OVERHEAD = PROTECTION_TAG_LENGTH + SERVER_NONCE_LENGTH
/** The clear part's length of all modes is that of one of these two. */
const RTPSIZE = PROTECTION_LAYOUTS.aead_aes256_gcm_rtpsize

/** For ciphers, and for packets outside the socket's slots. */
const OWN_SIZE = 2 * SLOT + 1024

/** Requires `protectionReady()` before the first peer with a legacy mode is protected. */
export class FfiEngine implements PacketIo {
  readonly socket: DatagramSocket
  readonly #memory: NativeMemory
  readonly #bytes: Uint8Array
  /** The bytes of received datagrams, and their place in the memory. */
  readonly #slab: Uint8Array
  readonly #slabStart: number
  readonly #ciphers: SlotCiphers
  readonly #srtpCiphers: SrtpSlots
  readonly #rows = new Map<PeerId, Row>()
  readonly #table = new PeerTable()
  /** What seals for the peers of the table; undefined if there are none. */
  readonly #oneCall: SlotCiphers['oneCall']
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
    this.#slab = this.socket.slab
    this.#slabStart = this.#slab.byteOffset
    this.#ciphers = new SlotCiphers(native, memory, aead)
    this.#oneCall = this.#ciphers.oneCall
    this.#srtpCiphers = new SrtpSlots(native, memory, this.#ciphers)
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
    this.#forgetKeys(row)
    row.isExhausted = false
    row.protection = isSrtpProfile(protection) ? undefined : this.#protect(peer, protection, key, nonceStart)
    row.srtp = isSrtpProfile(protection) ? new Srtp(protection, key, this.#srtpCiphers.make) : undefined
    this.#setTraits(row)
  }

  /** The address in the form of the socket is computed here once, not per packet. */
  setAddress(peer: PeerId, words: Int32Array, offset: number): void {
    const row = this.#rows.get(peer)
    if (row === undefined) return
    row.destination = new Int32Array(DESTINATION_WORDS)
    this.socket.writeDestination(row.destination, words, offset)
    this.#setTraits(row)
  }

  dropAddress(peer: PeerId): void {
    const row = this.#rows.get(peer)
    if (row === undefined) return
    row.destination = undefined
    this.#setTraits(row)
  }

  removePeer(peer: PeerId): void {
    this.#forgetKeys(this.#rows.get(peer))
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
    const isTable = headers === undefined && this.#oneCall !== undefined
    const rtpsize = clearRtpLength(RTPSIZE, this.#bytes, start)
    let queued = 0
    for (let index = 0; index < count; index++) {
      const peer = targets[index]!
      if (peer === except) continue
      const place = isTable ? this.#table.find(peer) : -1
      if (place >= 0 && this.#sealFromTable(place, start, rtpsize, length)) {
        queued++
        continue
      }
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
    for (const row of this.#rows.values()) this.#forgetKeys(row)
    this.#rows.clear()
    this.#ciphers.close()
    this.socket.close()
  }

  /** The place of a packet in native memory; a packet outside is copied. */
  #enter(bytes: Uint8Array, offset: number, length: number): number {
    if (bytes === this.#slab) return this.#slabStart + offset
    if (bytes.buffer === this.#bytes.buffer) return bytes.byteOffset + offset
    this.#bytes.set(bytes.subarray(offset, offset + length), this.#guest)
    return this.#guest
  }

  /** The cipher of a mode; `counter` is the first nonce. */
  #protect(peer: PeerId, mode: VoiceMode, key: Uint8Array, counter: number): Protected {
    const layout = PROTECTION_LAYOUTS[mode]
    const cipher = this.#ciphers.make(layout.cipher, key)
    if (cipher.oneCall === undefined) return { layout, cipher, counter }
    const table = this.#table
    const place = table.add(peer)
    table.setKey(place, cipher.oneCall.pointer)
    table.setCounter(place, counter)
    // One counter per key, wherever its nonces are used. A row stays where it is.
    return {
      layout,
      cipher,
      get counter() {
        return table.counter(place)
      },
      set counter(next) {
        table.setCounter(place, next)
      },
    }
  }

  /** Brings the table up to date after a change of the peer's key or address. */
  #setTraits({ peer, protection, destination }: Row): void {
    const place = this.#table.find(peer)
    if (place < 0) return
    const isXchacha = protection?.cipher.oneCall?.isXchacha === true
    const modes = (isXchacha ? IS_XCHACHA : 0) | (protection?.layout.isRtpsize === true ? IS_RTPSIZE : 0)
    if (destination !== undefined) this.#table.words.set(destination, this.#table.destination(place))
    this.#table.setTraits(place, destination === undefined ? modes : modes | IN_USE)
  }

  /** Erases the keys of a row. */
  #forgetKeys(row: Row | undefined): void {
    if (row === undefined) return
    this.#table.remove(row.peer)
    row.protection?.cipher.close()
    row.srtp?.close()
  }

  /** Seals one packet for the peer of a row and queues it. Returns false if that needs more than the row. */
  #sealFromTable(place: number, start: number, rtpsize: number, length: number): boolean {
    const table = this.#table
    const oneCall = this.#oneCall!
    const traits = table.traits(place)
    const counter = table.counter(place)
    const clear = (traits & IS_RTPSIZE) === 0 ? RTP_HEADER : rtpsize
    const sealed = length + TABLE_OVERHEAD
    if ((traits & IN_USE) === 0 || counter >= SERVER_NONCES || clear > length || sealed > SLOT) return false
    const out = this.socket.claim()
    this.#copyClear(start, out, clear, undefined, 0)
    table.setCounter(place, counter + 1)
    writeServerNonce(this.#bytes, out + sealed - SERVER_NONCE_LENGTH, counter)
    writeServerNonce(this.#bytes, oneCall.nonce, counter)
    const aead = (traits & IS_XCHACHA) === 0 ? oneCall.gcm : oneCall.xchacha
    const key = table.key(place)
    if (!aead.seal(this.#memory, key, oneCall.nonce, out, clear, start + clear, length - clear, out + clear))
      return this.#refuse()
    this.socket.queue(sealed, table.words, table.destination(place))
    this.packets++
    this.#sentBytes += sealed
    return true
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
    // All datagrams of a peer go to one copy of its destination, which orders them.
    const place = this.#table.find(row.peer)
    if (place < 0) this.socket.queue(sealed, destination)
    else this.socket.queue(sealed, this.#table.words, this.#table.destination(place))
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
