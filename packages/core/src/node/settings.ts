// The settings of a node that may change while it runs.
import type { BackendLimits } from '../channel/backend-usage.ts'
import type { BackendId } from '../channel/channel-ref.ts'
import type { DavePolicy } from '../dave/version.ts'
import type { TokenPolicy } from '../gateway/authenticator.ts'
import type { Capacity } from '../lvsp/health.ts'

/** What may change of a backend. Backends are not added or removed. */
export interface BackendSettings extends Partial<BackendLimits> {
  readonly id: BackendId
  /** One, or two during a rotation. */
  readonly secrets: readonly string[]
}

/** Each is described at `VoiceNodeOptions`. They apply from the next use on: to new sessions, new losses of a connection. */
export interface NodeSettings extends Omit<TokenPolicy, 'adopting'> {
  readonly announce: readonly string[]
  readonly resumeWindow: number
  readonly minVersion: number
  readonly strictOpcodes: boolean
  /** Also applies to calls in progress whose backend sets no policy. */
  readonly dave: DavePolicy
  readonly orphanGrace: number
  readonly capacity: Capacity
  readonly backends: readonly BackendSettings[]
}

/**
 * The same object seen by its owner: the parts of the node receive it read-only, `NodeOperator.configure` writes to it.
 */
export type Writable<Settings> = { -readonly [Name in keyof Settings]: Settings[Name] }
