// One channel's worth of clients in a process of its own, so that their CPU is not counted as the lane's. Started with fork by
// portable-engine.ts: each member has a socket, the first one talks, the others listen, and samples are opened and compared.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { openPacket, sealPacket } from '@parley/client'
import { encodeDiscoveryRequest, encodeRtp, PROTECTION_LAYOUTS, type VoiceMode } from '@parley/protocol'

/** What the parent says, first of all. */
export interface Load {
  port: number
  mode: VoiceMode
  key: number[]
  /** The audio SSRC of each member; the first talks. */
  ssrcs: number[]
  /** Bytes of each Opus packet. */
  payload: number
}
/** What this process says: it is ready after discovery, and tells what it heard once the parent says `stop`. */
export type LoadReport =
  | { kind: 'ready' }
  | { kind: 'sink'; port: number }
  | { kind: 'heard'; heard: number; opened: number; wrong: number }

/** Packets of the speaker on their way: enough to saturate the lane, few enough not to overrun a socket. */
const WINDOW = 8
/** Every so many-th packet of each listener is opened and compared. */
const SAMPLE = 101
/** With no answer for so long, the window counts as lost. */
const LOST_AFTER = 20

const say = (report: LoadReport) => process.send?.(report)

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.setRecvBufferSize(4 * 1024 * 1024)
  return socket
}

class Channel {
  readonly #load: Load
  readonly #sockets: Socket[]
  readonly #key: Uint8Array
  readonly #timer: NodeJS.Timeout
  #sequence = 0
  #arrived = 0
  #heard = 0
  #opened = 0
  #wrong = 0
  #movedAt = 0

  constructor(load: Load, sockets: Socket[]) {
    this.#load = load
    this.#sockets = sockets
    this.#key = Uint8Array.from(load.key)
    for (const socket of sockets) socket.removeAllListeners('message')
    for (const socket of sockets.slice(1)) socket.on('message', bytes => this.#hear(bytes, socket === sockets.at(-1)))
    this.#timer = setInterval(() => this.#recover(), LOST_AFTER)
    this.#fill()
  }

  stop(): LoadReport {
    clearInterval(this.#timer)
    for (const socket of this.#sockets) socket.close()
    return { kind: 'heard', heard: this.#heard, opened: this.#opened, wrong: this.#wrong }
  }

  #hear(bytes: Buffer, isLast: boolean): void {
    if (bytes[1] !== 120) return
    if (this.#heard++ % SAMPLE === 0) this.#check(bytes)
    if (!isLast) return
    this.#arrived = bytes.readUInt16BE(2)
    this.#movedAt = performance.now()
    this.#fill()
  }

  #check(bytes: Buffer): void {
    const opened = openPacket(PROTECTION_LAYOUTS[this.#load.mode], 'rtp', this.#key, bytes)
    const isRight = opened !== undefined && Buffer.from(opened).equals(this.#plain(bytes.readUInt16BE(2)))
    if (isRight) this.#opened++
    else this.#wrong++
  }

  #plain(sequence: number): Uint8Array {
    const payload = new Uint8Array(this.#load.payload).fill(sequence & 0xff)
    return encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc: this.#load.ssrcs[0]!, payload })
  }

  #fill(): void {
    while (((this.#sequence - this.#arrived) & 0xffff) < WINDOW) {
      this.#sequence = (this.#sequence + 1) & 0xffff
      this.#sockets[0]!.send(this.#seal(this.#sequence), this.#load.port, '127.0.0.1')
    }
  }

  #seal(sequence: number): Uint8Array {
    const layout = PROTECTION_LAYOUTS[this.#load.mode]
    const trailer = new Uint8Array(layout.trailerLength)
    if (trailer.length > 0) new DataView(trailer.buffer).setUint32(0, sequence)
    return sealPacket(layout, 'rtp', this.#key, trailer, this.#plain(sequence))
  }

  #recover(): void {
    if (performance.now() - this.#movedAt < LOST_AFTER) return
    this.#arrived = this.#sequence
    this.#fill()
  }
}

async function discover(sockets: readonly Socket[], load: Load): Promise<void> {
  for (const [index, socket] of sockets.entries()) {
    socket.send(encodeDiscoveryRequest(load.ssrcs[index]!), load.port, '127.0.0.1')
    await once(socket, 'message')
  }
}

let ready: (() => Channel) | undefined
let channel: Channel | undefined

async function prepare(load: Load): Promise<void> {
  const sockets = await Promise.all(load.ssrcs.map(openSocket))
  await discover(sockets, load)
  ready = () => new Channel(load, sockets)
  say({ kind: 'ready' })
}

/** A socket that takes everything, for the bare send. */
async function openSink(): Promise<void> {
  const socket = await openSocket()
  socket.on('message', () => {})
  say({ kind: 'sink', port: socket.address().port })
}

process.on('message', (message: Load | 'sink' | 'go' | 'stop') => {
  if (message === 'sink') void openSink()
  else if (message === 'go') channel = ready?.()
  else if (message !== 'stop') void prepare(message)
  else if (channel !== undefined) process.send?.(channel.stop(), () => process.disconnect())
  else process.exit()
})
