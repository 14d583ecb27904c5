// A RabbitMQ broker in memory behind the interface of amqplib, with amqplib's events in amqplib's order.
import { EventEmitter } from 'node:events'
import type { Amqp, AmqpChannel, AmqpConnection } from '../bus/rabbit-link.ts'

type Take = Parameters<AmqpChannel['consume']>[1]

export class FakeRabbit implements Amqp {
  /** Why connections are refused. */
  refusal: Error | undefined
  /** Called before a request is answered. */
  onRequest: (request: string, channel: FakeChannel) => void = () => {}
  readonly channels: FakeChannel[] = []
  readonly connections: FakeConnection[] = []

  /** Connections that neither side has closed. */
  get open(): number {
    return this.connections.filter(({ isClosed }) => !isClosed).length
  }
  get newest(): FakeChannel {
    return this.channels.at(-1)!
  }

  async connect(): Promise<FakeConnection> {
    if (this.refusal !== undefined) throw this.refusal
    const connection = new FakeConnection(this)
    this.connections.push(connection)
    return connection
  }

  /** To every queue. */
  publish(message: object): void {
    for (const channel of this.channels) channel.take?.({ content: Buffer.from(JSON.stringify(message)) })
  }
}

export class FakeConnection extends EventEmitter implements AmqpConnection {
  readonly #broker: FakeRabbit
  #channel: FakeChannel | undefined
  isClosed = false

  constructor(broker: FakeRabbit) {
    super()
    this.#broker = broker
  }

  async createChannel(): Promise<FakeChannel> {
    const channel = new FakeChannel(this.#broker, this)
    this.#channel = channel
    this.#broker.channels.push(channel)
    await channel.request('createChannel')
    return channel
  }
  async close(): Promise<void> {
    if (this.isClosed) throw new Error('Connection closed (by client)')
    this.#end()
  }
  /** The broker closes it, or the network does. */
  lose(reason: string): void {
    const error = new Error(reason)
    this.emit('error', error)
    this.#end(error)
  }

  /** The channel is closed first. */
  #end(error?: Error): void {
    this.isClosed = true
    this.#channel?.end(new Error('Channel ended, no reply will be forthcoming'))
    this.emit('close', error)
  }
}

export class FakeChannel extends EventEmitter implements AmqpChannel {
  readonly connection: FakeConnection
  readonly published: unknown[] = []
  readonly #broker: FakeRabbit
  #pending: ((error: Error) => void) | undefined
  #isClosed = false
  take: Take | undefined

  constructor(broker: FakeRabbit, connection: FakeConnection) {
    super()
    this.#broker = broker
    this.connection = connection
  }

  async assertExchange(): Promise<void> {
    await this.request('assertExchange')
  }
  async assertQueue(): Promise<{ queue: string }> {
    await this.request('assertQueue')
    return { queue: 'amq.gen-1' }
  }
  async bindQueue(): Promise<void> {
    await this.request('bindQueue')
  }
  async consume(_queue: string, take: Take): Promise<void> {
    await this.request('consume')
    this.take = take
  }
  publish(_exchange: string, _key: string, content: Buffer): boolean {
    if (this.#isClosed) throw new Error('Channel closed')
    this.published.push(JSON.parse(content.toString()))
    return true
  }

  request(name: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new Error('Channel closed')
      this.#pending = reject
      this.#broker.onRequest(name, this)
      this.#pending = undefined
      resolve()
    })
  }
  /** The broker closes the channel. */
  refuse(code: number, text: string): void {
    const error = Object.assign(new Error(`Channel closed by server: ${code} (${text})`), { code })
    this.#pending?.(error)
    this.emit('error', error)
    this.end(error)
  }
  /** The queue is gone. */
  cancel(): void {
    this.take?.(null)
  }
  end(error: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.take = undefined
    this.#pending?.(error)
    this.emit('close')
  }
}
