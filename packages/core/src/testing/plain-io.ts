// An in-memory packet engine for tests of the router: sealing appends a tag that identifies the key, and nothing is sent.
import {
  ADDRESS_WORDS,
  type Batch,
  createBatch,
  HEADER_WORDS,
  type PacketIo,
  type PeerId,
  type Protection,
  SLOT,
} from '@parley/core'

/** Bytes of the tag: the key's first byte twelve times, then a nonce, which may be anything. */
export const PLAIN_TAG = 16
export const PLAIN_NONCE = 4

export interface Sent {
  /** The peer it was sealed for; 0 for raw datagrams. */
  peer: PeerId
  /** The plaintext without the tag. */
  bytes: Uint8Array
}

/** What the engine holds about a peer: the byte that its key begins with, −1 before it has one. */
interface Row {
  tag: number
  isAddressed: boolean
}

/** With `keepsSent` false it only counts packets, so that it allocates nothing per packet. */
export class PlainIo implements PacketIo {
  readonly #rows = new Map<PeerId, Row>()
  readonly #keepsSent: boolean
  readonly sent = { packets: 0, bytes: 0, failed: 0 }
  readonly outbox: Sent[] = []
  /** Packets of `sent` that are RTCP. */
  reports = 0
  exhausted: PeerId[] = []
  isFlushed = true

  constructor(keepsSent = true) {
    this.#keepsSent = keepsSent
  }

  get peers(): number {
    return this.#rows.size
  }
  /** The byte that the peer's key begins with. */
  tagOf(peer: PeerId): number {
    return this.#rows.get(peer)?.tag ?? -1
  }
  /** Packets sent since the last call. */
  take(): Sent[] {
    return this.outbox.splice(0)
  }

  addPeer(peer: PeerId): void {
    this.#rows.set(peer, { tag: -1, isAddressed: false })
  }
  /** The first byte of the key is the tag of every packet of the peer. */
  protectPeer(peer: PeerId, _protection: Protection, key: Uint8Array): void {
    this.#rows.get(peer)!.tag = key[0]!
  }
  setAddress(peer: PeerId, _words: Int32Array, _offset: number): void {
    if (!this.isFlushed) throw new Error('setAddress within a batch')
    this.#rows.get(peer)!.isAddressed = true
  }
  dropAddress(peer: PeerId): void {
    this.#rows.get(peer)!.isAddressed = false
  }
  removePeer(peer: PeerId): void {
    this.#rows.delete(peer)
  }
  /** Checks the tag, and cuts it off. Sequences and replays are not checked. */
  open(batch: Batch, slot: number, peer: PeerId): boolean {
    this.isFlushed = false
    const end = slot * SLOT + batch.lengths[slot]!
    const tag = this.#rows.get(peer)!.tag
    for (let index = end - PLAIN_TAG; index < end - PLAIN_NONCE; index++) if (batch.bytes[index] !== tag) return false
    batch.lengths[slot] = batch.lengths[slot]! - PLAIN_TAG
    return true
  }
  /** Copies to every target with an address, without sealing. */
  forward(
    batch: Batch,
    slot: number,
    targets: Int32Array,
    count: number,
    except: PeerId,
    headers?: Int32Array,
  ): number {
    let queued = 0
    for (let index = 0; index < count; index++) {
      const peer = targets[index]!
      if (peer === except || !this.#rows.get(peer)!.isAddressed) continue
      queued++
      this.#send(peer, batch.bytes, slot * SLOT, batch.lengths[slot]!)
      if (headers !== undefined && this.#keepsSent) writeHeader(this.outbox.at(-1)!.bytes, headers, index)
    }
    return queued
  }
  sendRtcp(peer: PeerId, bytes: Uint8Array, length: number): boolean {
    this.isFlushed = false
    this.reports++
    this.#send(peer, bytes, 0, length)
    return true
  }
  sendRaw(_words: Int32Array, _offset: number, bytes: Uint8Array, length: number): void {
    if (this.#keepsSent) this.outbox.push({ peer: 0, bytes: bytes.slice(0, length) })
  }
  flush(): void {
    this.isFlushed = true
  }
  takeExhausted(): readonly PeerId[] {
    const taken = this.exhausted
    if (taken.length > 0) this.exhausted = []
    return taken
  }

  #send(peer: PeerId, bytes: Uint8Array, offset: number, length: number): void {
    this.sent.packets++
    this.sent.bytes += length
    if (this.#keepsSent) this.outbox.push({ peer, bytes: bytes.slice(offset, offset + length) })
  }
}

/** Replaces the first words of a packet by those of target `index`. */
function writeHeader(bytes: Uint8Array, headers: Int32Array, index: number): void {
  const start = headers.byteOffset + index * HEADER_WORDS * 4
  bytes.set(new Uint8Array(headers.buffer, start, Math.min(bytes.length, HEADER_WORDS * 4)))
}

/** An empty batch of the size that engines use. */
export const makeBatch = (): Batch => createBatch()

/** Adds a datagram; `words` is its source address. A datagram longer than a slot is truncated; its length is kept. */
export function addDatagram(batch: Batch, bytes: Uint8Array, words: ArrayLike<number>): void {
  const slot = batch.count++
  batch.bytes.set(bytes.subarray(0, SLOT), slot * SLOT)
  batch.lengths[slot] = bytes.length
  for (let word = 0; word < ADDRESS_WORDS; word++) batch.addresses[slot * ADDRESS_WORDS + word] = words[word]!
}
