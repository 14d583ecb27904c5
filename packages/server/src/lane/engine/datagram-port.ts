// The network below a portable engine: UDP sockets, or a simulated network.
import type { SocketAddress } from '@parley/core'

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
