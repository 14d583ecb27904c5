// What one backend occupies on the node, and the bounds on it. A bound per channel and one on channels do not bound their product.

import { noViews } from '../lane/layer-report.ts'
import { LIMITS } from '../limits.ts'
import type { MemoryBudget } from '../replay-buffer.ts'

/** Bounds on everything that one backend has on the node. */
export interface BackendLimits {
  readonly maxChannels: number
  readonly maxVoiceStates: number
  /** Voice states of one channel. */
  readonly maxChannelMembers: number
  /** Bits per second of media that the members of one channel may send together, and one member by itself; 0: no bound. */
  readonly maxChannelBitrate: number
  readonly maxMemberBitrate: number
  /** Bytes, by the estimates in LIMITS. */
  readonly maxMemory: number
}

/** Limits as configured; absent ones have their defaults. */
export type PartialBackendLimits = { readonly [Name in keyof BackendLimits]?: BackendLimits[Name] | undefined }

export const backendLimits = ({
  maxChannels,
  maxVoiceStates,
  maxChannelMembers,
  maxChannelBitrate,
  maxMemberBitrate,
  maxMemory,
}: PartialBackendLimits): BackendLimits => ({
  maxChannels: maxChannels ?? LIMITS.channelsPerBackend,
  maxVoiceStates: maxVoiceStates ?? LIMITS.voiceStatesPerBackend,
  maxChannelMembers: maxChannelMembers ?? LIMITS.voiceStatesPerChannel,
  maxChannelBitrate: maxChannelBitrate ?? 0,
  maxMemberBitrate: maxMemberBitrate ?? 0,
  maxMemory: maxMemory ?? LIMITS.memoryPerBackend,
})

/** Bytes of one kind, whose bound depends on what else the backend has. */
class DependentBudget implements MemoryBudget {
  readonly #most: () => number
  used = 0

  constructor(most: () => number) {
    this.#most = most
  }

  get max(): number {
    return Math.max(0, this.#most())
  }
}

export class BackendUsage implements MemoryBudget {
  /** May be changed at any time; a lower limit ends nothing that exists. */
  limits: BackendLimits
  channels = 0
  voiceStates = 0
  sessions = 0
  /** Viewers of video at present, each counted per source, by what limits them. */
  readonly views = noViews()
  /** Packets above the bit rate of their sender or its channel. */
  overBitrate = 0
  /** Bytes, besides those of the next two. */
  used = 0
  /** What its LVSP sessions keep for RESUME, in the room that nothing else occupies: a message that exceeds it replaces older ones. */
  readonly kept: MemoryBudget = new DependentBudget(() => this.max - this.used)
  /** Its messages that wait for operations of their connections: as many as of one connection, and more where it has room. */
  readonly waiting: MemoryBudget = new DependentBudget(
    () => LIMITS.lvspWaitingBytes + Math.max(0, this.limits.maxMemory - this.used),
  )

  constructor(limits: BackendLimits) {
    this.limits = limits
  }

  /** Bytes that `used` may reach. A few messages that wait take no room from channels. */
  get max(): number {
    const waiting = Math.max(0, this.waiting.used - LIMITS.lvspWaitingBytes)
    return Math.max(0, this.limits.maxMemory - waiting)
  }

  /** Bytes that it occupies in all. */
  get memory(): number {
    return this.used + this.kept.used + this.waiting.used
  }

  /** Whether so many bytes are left. What is kept for RESUME leaves them. */
  hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.max
  }
}
