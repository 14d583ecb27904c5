// The interface to a packet engine: what receives, opens, seals and sends datagrams. Two engines implement it, under one
// contract suite (test/contract/packet-io-suite.ts).
import type { Batch } from './batch.ts'
import type { PeerId, Protection } from './commands.ts'

/**
 * 32-bit words of a packet that may differ per target: flags, payload type and sequence; timestamp; SSRC (RFC 3550 §5.1); the start
 * of the header extension and its first element.
 */
export const HEADER_WORDS = 5

/**
 * What a packet engine does for a lane. Per packet nothing here allocates (as far as the engine can) and nothing throws.
 * Peer methods are called between batches only.
 */
export interface PacketIo {
  addPeer(peer: PeerId): void
  /**
   * Sets the peer's key for both directions; its server nonces start at `nonceStart` (30 bits, see nonce.ts). For SRTP `key` is
   * the keying material that DTLS exported for the server, and `nonceStart` is not used.
   */
  protectPeer(peer: PeerId, protection: Protection, key: Uint8Array, nonceStart: number): void
  /** Sets where sealed packets of this peer go: ADDRESS_WORDS words at `offset` of `words`. */
  setAddress(peer: PeerId, words: Int32Array, offset: number): void
  /** Sends nothing to the peer until it has an address again. */
  dropAddress(peer: PeerId): void
  removePeer(peer: PeerId): void

  /**
   * Opens the RTP or RTCP packet in `slot` in place with the peer's key: afterwards the slot holds the plain packet
   * (clear part, then plaintext) and `batch.lengths[slot]` its length. Returns false if it did not verify or is malformed;
   * the content of the slot is then undefined.
   */
  open(batch: Batch, slot: number, peer: PeerId): boolean
  /**
   * Seals the plain RTP packet in `slot` once per target and queues the copies. `targets` is read up to `count`; `except` is
   * skipped. With `headers`, the copy for target i begins with the HEADER_WORDS words at i × HEADER_WORDS, in the byte order of
   * the wire, instead of the packet's own; they must have its X bit and its number of CSRCs, and be its own behind its header.
   * Returns how many copies were queued. A target without address, key or nonces is skipped, as is, under SRTP, one for which this
   * sequence number was used before or is older than its window: an SRTP index is used once per key and SSRC (RFC 3711 §9.1).
   */
  forward(batch: Batch, slot: number, targets: Int32Array, count: number, except: PeerId, headers?: Int32Array): number
  /** Seals one RTCP packet (plain, `length` bytes of `bytes`) for a peer and queues it. */
  sendRtcp(peer: PeerId, bytes: Uint8Array, length: number): boolean
  /** Queues bytes as they are, to an address of ADDRESS_WORDS words at `offset`. */
  sendRaw(words: Int32Array, offset: number, bytes: Uint8Array, length: number): void
  /** Sends the queued datagrams. */
  flush(): void
  /** Totals of the engine, read by the lane's counters. */
  readonly sent: { packets: number; bytes: number; failed: number }
  /** Peers whose nonces ran out since the last call. */
  takeExhausted(): readonly PeerId[]
}
