// The media path of one voice session: a UDP port in front of the node's, where faults act and packets are recorded.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { writeDiscoveryResponse } from '@parley/protocol'
import type { FaultName } from '../faults/fault-table.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import type { LinkMessage } from '../messages/link-message.ts'
import type { Recorder } from '../trace/trace-record.ts'
import { datagramRecord, typeOf } from './datagram-record.ts'
import { type Carriage, FaultyPath } from './faulty-path.ts'
import { MediaFaults } from './media-faults.ts'
import type { MediaKey } from './media-key.ts'

const HOST = '127.0.0.1'
/** Bytes of a discovery response before 2020. */
const SHORT_DISCOVERY = 70
const NOISE = Buffer.from('noise of a test server, not a response')
const LOST: Carriage = { fate: 'lost', by: [] }

export interface RelayOptions {
  /** UDP port of the node. */
  node: number
  faults: UserFaults
  /** One sequence of random numbers each. */
  up: () => number
  down: () => number
  frames: () => number
  record: Recorder
  /** Sends a message on the session's voice WebSocket. */
  announce(message: LinkMessage): void
}

export class UdpRelay {
  readonly media: MediaFaults
  readonly #options: RelayOptions
  readonly #up: FaultyPath
  readonly #down: FaultyPath
  #front: Socket
  #back: Socket
  #client: RemoteInfo | undefined
  #key: MediaKey | undefined
  /** Sockets that were replaced; they still receive. */
  readonly #old: Socket[] = []

  static async open(options: RelayOptions): Promise<UdpRelay> {
    return new UdpRelay(await openSocket(), await openSocket(), options)
  }

  private constructor(front: Socket, back: Socket, options: RelayOptions) {
    const { faults, up, down, frames, announce } = options
    this.#options = options
    this.#front = front
    this.#back = back
    this.#up = new FaultyPath(faults, 'up', up, bytes => this.#back.send(bytes, options.node, HOST))
    this.#down = new FaultyPath(faults, 'down', down, bytes => this.#sendToClient(bytes))
    this.media = new MediaFaults(faults, frames, announce)
    front.on('message', (bytes, client) => this.#toNode(bytes, client))
    back.on('message', bytes => this.#toClient(bytes))
  }

  /** The port that the client sends to. */
  get port(): number {
    return (this.#old[0] ?? this.#front).address().port
  }

  /** The session's key, from Session Description. */
  protect(key: MediaKey): void {
    this.#key = key
  }

  /** A fault that happens once. */
  async act(name: FaultName, value: number): Promise<void> {
    if (name === 'udp-burst') for (const path of [this.#up, this.#down]) path.beginBurst(value)
    else if (name === 'source-port') await this.#replaceFront()
    else if (name === 'nat-rebind') await this.#replaceBack()
    else for (const { kind, plain, isSealed } of this.media.begin(name, value)) this.#add(name, kind, plain, isSealed)
  }

  close(): void {
    for (const path of [this.#up, this.#down]) path.close()
    for (const socket of new Set([this.#front, this.#back, ...this.#old])) socket.close()
  }

  #toNode(bytes: Buffer, client: RemoteInfo): void {
    this.#client = client
    const { faults, record } = this.#options
    const type = typeOf(bytes)
    if (type === 'rtp') faults.happened('packet')
    const isMedia = type === 'rtp' || type === 'rtcp'
    const by = lostRequest(type, faults)
    const carriage = by === undefined ? this.#up.carry(bytes, isMedia) : { ...LOST, by: [by] }
    const plain = isMedia ? this.#key?.open(type, bytes) : undefined
    record(datagramRecord('client', bytes, plain, this.#key, carriage))
  }

  #toClient(bytes: Buffer): void {
    const type = typeOf(bytes)
    if (type === 'discovery') return this.#discovered(bytes)
    if (type !== 'rtp' && type !== 'rtcp') return this.#record(bytes, undefined, this.#down.carry(bytes, false))
    const plain = this.#key?.open(type, bytes)
    if (type === 'rtcp' || plain === undefined || !this.media.isActive)
      return this.#record(bytes, plain, this.#down.carry(bytes, true))
    const by: FaultName[] = []
    const wire = this.media.changed(plain, by)
    if (wire === undefined) return this.#record(bytes, plain, { ...LOST, by: ['silence-lost'] })
    const sealed = this.#key!.seal('rtp', wire)
    const carriage = this.#down.carry(sealed, true)
    const fate = by.length > 0 && carriage.fate === 'sent' ? 'changed' : carriage.fate
    this.#record(sealed, wire, { fate, by: [...by, ...carriage.by] })
  }

  /** The node discovers the relay's address; the client asked for its own. */
  #discovered(bytes: Buffer): void {
    const { faults } = this.#options
    const client = this.#client
    if (client !== undefined) writeDiscoveryResponse(bytes, bytes.readUInt32BE(4), client.address, client.port)
    if (faults.value('discovery-garbage') !== undefined) this.#addRaw('discovery-garbage', NOISE)
    if (faults.value('discovery-media-first') !== undefined)
      for (const { plain } of this.media.begin('unsealed-packet', 0)) this.#addRaw('discovery-media-first', plain)
    const isShort = faults.value('discovery-short') !== undefined
    const delay = faults.value('late-discovery') ?? 0
    const wire = isShort ? shortened(bytes) : bytes
    const carriage = this.#down.carry(wire, false, delay)
    const by: FaultName[] = [...carriage.by, ...(isShort ? (['discovery-short'] as const) : [])]
    this.#record(wire, undefined, { ...carriage, by: delay > 0 ? [...by, 'late-discovery'] : by })
  }

  /** A packet of the test server's own. */
  #add(name: FaultName, kind: 'rtp' | 'rtcp', plain: Uint8Array, isSealed: boolean): void {
    if (!isSealed) return this.#addRaw(name, plain)
    if (this.#key === undefined) return
    const sealed = this.#key.seal(kind, plain)
    this.#sendToClient(sealed)
    this.#record(sealed, plain, { fate: 'added', by: [name] })
  }

  #addRaw(name: FaultName, bytes: Uint8Array): void {
    this.#sendToClient(bytes)
    this.#record(bytes, undefined, { fate: 'added', by: [name] })
  }

  #record(raw: Uint8Array, plain: Uint8Array | undefined, carriage: Carriage): void {
    this.#options.record(datagramRecord('node', raw, plain, this.#key, carriage))
  }

  #sendToClient(bytes: Uint8Array): void {
    const client = this.#client
    if (client !== undefined) this.#front.send(bytes, client.port, client.address)
  }

  /** The client continues to send to the old port. */
  async #replaceFront(): Promise<void> {
    const front = await openSocket()
    front.on('message', (bytes, client) => this.#toNode(bytes, client))
    this.#old.push(this.#front)
    this.#front = front
  }

  async #replaceBack(): Promise<void> {
    const back = await openSocket()
    back.on('message', bytes => this.#toClient(bytes))
    this.#back.close()
    this.#back = back
  }
}

function lostRequest(type: string, faults: UserFaults): FaultName | undefined {
  if (type === 'discovery' && faults.take('discovery-lost')) return 'discovery-lost'
  const isKeepalive = type === 'ping' || type === 'keepalive'
  return isKeepalive && faults.value('keepalive-lost') !== undefined ? 'keepalive-lost' : undefined
}

/** Type and length, SSRC, then 60 bytes of address and the port. */
function shortened(response: Uint8Array): Uint8Array {
  const short = Buffer.from(response.subarray(0, SHORT_DISCOVERY))
  short.set(response.subarray(-2), SHORT_DISCOVERY - 2)
  return short
}

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4')
  // A port without a listener (ICMP port unreachable) is a lost datagram.
  socket.on('error', () => {})
  socket.bind(0, HOST)
  await once(socket, 'listening')
  return socket
}
