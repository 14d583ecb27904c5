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

/** What messages that wait for operations may occupy: those of one connection, and more where the backend has room. */
class Waiting implements MemoryBudget {
  readonly #usage: BackendUsage
  used = 0

  constructor(usage: BackendUsage) {
    this.#usage = usage
  }

  get max(): number {
    return LIMITS.lvspWaitingBytes + Math.max(0, this.#usage.limits.maxMemory - this.#usage.used)
  }

  /** Bytes that count for the bound of the backend: a few messages that wait take no room from its channels. */
  get counted(): number {
    return Math.max(0, this.used - LIMITS.lvspWaitingBytes)
  }
}

/** The room that nothing else of a backend occupies: a message that exceeds it replaces older ones. */
class Leftover implements MemoryBudget {
  readonly #usage: BackendUsage
  used = 0

  constructor(usage: BackendUsage) {
    this.#usage = usage
  }

  get max(): number {
    return Math.max(0, this.#usage.max - this.#usage.used)
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
  /** What its LVSP sessions keep for RESUME. */
  readonly kept: MemoryBudget = new Leftover(this)
  /** Its messages that wait for operations of their connections. */
  readonly waiting: MemoryBudget
  readonly #waiting = new Waiting(this)

  constructor(limits: BackendLimits) {
    this.limits = limits
    this.waiting = this.#waiting
  }

  /** Bytes that `used` may reach. */
  get max(): number {
    return Math.max(0, this.limits.maxMemory - this.#waiting.counted)
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
