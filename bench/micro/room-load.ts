// The members of one large room, in a process of their own: binds their addresses, speaks, and times the last copy of each packet.
import { PacketProtection } from '@parley/client'
import { SLOT } from '@parley/core'
import { encodeRtp, RTP_SEQUENCE, VoiceMode } from '@parley/protocol'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { nameOf } from '../floor/socket-name.ts'
import { ClientSocket } from './client-socket.ts'

export const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
export const MODE = VoiceMode.AeadAes256GcmRtpsize
/** Peer 1 is the speaker, on the first lane. */
export const SPEAKER = 1
export const ssrcOf = (peer: number): number => 1_000 + peer * 16

export type RoomOrder =
  /** Send one packet of each member to its lane. */
  { kind: 'bind'; ports: readonly number[]; members: number } | { kind: 'speak'; perSecond: number; seconds: number }

/** Copies that arrived, and milliseconds from each packet to its last copy. */
export interface RoomReport {
  packets: number
  copies: number
  last: number[]
}

const SOCKETS = 128
const PAYLOAD = 120
/** Packets of members that bind, per millisecond. */
const BINDS = 20
const SETTLE = 300

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

class Room {
  readonly #protection = new PacketProtection(MODE, KEY)
  readonly #sockets: ClientSocket[]
  /** Of each lane, by socket: a destination belongs to one. */
  #names: Int32Array[][] = []
  #sequence = 0
  #sentAt = new Float64Array(65_536)
  #lastAt = new Float64Array(65_536)
  #copies = 0

  constructor(native: Native) {
    this.#sockets = Array.from({ length: SOCKETS }, () => new ClientSocket(native))
  }

  async bind(ports: readonly number[], members: number): Promise<void> {
    this.#names = this.#sockets.map(() => ports.map(port => nameOf('127.0.0.1', port)))
    for (let peer = 1; peer <= members; peer++) {
      this.#send(peer, (peer - 1) % ports.length)
      if (peer % BINDS === 0) await pause(1)
    }
  }

  async speak(perSecond: number, seconds: number): Promise<RoomReport> {
    const first = this.#sequence
    this.#copies = 0
    const interval = 1_000 / perSecond
    const start = performance.now()
    let sent = 0
    for (const end = start + seconds * 1_000; performance.now() < end; ) {
      if (performance.now() >= start + sent * interval) {
        sent++
        this.#sentAt[this.#sequence] = performance.now()
        this.#send(SPEAKER, 0)
      }
      if (!this.#receive()) await pause(1)
    }
    for (const end = performance.now() + SETTLE; performance.now() < end; ) if (!this.#receive()) await pause(1)
    const last = Array.from({ length: sent }, (_, index) => this.#lastAt[first + index]! - this.#sentAt[first + index]!)
    return { packets: sent, copies: this.#copies, last }
  }

  #send(peer: number, lane: number): void {
    const packet = { payloadType: 120, sequence: this.#sequence, timestamp: this.#sequence * 960, ssrc: ssrcOf(peer) }
    const sealed = this.#protection.seal('rtp', encodeRtp({ ...packet, payload: new Uint8Array(PAYLOAD) }))
    this.#sequence++
    const socket = this.#sockets[peer % SOCKETS]!
    socket.queue(sealed!, this.#names[peer % SOCKETS]![lane]!)
    socket.flush()
  }

  /** The kernel's stamp tells when a copy arrived, however late it is read. Returns whether there was any. */
  #receive(): boolean {
    let isBusy = false
    for (const socket of this.#sockets) {
      const batch = socket.receive()
      if (batch === undefined) continue
      isBusy = true
      const now = performance.now()
      for (let slot = 0; slot < batch.count; slot++) {
        const sequence = batch.view.getUint16(slot * SLOT + RTP_SEQUENCE)
        this.#lastAt[sequence] = Math.max(this.#lastAt[sequence]!, now - batch.waited[slot]!)
        this.#copies++
      }
    }
    return isBusy
  }
}

if (process.send !== undefined) {
  const native = await Native.load()
  if (!native.ok) throw new Error(native.reason)
  const room = new Room(native.value)
  process.on('message', async (order: RoomOrder) => {
    if (order.kind === 'bind') process.send?.((await room.bind(order.ports, order.members)) ?? 'bound')
    else process.send?.(await room.speak(order.perSecond, order.seconds))
  })
  process.on('disconnect', () => process.exit(0))
}
