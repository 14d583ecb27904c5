// Spacebar's bus over RabbitMQ (EVENT_TRANSMISSION=rabbitmq-single): one fan-out exchange. The bridge reads a queue of its own.
import type { Published } from '../core/outputs.ts'
import { LIMITS } from '../limits.ts'
import { missingPackage } from '../missing-package.ts'
import { PermanentError } from '../permanent-error.ts'
import { type Bus, type BusListener, envelopeOf, readMessage } from './bus.ts'
import { type Amqp, RabbitLink } from './rabbit-link.ts'

/** Throws an error that names the package, if it is not installed. */
async function loadAmqp(): Promise<Amqp> {
  const name = 'amqplib'
  try {
    const loaded = (await import(name)) as { default?: Amqp } & Amqp
    return loaded.default ?? loaded
  } catch {
    throw new PermanentError(missingPackage('RabbitMQ', name))
  }
}

/** Every process of Spacebar publishes to the exchange; the bridge's queue receives a copy of everything. */
export class RabbitBus implements Bus {
  readonly #amqp: Amqp
  readonly #url: string
  readonly #listener: BusListener
  /** One at a time; the next one is opened after it has ended. */
  #link: RabbitLink | undefined
  #retry: NodeJS.Timeout | undefined
  /** Why it is not connected. */
  #reason: string | undefined
  #isClosed = false
  received = 0

  private constructor(amqp: Amqp, url: string, listener: BusListener) {
    this.#amqp = amqp
    this.#url = url
    this.#listener = listener
  }

  /**
   * Resolves after the first attempt; a broker that is away is tried again. Throws a PermanentError for a URL that cannot
   * be used, and if the broker refuses the user or the virtual host.
   */
  static async open(url: string, listener: BusListener, amqp?: Amqp): Promise<RabbitBus> {
    if (!URL.canParse(url)) throw new PermanentError('expected a URL such as amqp://host:5672')
    const bus = new RabbitBus(amqp ?? (await loadAmqp()), url, listener)
    try {
      await bus.#connect()
    } catch (error) {
      if (error instanceof PermanentError) throw error
      bus.#lost((error as Error).message)
    }
    return bus
  }

  publish(userId: string, published: Published): void {
    this.#link?.publish(Buffer.from(JSON.stringify(envelopeOf(userId, published))))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#retry)
    await this.#link?.close()
  }

  /** What was published until then, without a queue, was missed: hence `opened`. */
  async #connect(): Promise<void> {
    this.#link = new RabbitLink({
      opened: () => {
        this.#reason = undefined
        this.#listener.opened()
      },
      take: content => this.#take(content),
      ended: reason => this.#lost(reason),
    })
    await this.#link.open(this.#amqp, this.#url)
  }

  /** A message above `LIMITS.frame` is not parsed: none about voice is that long. */
  #take(content: Buffer): void {
    this.received++
    if (content.length > LIMITS.frame) return
    const event = readMessage(content.toString('utf8'), message => message)
    if (event !== undefined) this.#listener.event(event)
  }

  /** Tries until it is connected or closed. The same reason is reported once. */
  #lost(reason: string): void {
    if (this.#isClosed) return
    if (reason !== this.#reason) this.#listener.lost(reason)
    this.#reason = reason
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => {
      this.#connect().catch((error: Error) => this.#lost(error.message))
    }, LIMITS.retryDelay)
  }
}
