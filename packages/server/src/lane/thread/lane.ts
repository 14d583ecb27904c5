// What the host knows of a lane, whatever engine and thread it runs on.
import type { LaneCommand, LaneId } from '@parley/core'

export interface Lane {
  readonly id: LaneId
  /** The UDP port it is bound to. */
  readonly port: number
  /** Commands take effect in order. After `close` they do nothing. */
  command(command: LaneCommand): void
  /** Sees to it that the lane has the commands so far before any datagram that is sent after this. */
  flush(): void
  /** Releases the socket; resolves when it is free. */
  close(): Promise<void>
}
