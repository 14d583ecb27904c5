// What four screens at 1080p60 that 20 browsers watch cost a lane: the router's work, with the memory engine in place of encryption and
// sockets, whose cost per copy is in the table of forwarding.
import { type RtpMappingDescription, SLOT } from '@parley/core'
import { encodeRtp } from '@parley/protocol'
import { BROWSER_TYPES } from '../../packages/core/src/testing/mappings.ts'
import { addDatagram, makeBatch, PlainIo } from '../../packages/core/src/testing/plain-io.ts'
import { checkOf, PlainLane, sealed, ssrcOf, TARGETS } from '../../packages/core/src/testing/plain-lane.ts'
import { round } from '../report/rows.ts'

const SCREENS = [1, 2, 3, 4]
const VIEWERS = Array.from({ length: 20 }, (_, index) => index + 5)
const FRAMES = 60
/** Packets of a frame, and bytes of a payload: 8 Mbit/s. */
const PACKETS = 14
const PAYLOAD = 1_180
/** Virtual seconds until the code is compiled, and of the measurement. */
const WARM_UP = 4
const SECONDS = 10
const CHECK_INTERVAL = 5_000
const MAPPING: RtpMappingDescription = {
  payloadTypes: BROWSER_TYPES,
  extensions: {},
}
const wordsOf = (peer: number) => [0, 0, 0xffff, 0x0a00_0000 + peer, 5_000, 0]

export interface ScreensFigures {
  /** Copies per second. */
  copies: number
  /** Microseconds of CPU per copy. */
  microseconds: number
}

export function benchScreens(): ScreensFigures {
  const io = new PlainIo(false)
  const lane = new PlainLane(undefined, io)
  for (const peer of SCREENS) lane.connectNative(peer, MAPPING)
  for (const peer of VIEWERS) lane.connectWebrtcPeer(peer, MAPPING)
  lane.listen(...VIEWERS)
  for (const owner of SCREENS)
    lane.command({
      kind: 'setRoute',
      ssrc: ssrcOf(owner) + 1,
      owner,
      media: 'video',
      source: 'screen',
      targets: TARGETS,
    })
  const call = new ScreenCall(lane)
  call.run(WARM_UP)
  const before = { packets: io.sent.packets - io.reports, cpu: process.cpuUsage() }
  call.run(SECONDS)
  const { user, system } = process.cpuUsage(before.cpu)
  const copies = io.sent.packets - io.reports - before.packets
  const expected = SCREENS.length * FRAMES * PACKETS * VIEWERS.length * SECONDS
  if (copies !== expected) throw new Error(`${copies} copies of ${expected} were sent`)
  return { copies: copies / SECONDS, microseconds: (user + system) / copies }
}

/** Sends a frame of each screen 60 times a second. */
class ScreenCall {
  readonly #lane: PlainLane
  readonly #batch = makeBatch()
  readonly #plain: Uint8Array
  readonly #lengths: Int32Array
  #frame = 0
  #checkAt: number

  constructor(lane: PlainLane) {
    this.#lane = lane
    this.#checkAt = lane.now + CHECK_INTERVAL
    for (const peer of SCREENS)
      for (let index = 0; index < PACKETS; index++) {
        const payload = new Uint8Array(PAYLOAD)
        payload.set([0x80 | (index === 0 ? 0x10 : 0), 0xe0, 0x80, 0, 0, 0, 1])
        const packet = { payloadType: 96, ssrc: ssrcOf(peer) + 1, sequence: 0, timestamp: 0, payload }
        addDatagram(this.#batch, sealed(peer, encodeRtp(packet)), wordsOf(peer))
      }
    this.#plain = this.#batch.bytes.slice()
    this.#lengths = this.#batch.lengths.slice()
  }

  run(seconds: number): void {
    for (let sent = 0; sent < seconds * FRAMES; sent++) {
      this.#send()
      this.#lane.now += 1_000 / FRAMES
      if (this.#lane.now >= this.#lane.router.deadline) this.#lane.router.tick(this.#lane.now)
      if (this.#lane.now >= this.#checkAt) this.#check()
      this.#lane.router.takeEvents()
    }
  }

  #send(): void {
    const { bytes, view, lengths } = this.#batch
    bytes.set(this.#plain)
    lengths.set(this.#lengths)
    for (let slot = 0; slot < this.#batch.count; slot++) {
      view.setUint16(slot * SLOT + 2, (this.#frame * PACKETS + (slot % PACKETS)) & 0xffff)
      view.setUint32(slot * SLOT + 4, this.#frame * 1_500)
      view.setUint16(slot * SLOT + 14, 0x8000 | (this.#frame & 0x7fff))
      bytes[slot * SLOT + 16] = this.#frame & 0xff
    }
    this.#frame++
    this.#lane.router.receive(this.#batch, this.#lane.now)
  }

  #check(): void {
    this.#checkAt += CHECK_INTERVAL
    for (const peer of VIEWERS) {
      const asked = makeBatch()
      addDatagram(asked, checkOf(peer), wordsOf(peer))
      this.#lane.router.receive(asked, this.#lane.now)
    }
  }
}

export function printScreens({ copies, microseconds }: ScreensFigures): void {
  const share = (copies * microseconds) / 10_000
  console.log(
    `four screens at 1080p60 for 20 browsers: ${round(copies, 0)} copies a second, ${round(microseconds, 2)} µs each in the router, ` +
      `${round(share, 1)} % of a core; encryption and sending come on top`,
  )
}
