// Spacebar's bus over RabbitMQ (EVENT_TRANSMISSION=rabbitmq-single): one fan-out exchange. The bridge reads a queue of its own.
import type { Published } from '../core/outputs.ts'
import { LIMITS } from '../limits.ts'
import { type Bus, type BusListener, envelopeOf, readMessage } from './bus.ts'

/** Spacebar's name of the exchange. */
const EXCHANGE = '-'
/** A bridge that stands still loses the oldest events, which the database replaces, instead of filling the broker's memory. */
const QUEUE = {
  exclusive: true,
  autoDelete: true,
  durable: false,
  arguments: { 'x-max-length-bytes': LIMITS.brokerQueue, 'x-overflow': 'drop-head' },
}

/** What is used of amqplib, which is installed only where RabbitMQ is. */
interface AmqpChannel {
  assertExchange(name: string, type: string, options: object): Promise<unknown>
  assertQueue(name: string, options: object): Promise<{ queue: string }>
  bindQueue(queue: string, exchange: string, key: string): Promise<unknown>
  consume(queue: string, take: (message: { content: Buffer } | null) => void, options: object): Promise<unknown>
  publish(exchange: string, key: string, content: Buffer): boolean
}
interface AmqpConnection {
  createChannel(): Promise<AmqpChannel>
  close(): Promise<void>
  on(event: 'close' | 'error', listener: (error?: Error) => void): unknown
}
interface Amqp {
  connect(url: string): Promise<AmqpConnection>
}

/** Throws an error that names the package, if it is not installed. */
async function loadAmqp(): Promise<Amqp> {
  const name = 'amqplib'
  try {
    const loaded = (await import(name)) as { default?: Amqp } & Amqp
    return loaded.default ?? loaded
  } catch {
    throw new Error('RabbitMQ needs the package amqplib: npm install amqplib')
  }
}

/** Every process of Spacebar publishes to the exchange; the bridge's queue receives a copy of everything. */
export class RabbitBus implements Bus {
  readonly #amqp: Amqp
  readonly #url: string
  readonly #listener: BusListener
  #connection: AmqpConnection | undefined
  #channel: AmqpChannel | undefined
  #retry: NodeJS.Timeout | undefined
  #isClosed = false
  received = 0

  private constructor(amqp: Amqp, url: string, listener: BusListener) {
    this.#amqp = amqp
    this.#url = url
    this.#listener = listener
  }

  /** The first connection has to succeed; later ones are established again by themselves. */
  static async open(url: string, listener: BusListener): Promise<RabbitBus> {
    const bus = new RabbitBus(await loadAmqp(), url, listener)
    await bus.#connect()
    return bus
  }

  publish(userId: string, published: Published): void {
    this.#channel?.publish(EXCHANGE, '', Buffer.from(JSON.stringify(envelopeOf(userId, published))))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    await this.#connection?.close().catch(() => {})
  }

  /**
   * The queue is exclusive and disappears with the connection: what was published until the next one is missed, hence
   * `opened`.
   */
  async #connect(): Promise<void> {
    const connection = await this.#amqp.connect(this.#url)
    let reason = 'closed by RabbitMQ'
    connection.on('error', error => {
      reason = error?.message ?? reason
    })
    connection.on('close', () => this.#lost(reason))
    this.#connection = connection
    const channel = await connection.createChannel()
    await channel.assertExchange(EXCHANGE, 'fanout', { durable: false })
    const { queue } = await channel.assertQueue('', QUEUE)
    await channel.bindQueue(queue, EXCHANGE, '')
    await channel.consume(queue, message => message !== null && this.#take(message.content), { noAck: true })
    this.#channel = channel
    this.#listener.opened()
  }

  /** A message above `LIMITS.frame` is not parsed: none about voice is that long. */
  #take(content: Buffer): void {
    this.received++
    if (content.length > LIMITS.frame) return
    const event = readMessage(content.toString('utf8'), message => message)
    if (event !== undefined) this.#listener.event(event)
  }

  #lost(reason: string): void {
    this.#channel = undefined
    if (this.#isClosed) return
    this.#listener.lost(reason)
    this.#tryLater()
  }

  /** Tries until it is connected or closed. */
  #tryLater(): void {
    this.#retry = setTimeout(() => {
      this.#connect().catch(() => !this.#isClosed && this.#tryLater())
    }, LIMITS.retryDelay)
  }
}
