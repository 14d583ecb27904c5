// What the parts of a test server that act on users need of it.
import type { Calls } from './calls.ts'
import type { Directory } from './directory.ts'
import type { UserFaults } from './faults/user-faults.ts'
import type { Trace } from './trace/trace.ts'

export interface ControlContext {
  readonly directory: Directory
  readonly calls: Calls
  readonly trace: Trace
  /** Of the control API; required as `Authorization: Bearer …`. */
  readonly token: string
  faultsOf(userId: string): UserFaults
  /** Destroys voice connections; returns how many. */
  dropVoice(userId: string): number
  dropGateway(userId: string): void
  /** Voice connections that are open. */
  connectionsOf(userId: string): number
  stopNode(): Promise<void>
  startNode(): Promise<void>
}
