// What a connection of LVSP needs of its owner.
import type { LvspCapability } from '@parley/protocol'
import type { ConnectionId, Effects } from '../../effect.ts'
import type { CommandTarget } from '../commands.ts'
import type { Agreement } from '../dialect.ts'
import type { KeyMatch } from '../keyring.ts'
import type { LvspSession } from '../session.ts'

/** A connection, as its owner keeps it. */
export interface OwnedConnection {
  readonly id: ConnectionId
  readonly origin: LvspOrigin
  dismiss(reason: string, now: number): void
}

/** What a connection needs of the `Lvsp` that owns it: authentication, and the observer of its life. */
export interface LvspOwner extends CommandTarget {
  readonly effects: Effects
  readonly serverVersion: string
  /** The extensions of the specification that the node offers. */
  readonly capabilities: readonly LvspCapability[]
  /** The backend whose HMAC of the nonce the token is. */
  authenticate(nonce: string, token: string): KeyMatch | undefined
  /** The session whose last token this is: drafts of the specification resume with it. */
  sessionByDraftToken(token: string): LvspSession | undefined
  /** The session of the backend, or of a front for it, created if there is none, and the backend's configuration. Undefined if it has too many fronts. */
  enter(
    backend: string,
    front: string | undefined,
  ):
    | {
        session: LvspSession
        agreement: Omit<Agreement, 'capabilities'>
        requireHeartbeat: boolean
        adoptsTokens: boolean
      }
    | undefined
  /** The connection presented a wrong token. */
  failed(address: string, now: number): void
  /** The connection authenticated as a backend. */
  identified(connection: OwnedConnection): void
  /** READY was sent, without a replay before it. */
  ready(backend: string, now: number): void
  /** The connection closed, by either side. Called once. */
  ended(connection: OwnedConnection): void
}

/** The origin of a connection: for notes, and for the delay after wrong tokens. */
export interface LvspOrigin {
  remoteAddress: string
  userAgent?: string | undefined
}
