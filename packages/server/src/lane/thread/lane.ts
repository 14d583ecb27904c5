// A lane as the host sees it, on any engine and thread.
import type { LaneCommand, LaneId } from '@parley/core'
import type { RingMessage } from './lane-rings.ts'

export interface Lane {
  readonly id: LaneId
  /** The UDP port it is bound to. */
  readonly port: number
  /** Copies that it can send in a second, as measured at its start; undefined until then, and without its own thread. */
  readonly copiesPerSecond: number | undefined
  /** Commands take effect in order. After `close` they are ignored. */
  command(command: LaneCommand): void
  /** Guarantees that the lane applies the commands so far before any datagram that is sent afterwards. */
  flush(): void
  /** Takes its end of a ring, behind the commands so far. */
  connect(ring: RingMessage): void
  /** Closes the socket; resolves when the port is free. */
  close(): Promise<void>
}
