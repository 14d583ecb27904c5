// What a node is built from.
import type { BackendControlOptions } from '../backend/control.ts'
import type { PartialBackendLimits } from '../channel/backend-usage.ts'
import type { OpenLane } from '../channel/lane-handle.ts'
import type { Crypto } from '../crypto.ts'
import type { DavePolicy } from '../dave/version.ts'
import type { Gateway } from '../gateway/connection.ts'
import type { AuthenticationPolicy } from '../gateway/voice-sessions.ts'
import type { Capacity } from '../lvsp/health.ts'
import type { LvspBackend } from '../lvsp/lvsp.ts'
import type { WebrtcOptions } from '../transport/webrtc/webrtc-host.ts'
import type { BanPolicy } from './address-bans.ts'

/** A chat backend as configured: how it speaks LVSP, and bounds on what it may have on the node. */
export interface BackendOptions extends LvspBackend, PartialBackendLimits {}

/**
 * What a node is built from. Settings that a part of the node reads are described there; the configuration of the
 * server has the same names in `[voice]` and `[lvsp]`.
 */
export interface VoiceNodeOptions
  extends Omit<AuthenticationPolicy, 'modes' | 'adopting'>,
    Pick<BackendControlOptions, 'endpoint' | 'orphanGrace'>,
    Pick<Gateway, 'serverVersion' | 'minVersion'>,
    Partial<Pick<Gateway, 'strictOpcodes'>>,
    Partial<BanPolicy>,
    WebrtcOptions {
  /** Randomness and cryptography of the host. */
  crypto: Crypto
  /** The backends that may authenticate. A node without any accepts no LVSP connection. */
  backends: readonly BackendOptions[]
  /** Lanes that are open already; at least one. */
  lanes: readonly OpenLane[]
  /** Whether the legacy encryption modes are offered too. */
  legacyModes: boolean
  /** Members of one channel on one lane, before others are placed on another lane. Default: 1,000. */
  membersPerLane?: number | undefined
  /** The policy of calls whose backend sets none; `allowed` by default. */
  dave?: DavePolicy | undefined
  /** What the node counts as full load, for its health. */
  capacity: Capacity
  /**
   * Milliseconds for which an Identify without a matching voice state waits for it, where a backend adopts tokens. Default: 3,000.
   */
  identifyGrace?: number | undefined
}
