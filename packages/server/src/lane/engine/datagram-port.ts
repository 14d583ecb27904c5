// The wire below a portable engine: a UDP socket, or a simulated one.
import type { SocketAddress } from '@parley/core'

/** What a port calls for every datagram. The bytes are valid during the call only. It does not throw. */
export type OnDatagram = (bytes: Uint8Array, ip: string, port: number) => void

export interface DatagramPort {
  /** The number it is bound to. */
  readonly port: number
  /** Sends that have not left yet. Their bytes must stay as they are until it is 0 again. */
  readonly unsent: number
  /** Sends that the system has refused so far. */
  readonly failed: number
  /** The address in the form that `send` wants; made once per address. */
  destination(address: SocketAddress): SocketAddress
  /** Sends `length` bytes at `offset`. Never throws: a refusal is counted. */
  send(bytes: Uint8Array, offset: number, length: number, to: SocketAddress): void
  close(): Promise<void>
}
