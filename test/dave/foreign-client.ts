// A DAVE client whose library runs in a process of another language; its message queues are here.
import { VoiceOp } from '@parley/protocol'
import type { CallClient, Faults, FromClient, FromNode, GroupView } from './call-client.ts'
import type { LineProcess } from './line-process.ts'

/** A message of a client in the JSON of the process: bytes are base64. */
interface Said {
  op: number
  transition_id?: number
  payload?: string
}

let lastClient = 0

export class ForeignClient implements CallClient {
  readonly userId: string
  readonly voiceState = {}
  readonly claimedVersion = 1
  readonly inbox: FromNode[] = []
  readonly outbox: FromClient[] = []
  readonly thrown: unknown[] = []
  /** Every opcode sent, in order. */
  readonly said: number[] = []
  faults: Faults = {}
  readonly #process: LineProcess
  readonly #client = ++lastClient

  constructor(process: LineProcess, userId: string, channelId: string) {
    this.#process = process
    this.userId = userId
    this.#ask('open', { user_id: userId, channel_id: channelId })
  }

  sendText(op: VoiceOp, text: string): void {
    this.inbox.push({ op, data: JSON.parse(text) })
  }
  sendBinary(op: VoiceOp, payload: Uint8Array): void {
    this.inbox.push({ op, payload })
  }
  refuseSealed(): void {}

  receive(): void {
    const message = this.inbox.shift()
    if (message === undefined) return
    try {
      for (const said of this.#handle(message)) this.#say(said)
    } catch (error) {
      this.thrown.push(error)
    }
  }

  encrypt(frame: Buffer): Buffer {
    return Buffer.from(String(this.#ask('encrypt', { frame: frame.toString('base64') }).frame), 'base64')
  }
  decrypt(userId: string, frame: Buffer): Buffer | Error {
    try {
      const { frame: opened } = this.#ask('decrypt', { user_id: userId, frame: frame.toString('base64') })
      return Buffer.from(String(opened), 'base64')
    } catch (error) {
      return error as Error
    }
  }
  view(): GroupView | undefined {
    const { view } = this.#ask('view', {})
    return view === null ? undefined : (view as GroupView)
  }

  #handle(message: FromNode): Said[] {
    const { op } = message
    const content = 'data' in message ? { data: message.data } : { payload: this.#spoil(op, message.payload) }
    return this.#ask('receive', { op, ...content }).out as Said[]
  }

  #spoil(op: number, payload: Uint8Array): string {
    const fault = op === VoiceOp.DaveAnnounceCommit ? 'breakCommits' : op === VoiceOp.DaveWelcome && 'breakWelcomes'
    const bytes = Buffer.from(payload)
    const left = fault === false ? 0 : (this.faults[fault] ?? 0)
    if (fault !== false && left > 0) {
      this.faults[fault] = left - 1
      bytes[bytes.length - 1]! ^= 1
    }
    return bytes.toString('base64')
  }

  #say({ op, transition_id, payload }: Said): void {
    if (this.faults.silent?.has(op)) return
    this.said.push(op)
    if (payload === undefined) return void this.outbox.push({ op, transitionId: transition_id! })
    const bytes = Buffer.from(payload, 'base64')
    const isCommit = op === VoiceOp.DaveCommitWelcome && this.faults.commit !== undefined
    const sent = isCommit ? this.faults.commit!(bytes) : bytes
    if (sent !== undefined) this.outbox.push({ op, payload: sent })
  }

  #ask(what: string, fields: object): Record<string, unknown> {
    return this.#process.ask({ do: what, client: this.#client, ...fields })
  }
}
