// One client of Mumble's server: the control channel over TLS with its pings, and the keys of its UDP packets.
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { decodeFields, encodeMessage, type Fields, MessageReader, MessageType } from './messages.ts'
import { MumbleCrypt } from './ocb2.ts'

/** 1.3.4 in Mumble's numbering. */
const VERSION = 0x0001_0304
const PING_INTERVAL = 5_000

interface Identity {
  port: number
  user: string
  password?: string
}

export class MumbleClient {
  session = -1
  /** Times that the server ended the connection. */
  lost = 0
  /** From and to the server. */
  incoming: MumbleCrypt | undefined
  outgoing: MumbleCrypt | undefined
  /** Channels by name. */
  readonly channels = new Map<string, number>()
  readonly #socket: TLSSocket
  readonly #reader = new MessageReader()
  readonly #changed: (() => void)[] = []
  #channel = 0
  #isClosed = false
  #ping: NodeJS.Timeout | undefined

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', chunk => {
      for (const { type, body } of this.#reader.read(chunk)) this.#receive(type, body)
      for (const check of this.#changed) check()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!this.#isClosed) this.lost++
    })
  }

  /** Resolves when the server has accepted the user. */
  static async connect({ port, user, password }: Identity): Promise<MumbleClient> {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    socket.setNoDelay(true)
    const client = new MumbleClient(socket)
    client.#send(MessageType.Version, { 1: VERSION, 2: 'bench' })
    client.#send(MessageType.Authenticate, { 1: user, 5: 1, ...(password !== undefined && { 2: password }) })
    await client.#until(() => client.session >= 0 && client.outgoing !== undefined)
    return client
  }

  async createChannel(name: string): Promise<number> {
    this.#send(MessageType.ChannelState, { 2: 0, 3: name })
    await this.#until(() => this.channels.has(name))
    return this.channels.get(name)!
  }

  async enter(channel: number): Promise<void> {
    this.#send(MessageType.UserState, { 1: this.session, 5: channel })
    await this.#until(() => this.#channel === channel)
  }

  /** Sends pings from now on, as clients do; `ping` sends the one over UDP. */
  startPings(phase: number, ping: () => void): void {
    const both = () => {
      this.#send(MessageType.Ping, { 1: Math.floor(performance.now()) })
      ping()
    }
    this.#ping = setTimeout(() => {
      both()
      this.#ping = setInterval(both, PING_INTERVAL)
    }, phase * PING_INTERVAL)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#ping)
    this.#socket.destroy()
  }

  #send(type: number, fields: Fields): void {
    this.#socket.write(encodeMessage(type, fields))
  }

  #receive(type: number, body: Buffer): void {
    const fields = decodeFields(body)
    switch (type) {
      case MessageType.Reject:
        throw new Error(`the Mumble server refused a client: ${fields.get(2)}`)
      case MessageType.ServerSync:
        this.session = Number(fields.get(1))
        return
      case MessageType.ChannelState:
        this.channels.set(`${fields.get(3) ?? ''}`, Number(fields.get(1)))
        return
      case MessageType.UserState:
        if (fields.get(1) === this.session && fields.has(5)) this.#channel = Number(fields.get(5))
        return
      case MessageType.CryptSetup:
        return this.#setUp(fields.get(1), fields.get(2), fields.get(3))
    }
  }

  #setUp(key: unknown, clientNonce: unknown, serverNonce: unknown): void {
    if (!Buffer.isBuffer(key) || !Buffer.isBuffer(clientNonce) || !Buffer.isBuffer(serverNonce)) return
    this.outgoing = new MumbleCrypt(key, clientNonce)
    this.incoming = new MumbleCrypt(key, serverNonce)
  }

  /** Resolves when the condition holds after a message. */
  #until(condition: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const check = () => {
        if (!condition()) return
        this.#changed.splice(this.#changed.indexOf(check), 1)
        resolve()
      }
      this.#changed.push(check)
      check()
    })
  }
}
