// Commands that a node may not have carried out yet, in order: what is sent again after a connection was lost.
import { type LvspCommand, type LvspEvent, LvspInfo } from '@parley/protocol'
import type { Info } from './incoming.ts'
import type { RequestId } from './outputs.ts'

export interface Command {
  type: LvspCommand
  /** Data of one message, or of several that act together. */
  parts: readonly object[]
  /** Absent for commands that have no answer. */
  request?: { id: RequestId; by: number }
}

interface Ids {
  channel_id?: unknown
  user_id?: unknown
}

const ANSWERS: Partial<Record<LvspCommand, LvspEvent>> = {
  [LvspInfo.ChannelRequest]: LvspInfo.ChannelAssign,
  [LvspInfo.VoiceStateCreate]: LvspInfo.VoiceStateDone,
  [LvspInfo.TokenRefresh]: LvspInfo.VoiceStateDone,
  [LvspInfo.Stats]: LvspInfo.Stats,
}

const ANSWERING: ReadonlySet<LvspEvent> = new Set(Object.values(ANSWERS))

/** Whether a command is answered at all. */
export const hasAnswer = (type: LvspCommand): boolean => ANSWERS[type] !== undefined

/** What an INFO answers: the oldest command that it can answer is done. */
export function settledBy(outbox: Outbox, info: Info): Command | undefined {
  if (info.type !== LvspInfo.Failure) return outbox.answered(info.type, info.data as Ids)
  const { type, data } = info.data.in_reply_to
  return outbox.refused(type, data)
}

/** More than a node lets a backend have; past it something is wrong with whoever fills it. */
const LONGEST = 200_000

/**
 * A node works in order. So whatever was sent before a command that it answered, or before a heartbeat that it
 * acknowledged, has been carried out, and need not be sent again.
 */
export class Outbox {
  /** By serial number, oldest first. */
  readonly #commands = new Map<number, Command>()
  /** Of those that are requests: until when each waits. All wait equally long, so the oldest is due first. */
  readonly #waiting = new Map<number, number>()
  #serial = 0
  #barrier = 0

  get size(): number {
    return this.#commands.size
  }

  /** False if it is full. */
  add(command: Command): boolean {
    if (this.#commands.size >= LONGEST) return false
    this.#commands.set(++this.#serial, command)
    if (command.request !== undefined) this.#waiting.set(this.#serial, command.request.by)
    return true
  }

  /** Everything, oldest first. */
  all(): IterableIterator<Command> {
    return this.#commands.values()
  }

  /** The oldest request that this event answers; it is done. */
  answered(type: LvspEvent, data: Ids): Command | undefined {
    if (!ANSWERING.has(type)) return undefined
    return this.#settle(command => ANSWERS[command.type] === type && namesSame(command, data))
  }

  /** The oldest command of this type that names these ids; it is done. */
  refused(type: number, data: Ids): Command | undefined {
    return this.#settle(command => command.type === type && namesSame(command, data))
  }

  /** A heartbeat was sent. */
  markHeartbeat(): void {
    this.#barrier = this.#serial
  }
  /** It was acknowledged. */
  heartbeatAcknowledged(): void {
    this.#dropUnanswerable(this.#barrier)
  }

  remove(command: Command): void {
    for (const [serial, other] of this.#commands) if (other === command) this.#delete(serial)
  }

  /** Removes the commands that fail a test. */
  removeUnless(isFit: (command: Command) => boolean): Command[] {
    const removed: Command[] = []
    for (const [serial, command] of this.#commands)
      if (!isFit(command)) {
        this.#delete(serial)
        removed.push(command)
      }
    return removed
  }

  /** When the first request has waited long enough. */
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

/** Ids that either side leaves out do not tell apart. */
function namesSame({ parts }: Command, { channel_id, user_id }: Ids): boolean {
  const own: Ids = parts[0] ?? {}
  const same = (a: unknown, b: unknown) => a === undefined || b === undefined || a === b
  return same(own.channel_id, channel_id) && same(own.user_id, user_id)
}
