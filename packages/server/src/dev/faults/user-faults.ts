// The faults of one user: those that wait for their time, and the conditions that are in effect.
import { SERVER_LIMITS } from '../../limits.ts'
import type { FaultName } from './fault-table.ts'
import { type Fault, FaultError, parseFaults } from './fault-words.ts'

/** What a fault acts on. */
export interface FaultTarget {
  closeVoice(code: number): void
  dropVoice(): void
  sendUnknownOpcode(): void
  moveEndpoint(): void
}

/** Read by the user's voice connections and relays. */
export interface Conditions {
  isAcknowledging: boolean
  isSilent: boolean
  /** Requests of IP discovery that will be lost. */
  discoveryLosses: number
  /** Share of datagrams lost, 0 to 1. */
  loss: number
}

export class UserFaults {
  readonly conditions: Conditions = { isAcknowledging: true, isSilent: false, discoveryLosses: 0, loss: 0 }
  readonly #target: FaultTarget
  /** Faults for the next voice session. */
  #waiting: Fault[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Texts of tokens that were added: a client that logs in again does not repeat its faults. */
  readonly #texts = new Set<string>()
  #count = 0
  #isLive = false

  constructor(target: FaultTarget) {
    this.#target = target
  }

  /** Adds faults. Throws a `FaultError`, and then adds none. */
  add(text: string): void {
    const faults = parseFaults(text)
    this.#count += faults.length
    if (this.#count > SERVER_LIMITS.maxFaults) {
      this.#count -= faults.length
      throw new FaultError(`faults: a user has at most ${SERVER_LIMITS.maxFaults}; clear them first`)
    }
    for (const fault of faults) this.#admit(fault)
  }

  /** The same, once for each text. */
  addOnce(text: string): void {
    if (this.#texts.has(text)) return
    this.add(text)
    this.#texts.add(text)
  }

  /** Ends every fault. */
  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#waiting = []
    this.#count = 0
    Object.assign(this.conditions, { isAcknowledging: true, isSilent: false, discoveryLosses: 0, loss: 0 })
  }

  /** A voice session of the user is established or resumed. */
  sessionStarted(): void {
    this.#isLive = true
    for (const fault of this.#waiting.splice(0)) this.#schedule(fault)
  }

  sessionEnded(): void {
    this.#isLive = false
  }

  /** A lasting fault without a time is in effect before the session, for discovery is part of its start. */
  #admit(fault: Fault): void {
    if (fault.delay === 0 && LASTING[fault.name] !== undefined) return this.#apply(fault)
    if (this.#isLive) this.#schedule(fault)
    else this.#waiting.push(fault)
  }

  #schedule(fault: Fault): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#apply(fault)
    }, fault.delay)
    this.#timers.add(timer)
  }

  #apply({ name, value = 0 }: Fault): void {
    const begin = LASTING[name]
    if (begin !== undefined) return begin(this.conditions, value)
    this.#count--
    ONCE[name]?.(this.#target, value)
  }
}

const LASTING: Partial<Record<FaultName, (conditions: Conditions, value: number) => void>> = {
  'no-heartbeat-ack': conditions => {
    conditions.isAcknowledging = false
  },
  'silent-ws': conditions => {
    conditions.isSilent = true
  },
  'discovery-lost': (conditions, count) => {
    conditions.discoveryLosses = count
  },
  'udp-loss': (conditions, percent) => {
    conditions.loss = percent / 100
  },
}

const ONCE: Partial<Record<FaultName, (target: FaultTarget, value: number) => void>> = {
  'close-ws': (target, code) => target.closeVoice(code),
  'drop-ws': target => target.dropVoice(),
  'unknown-opcode': target => target.sendUnknownOpcode(),
  'endpoint-move': target => target.moveEndpoint(),
}
