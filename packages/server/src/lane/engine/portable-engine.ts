// The packet engine for every system: node:crypto and libsodium for the ciphers, a datagram port for the network.
// It has no batches: a datagram is routed and its copies are sent when it arrives. `ffi-engine.ts` is its twin, under
// one contract suite.
import {
  ADDRESS_LOCAL,
  ADDRESS_PORT,
  ADDRESS_WORDS,
  type Batch,
  createBatch,
  HEADER_WORDS,
  LIMITS,
  type PacketIo,
  type PeerId,
  type Protection,
  readAddress,
  SLOT,
  type SocketAddress,
  writeAddress,
} from '@parley/core'
import {
  CLEAR_RTCP_LENGTH,
  clearRtpLength,
  fillProtectionNonce,
  isRtcpType,
  isSrtpProfile,
  PROTECTION_LAYOUTS,
  PROTECTION_TAG_LENGTH,
  type ProtectionLayout,
  protectionOverhead,
  RTCP_HEADER,
  RTP_HEADER,
} from '@parley/protocol'
import { ExhaustedPeers, type Exhaustible } from '../crypto/exhausted-peers.ts'
import { makePacketCipher, type PacketCipher } from '../crypto/protection.ts'
import { SRTP_OVERHEAD, Srtp } from '../crypto/srtp.ts'
import { type Counted, hasNonce, Trailers } from '../crypto/trailers.ts'

/**
 * Receives every datagram of a port. `local` is the number of the local address it arrived at; 0 if there is only one. The bytes
 * are valid during the call only. It must not throw.
 */
export type OnDatagram = (bytes: Uint8Array, ip: string, port: number, local: number) => void

/** The destination of a datagram, in the form that `send` takes. */
export interface Destination extends SocketAddress {
  /** The number of the local address to send from; 0 for the port's choice. */
  readonly local: number
}

/** The network below the engine: `openDgramPort` in operation, a port without a socket in tests. */
export interface DatagramPort {
  /** The UDP port number, the same on every local address. */
  readonly port: number
  /** Sends in progress. Their bytes must not change until it is 0 again. */
  readonly unsent: number
  /** Sends that the system refused. */
  readonly failed: number
  /** The form that `send` takes; created once per address. */
  destination(address: SocketAddress, local: number): Destination
  /** Sends `length` bytes at `offset`. Never throws: a refusal is counted. */
  send(bytes: Uint8Array, offset: number, length: number, to: Destination): void
  close(): Promise<void>
}

/** A key in one of Discord's modes. */
interface Protected extends Counted {
  readonly cipher: PacketCipher
  /** Bytes that the layout does not fill stay zero. */
  readonly nonce: Uint8Array
}

/** What the engine holds about a peer. At most one of `protection` and `srtp` is set. */
interface Row extends Exhaustible {
  /** Of a client with one of Discord's modes. */
  protection: Protected | undefined
  /** Of a WebRTC client. */
  srtp: Srtp | undefined
  destination: Destination | undefined
}

const NO_BYTES = new Uint8Array(0)

/** Requires `protectionReady()` before the first peer is protected. */
export class PortableEngine implements PacketIo {
  readonly #port: DatagramPort
  readonly #rows = new Map<PeerId, Row>()
  readonly #batch = createBatch(1)
  /** Parsed addresses by text: dgram names the source of each datagram as text. */
  readonly #words = new Map<string, Int32Array>()
  /** Datagrams in progress. While the system accepts each one at once, only the first slot is used. */
  readonly #slots = new Uint8Array(LIMITS.unsentDatagrams * SLOT)
  readonly #slotView = new DataView(this.#slots.buffer)
  readonly #slotWords = new Int32Array(this.#slots.buffer)
  #slot = 0
  readonly #trailers = new Trailers()
  /** Packets sealed so far. */
  packets = 0
  #bytes = 0
  #dropped = 0
  readonly #exhausted = new ExhaustedPeers()

  constructor(port: DatagramPort) {
    this.#port = port
  }

  get sent() {
    return { packets: this.packets, bytes: this.#bytes, failed: this.#dropped + this.#port.failed }
  }

  /** A batch of one datagram; undefined if its source is not an IP address. Valid until the next call. */
  load(bytes: Uint8Array, ip: string, port: number, local = 0): Batch | undefined {
    const words = this.#words.get(ip) ?? this.#parse(ip)
    if (words === undefined) return undefined
    const batch = this.#batch
    batch.bytes.set(bytes.length > SLOT ? bytes.subarray(0, SLOT) : bytes)
    batch.lengths[0] = bytes.length
    batch.addresses.set(words)
    batch.addresses[ADDRESS_PORT] = port
    batch.addresses[ADDRESS_LOCAL] = local
    batch.count = 1
    return batch
  }

  addPeer(peer: PeerId): void {
    const nothing = { protection: undefined, srtp: undefined, destination: undefined }
    this.#rows.set(peer, { peer, ...nothing, isExhausted: false })
  }

  protectPeer(peer: PeerId, protection: Protection, key: Uint8Array, nonceStart: number): void {
    const row = this.#rows.get(peer)
    if (row === undefined) return
    row.isExhausted = false
    row.srtp = isSrtpProfile(protection) ? new Srtp(protection, key) : undefined
    row.protection = isSrtpProfile(protection)
      ? undefined
      : makeProtected(PROTECTION_LAYOUTS[protection], key, nonceStart)
  }

  setAddress(peer: PeerId, words: Int32Array, offset: number): void {
    const row = this.#rows.get(peer)
    if (row !== undefined) row.destination = this.#destination(words, offset)
  }

  dropAddress(peer: PeerId): void {
    const row = this.#rows.get(peer)
    if (row !== undefined) row.destination = undefined
  }

  removePeer(peer: PeerId): void {
    this.#rows.delete(peer)
  }

  open(batch: Batch, slot: number, peer: PeerId): boolean {
    const row = this.#rows.get(peer)
    const length = batch.lengths[slot]!
    if (row === undefined || length < RTP_HEADER || length > SLOT) return false
    if (row.srtp !== undefined) return openSrtp(row.srtp, batch, slot)
    if (row.protection === undefined) return false
    const { protection } = row
    const { layout, nonce } = protection
    const { bytes } = batch
    const offset = slot * SLOT
    const isRtcp = isRtcpType(bytes[offset + 1]!)
    const clear = isRtcp ? CLEAR_RTCP_LENGTH : clearRtpLength(layout, bytes, offset)
    const body = length - clear - layout.trailerLength
    if (body < PROTECTION_TAG_LENGTH) return false
    fillProtectionNonce(layout, nonce, bytes, offset, length, isRtcp ? RTCP_HEADER : RTP_HEADER)
    if (!protection.cipher.open(nonce, bytes, clear, offset + clear, body)) return false
    batch.lengths[slot] = clear + body - PROTECTION_TAG_LENGTH
    return true
  }

  /** See `PacketIo`. The views of clear part and payload are created once for all targets whose modes agree on them. */
  forward(
    batch: Batch,
    slot: number,
    targets: Int32Array,
    count: number,
    except: PeerId,
    headers?: Int32Array,
  ): number {
    const offset = slot * SLOT
    const length = batch.lengths[slot]!
    let clear: Uint8Array = NO_BYTES
    let plain: Uint8Array = NO_BYTES
    let queued = 0
    for (let index = 0; index < count; index++) {
      const row = targets[index] === except ? undefined : this.#rows.get(targets[index]!)
      if (row?.srtp !== undefined && this.#sealSrtp(row, row.srtp, batch.bytes, offset, length, headers, index))
        queued++
      if (row?.protection === undefined) continue
      const clearLength = clearRtpLength(row.protection.layout, batch.bytes, offset)
      if (clear.length !== clearLength) {
        clear = batch.bytes.subarray(offset, offset + clearLength)
        plain = batch.bytes.subarray(offset + clearLength, offset + length)
      }
      if (this.#seal(row, row.protection, clear, plain, RTP_HEADER, headers, index)) queued++
    }
    return queued
  }

  /**
   * Sends nothing if the header is the nonce: all receiver reports begin with the same bytes, which would repeat the nonce.
   */
  sendRtcp(peer: PeerId, bytes: Uint8Array, length: number): boolean {
    const row = this.#rows.get(peer)
    if (row?.srtp !== undefined) return this.#sealSrtcp(row, row.srtp, bytes, length)
    if (row?.protection === undefined || row.protection.layout.nonceSource === 'header') return false
    const clear = bytes.subarray(0, CLEAR_RTCP_LENGTH)
    return this.#seal(row, row.protection, clear, bytes.subarray(CLEAR_RTCP_LENGTH, length), RTCP_HEADER, undefined, 0)
  }

  sendRaw(words: Int32Array, offset: number, bytes: Uint8Array, length: number): void {
    const start = this.#claimSlot()
    if (start < 0) return
    this.#slots.set(length === bytes.length ? bytes : bytes.subarray(0, length), start)
    this.#port.send(this.#slots, start, length, this.#destination(words, offset))
  }

  /** The port's form of an address. */
  #destination(words: Int32Array, offset: number): Destination {
    return this.#port.destination(readAddress(words, offset), words[offset + ADDRESS_LOCAL]!)
  }

  /** The port sends at once; nothing is queued here. */
  flush(): void {}

  takeExhausted(): readonly PeerId[] {
    return this.#exhausted.take()
  }

  /** Seals one packet for one peer and sends it. Returns false if the peer has no address or no nonces left. */
  #seal(
    row: Row,
    protection: Protected,
    clear: Uint8Array,
    plain: Uint8Array,
    headerLength: number,
    headers: Int32Array | undefined,
    index: number,
  ): boolean {
    if (row.destination === undefined || row.isExhausted) return false
    const { layout, nonce } = protection
    const length = clear.length + plain.length + protectionOverhead(layout)
    if (length > SLOT) return false
    if (!hasNonce(protection)) return this.#exhausted.note(row)
    const start = this.#claimSlot()
    if (start < 0) return true
    const slots = this.#slots
    for (let byte = 0; byte < clear.length; byte++) slots[start + byte] = clear[byte]!
    this.#writeHeader(start, headers, index)
    this.#trailers.write(protection, slots, start + length - layout.trailerLength)
    fillProtectionNonce(layout, nonce, slots, start, length, headerLength)
    protection.cipher.seal(
      nonce,
      headers === undefined ? clear : slots.subarray(start, start + clear.length),
      plain,
      slots,
      start + clear.length,
    )
    this.#port.send(slots, start, length, row.destination)
    this.packets++
    this.#bytes += length
    return true
  }

  /** The same with SRTP, which seals in place and refuses an index that was used before. */
  #sealSrtp(
    row: Row,
    srtp: Srtp,
    bytes: Uint8Array,
    offset: number,
    length: number,
    headers: Int32Array | undefined,
    index: number,
  ): boolean {
    if (row.destination === undefined || row.isExhausted || length + SRTP_OVERHEAD > SLOT) return false
    const start = this.#claimSlot()
    if (start < 0) return true
    this.#slots.set(bytes.subarray(offset, offset + length), start)
    this.#writeHeader(start, headers, index)
    return this.#sendSrtp(row, srtp, start, srtp.sealRtp(this.#slots, this.#slotView, start, length))
  }

  /** SRTCP numbers the packet itself, and appends index and tag. */
  #sealSrtcp(row: Row, srtp: Srtp, bytes: Uint8Array, length: number): boolean {
    if (row.destination === undefined || row.isExhausted || length + SRTP_OVERHEAD > SLOT) return false
    const start = this.#claimSlot()
    if (start < 0) return true
    this.#slots.set(bytes.subarray(0, length), start)
    return this.#sendSrtp(row, srtp, start, srtp.sealRtcp(this.#slots, this.#slotView, start, length))
  }

  /** Sends the slot at `start`, unless sealing failed with a negative length. */
  #sendSrtp(row: Row, srtp: Srtp, start: number, sealed: number): boolean {
    if (sealed < 0) return srtp.isExhausted && this.#exhausted.note(row)
    this.#port.send(this.#slots, start, sealed, row.destination!)
    this.packets++
    this.#bytes += sealed
    return true
  }

  /** Replaces the first words of the packet at `start` by those of target `index`. */
  #writeHeader(start: number, headers: Int32Array | undefined, index: number): void {
    if (headers === undefined) return
    for (let word = 0; word < HEADER_WORDS; word++)
      this.#slotWords[(start >> 2) + word] = headers[index * HEADER_WORDS + word]!
  }

  /** Place of the next datagram; −1, counted as a drop, while too many sends are in progress. */
  #claimSlot(): number {
    const unsent = this.#port.unsent
    if (unsent === 0) this.#slot = 0
    if (unsent >= LIMITS.unsentDatagrams - 1) {
      this.#dropped++
      return -1
    }
    const start = this.#slot * SLOT
    this.#slot = (this.#slot + 1) % LIMITS.unsentDatagrams
    return start
  }

  /** At the bound all are forgotten: parsing again costs less than a bookkeeping of use. */
  #parse(ip: string): Int32Array | undefined {
    const words = new Int32Array(ADDRESS_WORDS)
    if (!writeAddress(words, 0, ip, 0)) return undefined
    if (this.#words.size >= LIMITS.parsedAddresses) this.#words.clear()
    this.#words.set(ip, words)
    return words
  }
}

/** `counter` is the first nonce. */
function makeProtected(layout: ProtectionLayout, key: Uint8Array, counter: number): Protected {
  return { layout, cipher: makePacketCipher(layout.cipher, key), nonce: new Uint8Array(layout.nonceLength), counter }
}

/** Opens in place, and shortens the slot. Returns false if the packet does not authenticate or is a replay. */
function openSrtp(srtp: Srtp, { bytes, view, lengths }: Batch, slot: number): boolean {
  const offset = slot * SLOT
  const length = lengths[slot]!
  const plain = isRtcpType(bytes[offset + 1]!)
    ? srtp.openRtcp(bytes, view, offset, length)
    : srtp.openRtp(bytes, view, offset, length)
  if (plain >= 0) lengths[slot] = plain
  return plain >= 0
}
