// What becomes of a backend's commands: checked, kept until the node has executed them, sent in order, again after a reconnect.
import { type LvspCapability, type LvspCommand, LvspCommands, LvspFailure, LvspOp } from '@parley/protocol'
import type { z } from 'zod'
import { answerOf, eventOf, type Info } from './lvsp-messages.ts'
import type { LvspOutput, RequestFailure, RequestId } from './lvsp-outputs.ts'
import { type Command, capabilityFor, hasAnswer, Outbox, settledBy } from './outbox.ts'

/** Data of a command. Snowflakes may be safe integers, and `guild_id` may be null. */
export type LvspCommandInput<T extends LvspCommand> = z.input<(typeof LvspCommands)[T]>

/**
 * The commands of one session, over all of its connections. A request ends with the output `answered` or `failed`. A command
 * without an answer ends silently, or with `refused` if it was not executed.
 */
export class Commands {
  readonly #requestTimeout: number
  readonly #output: (output: LvspOutput) => void
  readonly #outbox = new Outbox()
  /** Capabilities of the present connection; undefined while the node is not ready. */
  #agreed: readonly LvspCapability[] | undefined
  /** Why the session ended; undefined before. */
  #endReason: string | undefined
  #lastRequest: RequestId = 0

  /** `requestTimeout` in milliseconds. Outputs are in the order in which they have to be applied. */
  constructor(requestTimeout: number, output: (output: LvspOutput) => void) {
    this.#requestTimeout = requestTimeout
    this.#output = output
  }

  /** Commands that the node may not have executed yet. */
  get size(): number {
    return this.#outbox.size
  }

  /** When the next request fails; `Infinity` without requests. */
  get deadline(): number {
    return this.#outbox.deadline
  }

  /** See `LvspClientSession.request`. */
  request<T extends LvspCommand>(type: T, data: LvspCommandInput<T>, now: number): RequestId {
    const id = ++this.#lastRequest
    const invalid = invalidity(type, data)
    if (!hasAnswer(type)) this.#failed(id, { message: `info type ${type} has no answer` })
    else if (invalid !== undefined) this.#failed(id, { code: LvspFailure.InvalidData, message: invalid })
    else this.#enqueue({ type, parts: [data], request: { id, by: now + this.#requestTimeout } })
    return id
  }

  /** See `LvspClientSession.command`. */
  command<T extends LvspCommand>(type: T, parts: readonly LvspCommandInput<T>[]): void {
    for (const part of parts) {
      const message = invalidity(type, part)
      if (message === undefined) continue
      this.#output({ kind: 'refused', type, failure: { code: LvspFailure.InvalidData, message } })
      return
    }
    this.#enqueue({ type, parts })
  }

  /** READY: sends every command that the node may not have executed, in order, except those that were not agreed on. */
  connected(capabilities: readonly LvspCapability[]): void {
    this.#agreed = capabilities
    for (const command of this.#outbox.removeUnless(command => this.#isAgreed(command))) this.#dropUnagreed(command)
    for (const command of this.#outbox.all()) this.#send(command)
  }

  /** The connection is lost: commands wait for the next READY. */
  disconnected(): void {
    this.#agreed = undefined
  }

  /** An INFO of the node: the answer to a request, else an event. Before READY it answers nothing, as it may be a replay. */
  received(info: Info): void {
    const request = this.#agreed === undefined ? undefined : settledBy(this.#outbox, info)?.request
    const output = request === undefined ? eventOf(info) : answerOf(request.id, info)
    if (output !== undefined) this.#output(output)
  }

  heartbeatSent(): void {
    this.#outbox.markHeartbeat()
  }

  /** The node executes in order, so that commands sent before the heartbeat count as executed. */
  heartbeatAcknowledged(): void {
    this.#outbox.heartbeatAcknowledged()
  }

  /** Fails requests that were not answered in time. */
  expire(now: number): void {
    if (this.#outbox.deadline > now) return
    for (const command of this.#outbox.removeUnless(({ request }) => request === undefined || request.by > now))
      this.#drop(command, `the node did not answer in ${this.#requestTimeout} ms`)
  }

  /** The session is over: what is left is refused, as is every later command. */
  end(reason: string): void {
    // Sent commands are on their way: they do not fail because they are not settled yet.
    if (this.#agreed !== undefined) this.#outbox.removeUnless(({ request }) => request !== undefined)
    this.#agreed = undefined
    this.#endReason = `the session has ended: ${reason}`
    for (const command of this.#outbox.removeUnless(() => false)) this.#drop(command, this.#endReason)
  }

  /**
   * Adds a command to the outbox and sends it if the node is ready. It is refused if the session ended, the outbox is
   * full, or its capability was not agreed on.
   */
  #enqueue(command: Command): void {
    if (this.#endReason !== undefined) return this.#drop(command, this.#endReason)
    if (!this.#outbox.add(command)) return this.#drop(command, 'too many commands are waiting for the node')
    if (this.#agreed === undefined) return
    if (this.#isAgreed(command)) return this.#send(command)
    this.#outbox.remove(command)
    this.#dropUnagreed(command)
  }

  #isAgreed({ type }: Command): boolean {
    const needed = capabilityFor(type)
    return needed === undefined || this.#agreed?.includes(needed) === true
  }

  #dropUnagreed(command: Command): void {
    this.#drop(command, `the node did not agree to ${capabilityFor(command.type)}`)
  }

  /** Reports a command that will not be executed: as `failed` if it is a request, otherwise as `refused`. */
  #drop({ type, request }: Command, message: string): void {
    if (request !== undefined) this.#failed(request.id, { message })
    else this.#output({ kind: 'refused', type, failure: { message } })
  }

  #send({ type, parts }: Command): void {
    for (const data of parts)
      this.#output({ kind: 'send', data: JSON.stringify({ op: LvspOp.Info, d: { type, data } }) })
  }

  #failed(request: RequestId, failure: RequestFailure): void {
    this.#output({ kind: 'failed', request, failure })
  }
}

/** Why a node would refuse this data; undefined if it is valid. */
function invalidity(type: LvspCommand, data: unknown): string | undefined {
  const { error } = LvspCommands[type].safeParse(data)
  const issue = error?.issues[0]
  return issue && `${issue.path.join('.') || 'data'}: ${issue.message}`
}
