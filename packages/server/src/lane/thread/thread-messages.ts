// What a lane's thread and the thread that started it tell each other.
import type { LaneCommand, LaneEvent, LaneId } from '@parley/core'

/** Which packet engine a lane runs on. */
export type Engine = 'ffi' | 'portable'

/** What the thread starts with. */
export interface LaneStart {
  /** The module that runs the lane. */
  entry: string
  id: LaneId
  engine: Engine
  ip: string | undefined
  port: number
  addresses: readonly string[]
  /** One word, set to 1 after something was posted: reading it costs nothing, reading the port does. */
  posted: SharedArrayBuffer
}

export type ToLane = { kind: 'commands'; commands: readonly LaneCommand[] } | { kind: 'close' }

export type FromLane =
  /** Bound to `port`. `descriptors` are there on the ffi engine: the wake's, and the socket's, which outlive a crash. */
  | { kind: 'opened'; port: number; descriptors?: { socket: number; wake: number } }
  | { kind: 'refused'; code: string; message: string }
  | { kind: 'events'; events: readonly LaneEvent[] }
