// The interface to a packet engine: what moves, opens and seals datagrams. Two engines implement it, under one contract suite.
import type { PeerId, Protection } from './commands.ts'

/** Bytes of one slot. A longer datagram is cut; `lengths` then holds its full length, so that it can be dropped. */
export const SLOT = 2048
/** The most datagrams of one batch. */
export const BATCH = 64
/**
 * 32-bit words of one remote address in `Batch.addresses`: four of IPv6 (IPv4 as ::ffff:a.b.c.d), one of port, one that names the
 * local address. Only the first IDENTITY_WORDS tell addresses apart.
 */
export const ADDRESS_WORDS = 6
export const IDENTITY_WORDS = 5
/** The word of the port. */
export const ADDRESS_PORT = 4
/**
 * The word of the local address that a datagram came to, as the engine numbers its own: what is sent to the remote address leaves
 * from there. 0 lets the system choose.
 */
export const ADDRESS_LOCAL = 5

/** Datagrams of one wake-up, in a slab of fixed slots. Valid only during the call it is passed to. */
export interface Batch {
  /** BATCH × SLOT bytes. Slot i starts at i × SLOT. */
  readonly bytes: Uint8Array
  /** Over the same bytes. */
  readonly view: DataView
  count: number
  /** Bytes of each slot's datagram. `open` shortens it to header and payload. */
  readonly lengths: Int32Array
  /** BATCH × ADDRESS_WORDS: where each datagram came from, and which local address it came to. */
  readonly addresses: Int32Array
  /** How many ms each datagram had waited in the socket when it was read; 0 where the engine cannot tell. */
  readonly waited: Int32Array
  /** Datagrams that the socket had no room for, since the last batch that told. */
  lost: number
}

/** Packets of one SSRC to one peer, and the bytes of their payloads. */
export interface SentOf {
  readonly packets: number
  readonly octets: number
}

/**
 * What a packet engine does for a lane. Per packet nothing here allocates (as far as the engine can) and nothing throws.
 * Peer methods are called between batches only.
 */
export interface PacketIo {
  addPeer(peer: PeerId): void
  /**
   * Gives the peer a key for both directions; its server nonces start at `nonceStart` (30 bits, see nonce.ts). For SRTP `key` is
   * what DTLS exported for the server's side, and `nonceStart` is not used.
   */
  protectPeer(peer: PeerId, protection: Protection, key: Uint8Array, nonceStart: number): void
  /** Where sealed packets of this peer go: ADDRESS_WORDS words at `offset` of `words`. */
  setAddress(peer: PeerId, words: Int32Array, offset: number): void
  /** Nothing is sent to the peer any more, until it has an address again. */
  dropAddress(peer: PeerId): void
  removePeer(peer: PeerId): void
  /**
   * The source's sequence of the packet of `ssrc` that the peer received as `sequence`: SRTP may have changed it. −1 if the
   * peer was sent nothing of that SSRC.
   */
  sourceSequence(peer: PeerId, ssrc: number, sequence: number): number
  /** What the peer was sent of an SSRC under its present key. Undefined if that is nothing, or not counted: only SRTP counts. */
  sentOf(peer: PeerId, ssrc: number): SentOf | undefined

  /**
   * Opens the RTP or RTCP packet in `slot` in place with the peer's key: afterwards the slot holds the plain packet
   * (clear part, then plaintext) and `batch.lengths[slot]` its length. Returns false if it did not verify or is malformed;
   * the slot is then garbage.
   */
  open(batch: Batch, slot: number, peer: PeerId): boolean
  /**
   * Seals the plain RTP packet in `slot` once per target and queues the copies. `targets` is read up to `count`;
   * `except` is skipped. Returns how many were queued; a target without address or nonces left is skipped.
   */
  forward(batch: Batch, slot: number, targets: Int32Array, count: number, except: PeerId): number
  /** Seals one RTCP packet (plain, `length` bytes of `bytes`) for a peer and queues it. */
  sendRtcp(peer: PeerId, bytes: Uint8Array, length: number): boolean
  /** Queues bytes as they are, to an address of ADDRESS_WORDS words at `offset`. */
  sendRaw(words: Int32Array, offset: number, bytes: Uint8Array, length: number): void
  /** Sends what is queued. */
  flush(): void
  /** Engine-side totals, read by the lane's counters. */
  readonly sent: { packets: number; bytes: number; failed: number }
  /** Peers whose nonces ran out since the last call. */
  takeExhausted(): readonly PeerId[]
}
