// What a call asks of its clients, whichever DAVE library they are built on.
import type { DaveSession } from '../../packages/core/src/dave/member.ts'

export type FromNode = { op: number; data: unknown } | { op: number; payload: Uint8Array }
export type FromClient = { op: number; transitionId: number } | { op: number; payload: Uint8Array }

/** What a test may do to what a client makes and gets. */
export interface Faults {
  /** Changes op 28; undefined swallows it. */
  commit?: (payload: Buffer) => Buffer | undefined
  /** Makes the next commits or welcomes that arrive useless to this client. */
  breakCommits?: number
  breakWelcomes?: number
  /** Never sends these opcodes. */
  silent?: ReadonlySet<number>
}

/** A group as one of its members sees it. */
export interface GroupView {
  epoch: number
  /** Hex; the same for all members of an epoch, and for nobody else. */
  authenticator: string
  /** In no order. */
  users: string[]
  /** Its own. */
  leaf: number
}

export interface CallClient extends DaveSession {
  readonly claimedVersion: number
  readonly inbox: FromNode[]
  readonly outbox: FromClient[]
  faults: Faults
  /** What went wrong in the library where its users would not catch it. */
  readonly thrown: unknown[]
  /** Takes the next message of the node. */
  receive(): void
  encrypt(frame: Buffer): Buffer
  /** The frame, or the error why not. */
  decrypt(userId: string, frame: Buffer): Buffer | Error
  /** Undefined while it has no group. */
  view(): GroupView | undefined
}
