// Messages between a lane's thread and the thread that started it.
import type { LaneCommand, LaneEvent, LaneId } from '@parley/core'
import type { Bell, RingMessage } from './lane-rings.ts'

/** Packet engine of a lane. */
export type Engine = 'ffi' | 'portable'

/** Data that a thread starts with. */
export interface LaneStart {
  /** The module that runs the lane. */
  entry: string
  id: LaneId
  engine: Engine
  ip: string | undefined
  port: number
  addresses: readonly string[]
  /** A word of it is set to 1 after a message was posted: reading it is cheaper than reading the port. */
  bell: Bell
}

export type ToLane = { kind: 'commands'; commands: readonly LaneCommand[] } | RingMessage | { kind: 'close' }

export type FromLane =
  /** The port is open. `descriptors`, on the ffi engine only: socket and eventfd, which survive a crash of the thread. */
  | { kind: 'opened'; port: number; descriptors?: { socket: number; wake: number } }
  | { kind: 'refused'; code: string; message: string }
  /** After the warm-up: copies that the lane can send in a second. */
  | { kind: 'calibrated'; copiesPerSecond: number }
  | { kind: 'events'; events: readonly LaneEvent[] }
