// The clients of many channels, one speaker each, in a process that needs less CPU per packet than the lane, so that the lane is
// saturated. packet-engines.ts starts it with fork.
import { ADDRESS_PORT, ADDRESS_WORDS, SLOT } from '@parley/core'
import { SlotCiphers } from '../../packages/server/src/lane/crypto/slot-ciphers.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'
import { BARE_TYPE, CREDIT } from '../floor/bare-sender.ts'
import { nameOf } from '../floor/socket-name.ts'
import { ClientSocket } from './client-socket.ts'
import { Feed } from './feed.ts'
import type { SaturationLoad, SaturationOrder, SaturationReport } from './saturation.ts'

const loaded = await Native.load()
if (!loaded.ok) throw new Error(loaded.reason)
const native = loaded.value
const ACKNOWLEDGED = new Uint8Array(1)
const send = (report: SaturationReport, then = () => {}) => process.send?.(report, then)

/** Bytes for the ciphers and one packet per lane. */
const MEMORY = 16_384

class Load {
  readonly #feeds: Feed[]
  /** Feeds by the lane's port, because late packets belong to the lane that sent them. */
  readonly #byPort: Map<number, Feed>
  readonly #channels: ClientSocket[][]
  #talking: Feed | undefined
  #bare = 0

  constructor({ lanes, channels, payload }: SaturationLoad) {
    this.#channels = channels.map(ssrcs => ssrcs.map(() => new ClientSocket(native)))
    const memory = new NativeMemory(native, MEMORY)
    const ciphers = new SlotCiphers(native, memory)
    this.#feeds = lanes.map(lane => new Feed({ lane, channels, payload, sockets: this.#channels, memory, ciphers }))
    this.#byPort = new Map(lanes.map(({ port }, index) => [port, this.#feeds[index]!]))
    for (const feed of this.#feeds) feed.introduce()
  }

  get ports(): number[] {
    return this.#channels.flat().map(({ port }) => port)
  }
  get received() {
    return this.#feeds.map(({ received }) => received)
  }

  check(lane: number): void {
    this.#feeds[lane]?.check()
  }
  talk(lane: number | undefined): void {
    this.#talking = lane === undefined ? undefined : this.#feeds[lane]
  }

  /** Reads every socket once, and refills the speakers' windows. */
  turn(): void {
    const now = performance.now()
    for (const [channel, sockets] of this.#channels.entries()) {
      for (const [index, socket] of sockets.entries()) this.#read(channel, socket, index)
      this.#talking?.fill(channel, now)
    }
  }

  #read(channel: number, socket: ClientSocket, index: number): void {
    for (let batch = socket.receive(); batch !== undefined; batch = socket.receive())
      for (let slot = 0; slot < batch.count; slot++) {
        const port = batch.addresses[slot * ADDRESS_WORDS + ADDRESS_PORT]!
        if (batch.bytes[slot * SLOT + 1] === BARE_TYPE) this.#countBare(socket, port)
        else this.#byPort.get(port)?.receive(channel, index, batch, slot)
      }
  }

  #countBare(socket: ClientSocket, port: number): void {
    if (++this.#bare % CREDIT !== 0) return
    socket.queue(ACKNOWLEDGED, nameOf('127.0.0.1', port))
    socket.flush()
  }
}

let load: Load | undefined
function run(): void {
  for (let count = 0; count < 16; count++) load?.turn()
  setImmediate(run)
}

function obey(order: SaturationOrder): void {
  switch (order.kind) {
    case 'check':
      return load?.check(order.lane)
    case 'talk':
      return load?.talk(order.lane)
    case 'rest':
      return load?.talk(undefined)
    case 'stop':
      send({ kind: 'received', lanes: load?.received ?? [] }, () => process.exit())
  }
}

process.on('message', (message: SaturationLoad | SaturationOrder) => {
  if ('kind' in message) return obey(message)
  load = new Load(message)
  send({ kind: 'ready', ports: load.ports })
  run()
})
