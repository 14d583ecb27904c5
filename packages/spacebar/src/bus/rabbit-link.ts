// One connection to RabbitMQ with its channel and its queue, from the first attempt to its end.
import { LIMITS } from '../limits.ts'
import { PermanentError } from '../permanent-error.ts'

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
export interface AmqpChannel {
  assertExchange(name: string, type: string, options: object): Promise<unknown>
  assertQueue(name: string, options: object): Promise<{ queue: string }>
  bindQueue(queue: string, exchange: string, key: string): Promise<unknown>
  consume(queue: string, take: (message: { content: Buffer } | null) => void, options: object): Promise<unknown>
  publish(exchange: string, key: string, content: Buffer): boolean
  on(event: 'close' | 'error', listener: (error?: Error) => void): unknown
}
export interface AmqpConnection {
  createChannel(): Promise<AmqpChannel>
  close(): Promise<void>
  on(event: 'close' | 'error', listener: (error?: Error) => void): unknown
}
export interface Amqp {
  connect(url: string, options: { timeout: number }): Promise<AmqpConnection>
}

export interface RabbitLinkListener {
  /** The queue receives what is published from now on. */
  opened(): void
  take(content: Buffer): void
  /** Once, after `opened`, unless the bridge closed the link. */
  ended(reason: string): void
}

/**
 * Ends as a whole, and once: a closed channel or a cancelled consumer closes the connection. Nothing is taken or
 * published after that.
 */
export class RabbitLink {
  readonly #listener: RabbitLinkListener
  #connection: AmqpConnection | undefined
  #channel: AmqpChannel | undefined
  #isOpen = false
  /** Why it ended. */
  #reason: string | undefined

  constructor(listener: RabbitLinkListener) {
    this.#listener = listener
  }

  /** Throws if the broker is away or refuses, and leaves no connection behind. */
  async open(amqp: Amqp, url: string): Promise<void> {
    try {
      const connection = await this.#connect(amqp, url)
      await this.#subscribe(connection)
      // The broker may have closed the connection in the turn in which it answered the last request.
      if (this.#reason !== undefined) throw new Error(this.#reason)
    } catch (error) {
      // A request that fails because the connection ended does not say why it ended.
      const reason = this.#reason ?? (isVhostRefused(error) ? VHOST_REFUSED : (error as Error).message)
      void this.#end(reason)
      throw isRefused(error) ? new PermanentError(reason) : new Error(reason)
    }
    this.#isOpen = true
    this.#listener.opened()
  }

  /** Does nothing before it is open. A channel that does not publish is closed, or is about to be. */
  publish(content: Buffer): void {
    try {
      this.#channel?.publish(EXCHANGE, '', content)
    } catch (error) {
      void this.#end((error as Error).message)
    }
  }

  /** At any time, also while it opens. */
  async close(): Promise<void> {
    this.#isOpen = false
    await this.#end('closed by the bridge')
  }

  async #connect(amqp: Amqp, url: string): Promise<AmqpConnection> {
    const connection = await amqp.connect(url, { timeout: LIMITS.connectTimeout })
    // An error is followed by `close`, which has it too.
    connection.on('error', () => {})
    connection.on('close', error => void this.#end(error?.message ?? 'closed by RabbitMQ'))
    this.#connection = connection
    if (this.#reason === undefined) return connection
    await closed(connection)
    throw new Error(this.#reason)
  }

  /** The queue is exclusive and disappears with the connection. */
  async #subscribe(connection: AmqpConnection): Promise<void> {
    const channel = await connection.createChannel()
    let reason = 'RabbitMQ closed the channel'
    channel.on('error', error => {
      reason = error?.message ?? reason
    })
    // A connection that ends closes its channels first: its own reason follows in the same turn, and counts.
    channel.on('close', () => {
      this.#channel = undefined
      queueMicrotask(() => void this.#end(reason))
    })
    await channel.assertExchange(EXCHANGE, 'fanout', { durable: false })
    const { queue } = await channel.assertQueue('', QUEUE)
    await channel.bindQueue(queue, EXCHANGE, '')
    await channel.consume(queue, message => this.#take(message?.content), { noAck: true })
    if (this.#reason === undefined) this.#channel = channel
  }

  /** Without content: RabbitMQ cancelled the consumer, because its queue is gone. */
  #take(content: Buffer | undefined): void {
    if (this.#reason !== undefined) return
    if (content === undefined) return void this.#end('RabbitMQ deleted the queue')
    this.#listener.take(content)
  }

  async #end(reason: string): Promise<void> {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#channel = undefined
    const connection = this.#connection
    const end = connection === undefined ? undefined : closed(connection)
    if (this.#isOpen) this.#listener.ended(reason)
    await end
  }
}

/** A connection that is closed already refuses, and one that ends while it closes answers only with the event. */
const closed = (connection: AmqpConnection): Promise<void> =>
  new Promise(resolve => {
    connection.on('close', () => resolve())
    connection.close().then(resolve, () => resolve())
  })

/** amqplib drops what the broker says of a virtual host that it does not open. */
const VHOST_REFUSED =
  'RabbitMQ refuses the virtual host of the URL: it does not exist, this user may not use it, or it has its maximum of connections'
const isVhostRefused = (error: unknown): boolean =>
  /^Expected ConnectionOpenOk; got <ConnectionClose /.test(String((error as Error).message))

/**
 * Wrong credentials, no right to the exchange (403), a virtual host that does not exist or is not for this user (530). A limit of
 * connections has the code 530 too, and passes. amqplib gives an error of its handshake no code.
 */
function isRefused(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const [, handshake] = /^Handshake terminated by server: (403|530) /.exec(String(message)) ?? []
  if (isVhostRefused(error)) return true
  return code === 403 || handshake === '403' || (handshake === '530' && !/\blimit\b/.test(String(message)))
}
