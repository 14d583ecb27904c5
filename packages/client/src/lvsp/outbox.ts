// Commands that a node may not have executed yet, in order. They are sent again after a reconnect.
import { LvspCapability, type LvspCommand, type LvspEvent, LvspInfo } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { Info } from './lvsp-messages.ts'
import type { RequestId } from './lvsp-outputs.ts'

export interface Command {
  type: LvspCommand
  /** Data of one message, or of several that act together (SYNC). */
  parts: readonly object[]
  /** Absent for commands without an answer. `by` is the time at which the request fails. */
  request?: { id: RequestId; by: number }
}

interface Ids {
  channel_id?: unknown
  user_id?: unknown
}

/** The INFO that answers a command. Commands that are not listed have no answer, and are settled by a later heartbeat. */
const ANSWERS: Partial<Record<LvspCommand, LvspEvent>> = {
  [LvspInfo.ChannelRequest]: LvspInfo.ChannelAssign,
  [LvspInfo.VoiceStateCreate]: LvspInfo.VoiceStateDone,
  [LvspInfo.TokenRefresh]: LvspInfo.VoiceStateDone,
  [LvspInfo.Stats]: LvspInfo.Stats,
}

const ANSWERING: ReadonlySet<LvspEvent> = new Set(Object.values(ANSWERS))

const NEEDED: Partial<Record<LvspCommand, LvspCapability>> = {
  [LvspInfo.Sync]: LvspCapability.Sync,
  [LvspInfo.TokenRefresh]: LvspCapability.UserToken,
  [LvspInfo.Stats]: LvspCapability.Stats,
  [LvspInfo.FrontBackend]: LvspCapability.Front,
}

/** The capability without which a node refuses a command; undefined if it needs none. */
export const capabilityFor = (type: LvspCommand): LvspCapability | undefined => NEEDED[type]

/** Whether a command has an answer. */
export const hasAnswer = (type: LvspCommand): boolean => ANSWERS[type] !== undefined

/** Settles and returns the oldest command that an INFO answers. */
export function settledBy(outbox: Outbox, info: Info): Command | undefined {
  if (info.type !== LvspInfo.Failure) return outbox.answered(info.type, info.data as Ids)
  const { type, data } = info.data.in_reply_to
  return outbox.refused(type, data)
}

/**
 * A node executes commands in order. Every command sent before one that it answered, or before a heartbeat that it
 * acknowledged, has been executed and is not sent again.
 */
export class Outbox {
  /** By serial number, oldest first. */
  readonly #commands = new Map<number, Command>()
  /** Timeouts of requests by serial number. All wait equally long, so the oldest is due first. */
  readonly #waiting = new Map<number, number>()
  #serial = 0
  #barrier = 0

  get size(): number {
    return this.#commands.size
  }

  /** Returns false if the outbox is full. */
  add(command: Command): boolean {
    if (this.#commands.size >= LIMITS.outboxCommands) return false
    this.#commands.set(++this.#serial, command)
    if (command.request !== undefined) this.#waiting.set(this.#serial, command.request.by)
    return true
  }

  /** All commands, oldest first. */
  all(): IterableIterator<Command> {
    return this.#commands.values()
  }

  /** Settles and returns the oldest request that this event answers. */
  answered(type: LvspEvent, data: Ids): Command | undefined {
    if (!ANSWERING.has(type)) return undefined
    return this.#settle(command => ANSWERS[command.type] === type && namesSame(command, data))
  }

  /** Settles and returns the oldest command of this type with these ids. */
  refused(type: number, data: Ids): Command | undefined {
    return this.#settle(command => command.type === type && namesSame(command, data))
  }

  /** A heartbeat was sent. */
  markHeartbeat(): void {
    this.#barrier = this.#serial
  }
  /** The latest heartbeat was acknowledged. */
  heartbeatAcknowledged(): void {
    this.#dropUnanswerable(this.#barrier)
  }

  remove(command: Command): void {
    for (const [serial, other] of this.#commands) if (other === command) this.#delete(serial)
  }

  /** Removes and returns the commands that are not fit. */
  removeUnless(isFit: (command: Command) => boolean): Command[] {
    const removed: Command[] = []
    for (const [serial, command] of this.#commands)
      if (!isFit(command)) {
        this.#delete(serial)
        removed.push(command)
      }
    return removed
  }

  /** When the next request fails; `Infinity` without requests. */
  get deadline(): number {
    for (const by of this.#waiting.values()) return by
    return Infinity
  }

  #settle(isIt: (command: Command) => boolean): Command | undefined {
    for (const [serial, command] of this.#commands)
      if (isIt(command)) {
        this.#delete(serial)
        this.#dropUnanswerable(serial)
        return command
      }
    return undefined
  }

  #delete(serial: number): void {
    this.#commands.delete(serial)
    this.#waiting.delete(serial)
  }

  #dropUnanswerable(upTo: number): void {
    for (const [serial, { request }] of this.#commands) {
      if (serial > upTo) return
      if (request === undefined) this.#commands.delete(serial)
    }
  }
}

/** Ids that one side omits match any value. */
function namesSame({ parts }: Command, { channel_id, user_id }: Ids): boolean {
  const own: Ids = parts[0] ?? {}
  const same = (a: unknown, b: unknown) => a === undefined || b === undefined || a === b
  return same(own.channel_id, channel_id) && same(own.user_id, user_id)
}
