// Many channels' worth of clients in a process of its own, which costs less per packet than the lane it feeds: so the lane is what
// is saturated. Started with fork by packet-engines.ts. One member per channel talks; samples are opened and compared.
import { openPacket } from '@parley/client'
import { ADDRESS_WORDS, SLOT, writeAddress } from '@parley/core'
import { encodeDiscoveryRequest, encodeRtp, PROTECTION_LAYOUTS } from '@parley/protocol'
import { NAME_WORDS, writeSocketName } from '../../packages/server/src/lane/message-slots.ts'
import { MessageSocket, SOCKET_SIZE } from '../../packages/server/src/lane/message-socket.ts'
import { Native } from '../../packages/server/src/lane/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/native-memory.ts'
import { SlotCiphers } from '../../packages/server/src/lane/slot-ciphers.ts'
import { BARE_TYPE, CREDIT, type SaturationLoad, type SaturationReport, WINDOW } from './saturation.ts'

const SAMPLE = 997
/** With no answer for so long, the window counts as lost. */
const LOST_AFTER = 50
const native = (await Native.load()) as Native
if (typeof native === 'string') throw new Error(native)
const say = (report: SaturationReport) => process.send?.(report)

class Member {
  readonly memory = new NativeMemory(native, SOCKET_SIZE + 1024)
  readonly socket = new MessageSocket(native, this.memory, { ip: '127.0.0.1', port: 0 })
  readonly #name = new Int32Array(NAME_WORDS)

  constructor(port: number) {
    const words = new Int32Array(ADDRESS_WORDS)
    writeAddress(words, 0, '127.0.0.1', port)
    writeSocketName(new DataView(this.#name.buffer), 0, false, words, 0)
  }
  send(bytes: Uint8Array): void {
    this.memory.bytes.set(bytes, this.socket.claim())
    this.socket.queue(bytes.length, this.#name)
  }
  /** Sends one byte to an address. */
  acknowledge(words: Int32Array, offset: number): void {
    const name = new Int32Array(NAME_WORDS)
    writeSocketName(new DataView(name.buffer), 0, false, words, offset)
    this.socket.claim()
    this.socket.queue(1, name)
    this.socket.flush()
  }
}

class Load {
  readonly #load: SaturationLoad
  readonly #channels: Member[][]
  readonly #sequences: number[]
  readonly #arrived: number[]
  readonly #movedAt: number[]
  readonly #ciphers: SlotCiphers
  readonly #memory = new NativeMemory(native, 2 * SLOT)
  #isTalking = false
  #heard = 0
  #opened = 0
  #wrong = 0
  #bare = 0

  constructor(load: SaturationLoad) {
    this.#load = load
    this.#channels = load.channels.map(ssrcs => ssrcs.map(() => new Member(load.port)))
    this.#sequences = load.channels.map(() => 0)
    this.#arrived = load.channels.map(() => 0)
    this.#movedAt = load.channels.map(() => 0)
    this.#ciphers = new SlotCiphers(native, this.#memory)
    this.#channels.forEach((members, channel) => {
      members.forEach((member, index) => {
        member.send(encodeDiscoveryRequest(load.channels[channel]![index]!))
        member.socket.flush()
      })
    })
    this.#cipher = this.#ciphers.make(PROTECTION_LAYOUTS[load.mode].cipher, Uint8Array.from(load.key))
    this.#place = this.#memory.take(SLOT - 512)
  }
  readonly #cipher
  readonly #place

  get ports(): number[] {
    return this.#channels.flatMap(members => members.map(({ socket }) => socket.port))
  }
  get report(): SaturationReport {
    return { kind: 'heard', heard: this.#heard, opened: this.#opened, wrong: this.#wrong }
  }
  talk(isTalking: boolean): void {
    this.#isTalking = isTalking
  }

  /** Reads everything once, and lets the speakers talk on. */
  turn(): void {
    const now = performance.now()
    for (let channel = 0; channel < this.#channels.length; channel++) {
      const members = this.#channels[channel]!
      for (let index = 0; index < members.length; index++)
        this.#read(channel, members[index]!, index, members.length - 1)
      if (this.#isTalking) this.#fill(channel, now)
    }
  }

  #read(channel: number, member: Member, index: number, last: number): void {
    for (let batch = member.socket.receive(64); batch !== undefined; batch = member.socket.receive(64)) {
      for (let slot = 0; slot < batch.count; slot++) {
        const type = batch.bytes[slot * SLOT + 1]
        if (type === BARE_TYPE && ++this.#bare % CREDIT === 0) member.acknowledge(batch.addresses, slot * ADDRESS_WORDS)
        if (type !== 120) continue
        const length = batch.lengths[slot]!
        if (this.#heard++ % SAMPLE === 0) this.#check(channel, batch.bytes.slice(slot * SLOT, slot * SLOT + length))
        if (index !== last) continue
        this.#arrived[channel] = batch.view.getUint16(slot * SLOT + 2)
        this.#movedAt[channel] = performance.now()
      }
    }
  }

  #check(channel: number, bytes: Uint8Array): void {
    const opened = openPacket(PROTECTION_LAYOUTS[this.#load.mode], 'rtp', Uint8Array.from(this.#load.key), bytes)
    const sequence = (bytes[2]! << 8) | bytes[3]!
    const isRight = opened !== undefined && Buffer.from(opened).equals(this.#plain(channel, sequence))
    if (isRight) this.#opened++
    else this.#wrong++
  }

  #plain(channel: number, sequence: number): Uint8Array {
    const payload = new Uint8Array(this.#load.payload).fill(sequence & 0xff)
    const ssrc = this.#load.channels[channel]![0]!
    return encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc, payload })
  }

  #fill(channel: number, now: number): void {
    if (now - this.#movedAt[channel]! > LOST_AFTER) {
      this.#arrived[channel] = this.#sequences[channel]!
      this.#movedAt[channel] = now
    }
    const speaker = this.#channels[channel]![0]!
    while (((this.#sequences[channel]! - this.#arrived[channel]!) & 0xffff) < WINDOW) {
      const sequence = (this.#sequences[channel]! + 1) & 0xffff
      this.#sequences[channel] = sequence
      speaker.send(this.#seal(this.#plain(channel, sequence), sequence))
    }
    speaker.socket.flush()
  }

  #seal(plain: Uint8Array, sequence: number): Uint8Array {
    const { nonce } = this.#cipher
    const place = this.#place
    nonce[0] = sequence >> 8
    nonce[1] = sequence & 0xff
    this.#memory.bytes.set(plain, place)
    const body = plain.length - 12
    if (!this.#cipher.seal(place, 12, place + 12, body, place + 12)) throw new Error('the load could not seal')
    const sealed = this.#memory.bytes.slice(place, place + plain.length + 20)
    sealed.set(nonce.subarray(0, 4), sealed.length - 4)
    return sealed
  }
}

let load: Load | undefined
function run(): void {
  for (let count = 0; count < 16; count++) load?.turn()
  setImmediate(run)
}

process.on('message', (message: SaturationLoad | 'talk' | 'rest' | 'stop') => {
  if (message === 'talk') load?.talk(true)
  else if (message === 'rest') load?.talk(false)
  else if (message === 'stop') {
    if (load !== undefined) process.send?.(load.report, () => process.exit())
  } else {
    load = new Load(message)
    say({ kind: 'ready', ports: load.ports })
    run()
  }
})
