// Peers whose key has sealed as many packets as it may. Only control can give them another one.
import type { PeerId } from '@parley/core'

const NO_PEERS: readonly PeerId[] = []

export interface Exhaustible {
  readonly peer: PeerId
  isExhausted: boolean
}

export class ExhaustedPeers {
  #peers: PeerId[] = []

  /** Returns false: the packet is not sent. */
  note(row: Exhaustible): false {
    row.isExhausted = true
    this.#peers.push(row.peer)
    return false
  }

  /** Returns those that were noted since the last call. Allocates nothing if there are none. */
  take(): readonly PeerId[] {
    if (this.#peers.length === 0) return NO_PEERS
    const taken = this.#peers
    this.#peers = []
    return taken
  }
}
