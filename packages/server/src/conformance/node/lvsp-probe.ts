// One LVSP connection of a case, message by message: it does nothing by itself.
import { createHmac } from 'node:crypto'
import { LvspEvents, LvspHeartbeatAck, LvspHello, LvspInfo, LvspOp, LvspReady } from '@parley/protocol'
import type { z } from 'zod'
import { CaseFailure } from '../checked-case.ts'
import { JsonSocket, type Message } from '../json-socket.ts'
import { infoNumber, type NodeTarget } from './node-target.ts'

export type Data = Record<string, unknown>

/** Data of READY, and of an INFO with its number. */
export type Ready = z.infer<typeof LvspReady>
export interface NodeInfo {
  type: number
  data: Data
  s: unknown
}

export class LvspProbe {
  readonly socket: JsonSocket
  readonly hello: z.infer<typeof LvspHello>
  readonly #target: NodeTarget

  /** Rejects with a `CaseFailure` unless the first message is a HELLO. */
  static async open(target: NodeTarget): Promise<LvspProbe> {
    const { url, ca } = target
    const socket = await JsonSocket.open(url, ca === undefined ? {} : { ca })
    try {
      const message = await socket.take('HELLO (op 0) as the first message', () => true)
      if (message.op !== LvspOp.Hello)
        throw new CaseFailure(`expected HELLO (op 0) as the first message, received ${message.text}`)
      return new LvspProbe(target, socket, decoded('HELLO', LvspHello, message))
    } catch (error) {
      socket.drop()
      throw error
    }
  }

  private constructor(target: NodeTarget, socket: JsonSocket, hello: z.infer<typeof LvspHello>) {
    this.#target = target
    this.socket = socket
    this.hello = hello
  }

  /** HMAC-SHA256 of the nonce under the secret. */
  token(encoding: 'hex' | 'base64' | 'base64url' = 'hex', secret = this.#target.secret): string {
    return createHmac('sha256', secret).update(this.hello.nonce).digest(encoding)
  }

  /** IDENTIFY; resolves with READY. Without capabilities the message has no such field. */
  identify(capabilities: readonly string[], token = this.token()): Promise<Ready> {
    this.send(LvspOp.Identify, { token, ...(capabilities.length > 0 && { capabilities }) })
    return this.ready()
  }

  /** RESUME. READY follows what the node sends again. */
  resume(fields: Data, token = this.token()): void {
    this.send(LvspOp.Resume, { token, ...fields })
  }

  async ready(): Promise<Ready> {
    const message = await this.socket.take('READY (op 3)', ({ op }) => op === LvspOp.Ready)
    return decoded('READY', LvspReady, message)
  }

  send(op: number, d: object): void {
    this.socket.send({ op, d })
  }

  /** Sends an INFO of the specification's type, as this node numbers it. */
  info(type: LvspInfo, data: object): void {
    this.send(LvspOp.Info, { type: infoNumber(this.#target, type), data })
  }

  /** The next INFO of a type. Rejects with a `CaseFailure` if its data does not have the shape of the type. */
  async event(type: keyof typeof LvspEvents, fits: (data: Data) => boolean = () => true): Promise<NodeInfo> {
    const name = `an INFO of type ${type} (${nameOf(type)})`
    const message = await this.socket.take(name, message => isInfo(message, type) && fits(dataOf(message)))
    const parsed = LvspEvents[type].safeParse(dataOf(message))
    if (!parsed.success) throw new CaseFailure(`expected ${name} of its shape, received ${message.text}`)
    return { type, data: parsed.data as Data, s: message.s }
  }

  /** CHANNEL_REQ; resolves with CHANNEL_ASSIGN. */
  async assigned(channel: { channel_id: string }): Promise<Data> {
    this.info(LvspInfo.ChannelRequest, channel)
    return (await this.event(LvspInfo.ChannelAssign, data => data.channel_id === channel.channel_id)).data
  }

  /** VOICE_STATE_CREATE; resolves with VOICE_STATE_DONE. */
  async granted(voiceState: { user_id: string; channel_id: string } & Data): Promise<Data> {
    this.info(LvspInfo.VoiceStateCreate, voiceState)
    const { user_id, channel_id } = voiceState
    return (await this.event(LvspInfo.VoiceStateDone, d => d.user_id === user_id && d.channel_id === channel_id)).data
  }

  /** The node has processed everything that was sent: a heartbeat was answered. Resolves with its health. */
  async settled(): Promise<number> {
    this.send(LvspOp.Heartbeat, {})
    const message = await this.socket.take('HEARTBEAT_ACK (op 5)', ({ op }) => op === LvspOp.HeartbeatAck)
    return decoded('HEARTBEAT_ACK', LvspHeartbeatAck, message).health
  }

  /** Rejects with a `CaseFailure` if the node sent anything after what was taken. */
  async silent(after: string): Promise<void> {
    await this.settled()
    const [unexpected] = this.socket.messages
    if (unexpected !== undefined)
      throw new CaseFailure(`expected no message after ${after}, received ${unexpected.text}`)
  }

  close(): void {
    this.socket.close()
  }
}

function decoded<Schema extends z.ZodType>(name: string, schema: Schema, { d, text }: Message): z.infer<Schema> {
  const { data, success, error } = schema.safeParse(d)
  if (success) return data
  const { path, message } = error.issues[0]!
  throw new CaseFailure(`${name} is malformed (${path.join('.')}: ${message}): ${text.slice(0, 200)}`)
}

const dataOf = ({ d }: Message): Data => (typeof d.data === 'object' && d.data !== null ? (d.data as Data) : {})
const isInfo = ({ op, d }: Message, type: number) => op === LvspOp.Info && d.type === type
const nameOf = (type: number) => Object.entries(LvspInfo).find(([, number]) => number === type)?.[0] ?? 'unknown'
