// The transports of Spacebar's event bus, as its processes use them: Unix sockets in a folder, and RabbitMQ.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect as connectSocket, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChannelModel, type ConfirmChannel, type ConsumeMessage, connect } from 'amqplib'
import { FrameReader, frameOf } from '../../packages/spacebar/src/bus/frames.ts'

export interface Envelope {
  event: string
  data: Record<string, unknown>
  guild_id?: string | undefined
  channel_id?: string | undefined
  user_id?: string | undefined
}

export interface SpacebarBus {
  /** For the bridge. */
  readonly url: string
  /** Called with each event that another process publishes. */
  onPublished: (envelope: Envelope) => void
  emit(envelope: Envelope): Promise<void>
  /** Writes bytes that need not be an event. */
  write(bytes: Buffer): Promise<void>
  close(): Promise<void>
}

export class UnixSpacebarBus implements SpacebarBus {
  /** EVENT_SOCKET_PATH. */
  readonly folder = mkdtempSync(join(tmpdir(), 'spacebar-bus-'))
  readonly url = `unix:${this.folder}`
  readonly #server: Server
  onPublished: (envelope: Envelope) => void = () => {}

  private constructor() {
    this.#server = createServer(socket => {
      const frames = new FrameReader(frame => this.onPublished(JSON.parse(frame.toString()).event as Envelope))
      socket.on('data', chunk => frames.push(chunk))
      socket.on('error', () => {})
    })
  }

  static async open(): Promise<UnixSpacebarBus> {
    const bus = new UnixSpacebarBus()
    await new Promise<void>(resolve => bus.#server.listen(join(bus.folder, `${process.pid}.sock`), resolve))
    return bus
  }

  emit(envelope: Envelope): Promise<void> {
    const { guild_id, channel_id, user_id } = envelope
    return this.write(frameOf({ id: guild_id ?? channel_id ?? user_id, event: envelope }))
  }

  /** Writes bytes to every socket but its own, on one connection each. */
  async write(bytes: Buffer): Promise<void> {
    const names = readdirSync(this.folder).filter(name => name.endsWith('.sock') && name !== `${process.pid}.sock`)
    await Promise.all(names.map(name => send(join(this.folder, name), bytes)))
  }

  async close(): Promise<void> {
    this.#server.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const EXCHANGE = '-'
/** Marks messages of the stand-in itself. */
const APP = 'stand-in'

/** EVENT_TRANSMISSION=rabbitmq-single. */
export class RabbitSpacebarBus implements SpacebarBus {
  readonly url: string
  #connection: ChannelModel | undefined
  #channel: ConfirmChannel | undefined
  onPublished: (envelope: Envelope) => void = () => {}

  private constructor(url: string) {
    this.url = url
  }

  static async open(url: string): Promise<RabbitSpacebarBus> {
    const bus = new RabbitSpacebarBus(url)
    await bus.connect()
    return bus
  }

  /** Also after a restart of the broker. */
  async connect(): Promise<void> {
    const connection = await connect(this.url)
    connection.on('error', () => {})
    connection.on('close', () => {
      this.#channel = undefined
    })
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    await channel.assertExchange(EXCHANGE, 'fanout', { durable: false })
    const { queue } = await channel.assertQueue('', { exclusive: true })
    await channel.bindQueue(queue, EXCHANGE, '')
    await channel.consume(queue, message => this.#take(message), { noAck: true })
    this.#connection = connection
    this.#channel = channel
  }

  emit(envelope: Envelope): Promise<void> {
    return this.write(Buffer.from(JSON.stringify(envelope)))
  }
  /** Lost while the broker is away. */
  async write(bytes: Buffer): Promise<void> {
    this.#channel?.publish(EXCHANGE, '', bytes, { appId: APP })
    await this.#channel?.waitForConfirms()
  }
  async close(): Promise<void> {
    await this.#connection?.close().catch(() => {})
  }

  #take(message: ConsumeMessage | null): void {
    if (message === null || message.properties.appId === APP) return
    this.onPublished(JSON.parse(message.content.toString()) as Envelope)
  }
}

/** A process that does not listen is left out, as Spacebar leaves it out. */
const send = (path: string, bytes: Buffer): Promise<void> =>
  new Promise(resolve => {
    const socket = connectSocket(path, () => socket.end(bytes))
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
    socket.resume()
  })
