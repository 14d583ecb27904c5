// Many channels' worth of clients in a process of its own, which costs less per packet than the lane it feeds: so the lane is what
// is saturated. Started with fork by packet-engines.ts. One member per channel talks.
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
const say = (report: SaturationReport, then = () => {}) => process.send?.(report, then)

/** For ciphers and a packet of each lane. */
const MEMORY = 16_384

class Load {
  readonly #feeds: Feed[]
  /** By the lane's port: what comes late belongs to the lane that it comes from. */
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
  get heard() {
    return this.#feeds.map(({ heard }) => heard)
  }

  check(lane: number): void {
    this.#feeds[lane]?.check()
  }
  talk(lane: number | undefined): void {
    this.#talking = lane === undefined ? undefined : this.#feeds[lane]
  }

  /** Reads everything once, and lets the speakers talk on. */
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
        else this.#byPort.get(port)?.hear(channel, index, batch, slot)
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
      say({ kind: 'heard', lanes: load?.heard ?? [] }, () => process.exit())
  }
}

process.on('message', (message: SaturationLoad | SaturationOrder) => {
  if ('kind' in message) return obey(message)
  load = new Load(message)
  say({ kind: 'ready', ports: load.ports })
  run()
})
