// The faults of one user: those that wait for their trigger, and those that are in effect.
import { SERVER_LIMITS } from '../../limits.ts'
import type { FaultName } from './fault-table.ts'
import { FAULTS } from './fault-table.ts'
import { type Fault, FaultError, parseFaults } from './fault-words.ts'
import type { FaultEvent } from './triggers.ts'

/** Acts for faults that happen once; is notified of those that begin. */
export interface FaultTarget {
  act(name: FaultName, value: number): void
  began(name: FaultName, value: number | undefined): void
}

/** A fault whose trigger has not occurred. */
interface Waiting {
  fault: Fault
  source: string
  event: FaultEvent
  /** Occurrences of the event that are missing. */
  left: number
}

/** A lasting fault in effect. */
interface Active {
  value: number
  source: string
}

/**
 * Faults are added by the control API, a token or a channel's name; the places where they act ask for them by `value`
 * and `take`.
 */
export class UserFaults {
  readonly #target: FaultTarget
  #waiting: Waiting[] = []
  /** Faults that last, by name. */
  readonly #active = new Map<FaultName, Active>()
  readonly #timers = new Map<NodeJS.Timeout, string>()
  /** Texts of tokens that were added: a client that logs in again does not repeat its faults. */
  readonly #texts = new Set<string>()
  #isLive = false

  constructor(target: FaultTarget) {
    this.#target = target
  }

  /** The number of a fault that is in effect, 0 if it has none; undefined if it is not in effect. */
  value(name: FaultName): number | undefined {
    return this.#active.get(name)?.value
  }

  /** Whether a fault with a number of occurrences has one left; uses it up. */
  take(name: FaultName): boolean {
    const active = this.#active.get(name)
    if (active === undefined) return false
    if (--active.value <= 0) this.#active.delete(name)
    return true
  }

  get isEmpty(): boolean {
    return this.#active.size === 0 && this.#waiting.length === 0 && this.#timers.size === 0
  }

  /** Adds faults. Throws a `FaultError`, and then adds none. `source` names what can be removed together. */
  add(text: string, source = 'api'): void {
    const faults = this.#parse(text, () => true)
    for (const fault of faults) this.#admit(fault, source)
  }

  /** Ends those of one source, and adds others. Throws a `FaultError`, and then changes nothing. */
  replace(text: string, source: string): void {
    const faults = this.#parse(text, other => other !== source)
    this.clear(source)
    for (const fault of faults) this.#admit(fault, source)
  }

  /** The same, once for each text. */
  addOnce(text: string): void {
    if (this.#texts.has(text)) return
    this.add(text, 'token')
    this.#texts.add(text)
  }

  /** Ends every fault, or those of one source. */
  clear(source?: string): void {
    const isMeant = (other: string) => source === undefined || other === source
    for (const [timer, other] of this.#timers) if (isMeant(other)) this.#stop(timer)
    for (const [name, active] of this.#active) if (isMeant(active.source)) this.#active.delete(name)
    this.#waiting = this.#waiting.filter(waiting => !isMeant(waiting.source))
  }

  /** A message or packet of the user's voice connection. */
  happened(event: FaultEvent): void {
    if (this.#waiting.length === 0) return
    for (const waiting of this.#waiting) if (waiting.event === event) waiting.left--
    const due = this.#waiting.filter(({ left }) => left <= 0)
    this.#waiting = this.#waiting.filter(({ left }) => left > 0)
    for (const { fault, source } of due) this.#schedule(fault, source)
  }

  /** A voice session of the user is established or resumed. */
  sessionStarted(): void {
    this.#isLive = true
    this.happened('start')
  }

  /** Faults that happen once wait for the next session again. */
  sessionEnded(): void {
    this.#isLive = false
  }

  /** Throws a `FaultError` if they are invalid, or too many beside those whose source stays. */
  #parse(text: string, stays: (source: string) => boolean): readonly Fault[] {
    const faults = parseFaults(text)
    const sources = [...this.#active.values(), ...this.#waiting].map(({ source }) => source)
    const others = [...sources, ...this.#timers.values()].filter(stays).length
    if (others + faults.length > SERVER_LIMITS.maxFaults)
      throw new FaultError(`faults: a user has at most ${SERVER_LIMITS.maxFaults}; clear them first`)
    return faults
  }

  /** A lasting fault without a trigger is in effect before the session, for discovery is part of its start. */
  #admit(fault: Fault, source: string): void {
    const { event, occurrence, delay } = fault.trigger
    if (event !== undefined) this.#waiting.push({ fault, source, event, left: occurrence })
    else if (delay === 0 && FAULTS[fault.name].kind === 'lasting') this.#apply(fault, source)
    else if (this.#isLive) this.#schedule(fault, source)
    else this.#waiting.push({ fault, source, event: 'start', left: 1 })
  }

  /** Applies a fault after the delay of its trigger. */
  #schedule(fault: Fault, source: string): void {
    // Without a delay it acts before the next message: `@after:resume` precedes the answer to Resume.
    if (fault.trigger.delay === 0 && fault.trigger.event !== undefined) return this.#apply(fault, source)
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#apply(fault, source)
    }, fault.trigger.delay)
    this.#timers.set(timer, source)
  }

  #stop(timer: NodeJS.Timeout): void {
    clearTimeout(timer)
    this.#timers.delete(timer)
  }

  /** The fault begins: a lasting one is in effect, the other acts. */
  #apply({ name, value }: Fault, source: string): void {
    this.#target.began(name, value)
    if (FAULTS[name].kind === 'lasting') this.#active.set(name, { value: value ?? 0, source })
    else this.#target.act(name, value ?? 0)
  }
}
