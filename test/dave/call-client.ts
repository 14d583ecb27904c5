// The interface of a call's clients, independent of their DAVE library.
import type { DaveSession } from '../../packages/core/src/dave/member.ts'

export type FromNode = { op: number; data: unknown } | { op: number; payload: Uint8Array }
export type FromClient = { op: number; transitionId: number } | { op: number; payload: Uint8Array }

/** Faults that a test injects into a client. */
export interface Faults {
  /** Changes an outgoing Commit Welcome (op 28); undefined drops it. */
  commit?: (payload: Buffer) => Buffer | undefined
  /** The number of next incoming commits and Welcomes to corrupt. */
  breakCommits?: number
  breakWelcomes?: number
  /** Reports each message that it cannot use, as libdave does; discord.js reports the first until it can use one. */
  reportsAll?: boolean
  /** Opcodes that the client never sends. */
  silent?: ReadonlySet<number>
}

/** The view that one member has of its group. */
export interface GroupView {
  epoch: number
  /** Hex; equal for all members of an epoch and different for every other epoch and group. */
  authenticator: string
  /** Unordered. */
  users: string[]
  /** The member's own leaf index. */
  leaf: number
}

export interface CallClient extends DaveSession {
  readonly claimedVersion: number
  readonly inbox: FromNode[]
  readonly outbox: FromClient[]
  faults: Faults
  /** Errors of the library that real clients would not catch. */
  readonly thrown: unknown[]
  /** Processes the next message from the node. */
  receive(): void
  encrypt(frame: Buffer): Buffer
  /** The decrypted frame, or the error. */
  decrypt(userId: string, frame: Buffer): Buffer | Error
  /** Undefined while the client has no group. */
  view(): GroupView | undefined
}
