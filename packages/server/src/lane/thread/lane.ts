// A lane as the host sees it, on any engine and thread.
import type { LaneCommand, LaneId } from '@parley/core'

export interface Lane {
  readonly id: LaneId
  /** The UDP port it is bound to. */
  readonly port: number
  /** Commands take effect in order. After `close` they are ignored. */
  command(command: LaneCommand): void
  /** Guarantees that the lane applies the commands so far before any datagram that is sent afterwards. */
  flush(): void
  /** Closes the socket; resolves when the port is free. */
  close(): Promise<void>
}
