// The wire below a portable engine: UDP sockets, or a simulated one.
import type { SocketAddress } from '@parley/core'

/**
 * What a port calls for every datagram. `local` is the number of the local address it came to; 0 where there is only one. The bytes
 * are valid during the call only. It does not throw.
 */
export type OnDatagram = (bytes: Uint8Array, ip: string, port: number, local: number) => void

/** Where a datagram goes, in the form that `send` takes. */
export interface Destination extends SocketAddress {
  /** The number of the local address to send from; 0 for the port's choice. */
  readonly local: number
}

export interface DatagramPort {
  /** The number it is bound to, on every local address. */
  readonly port: number
  /** Sends that have not left yet. Their bytes must stay as they are until it is 0 again. */
  readonly unsent: number
  /** Sends that the system has refused so far. */
  readonly failed: number
  /** The form that `send` takes; created once per address. */
  destination(address: SocketAddress, local: number): Destination
  /** Sends `length` bytes at `offset`. Never throws: a refusal is counted. */
  send(bytes: Uint8Array, offset: number, length: number, to: Destination): void
  close(): Promise<void>
}
