// The rings between the threads of lanes: their memory, and how a lane that sleeps is woken for a packet.
import type { MessagePort } from 'node:worker_threads'
import { type LaneId, PacketRing } from '@parley/core'
import type { Native } from '../engine/native-calls.ts'

/** Words of a `Bell`: messages were posted; the thread sleeps until it is woken. */
export const POSTED = 0
export const ASLEEP = 1
const WORDS = 2

/** How other threads wake the thread of a lane. It belongs to the place of the lane, and outlives a thread that crashed. */
export interface Bell {
  words: SharedArrayBuffer
  /** On the ffi engine an eventfd, which the thread polls. Absent: the thread opens one of its own. */
  descriptor?: number | undefined
}

export const createBell = (descriptor?: number): Bell => ({ words: new SharedArrayBuffer(WORDS * 4), descriptor })

/** One end of a ring, as a lane is sent it. */
export interface RingMessage {
  kind: 'ring'
  /** Whether packets arrive through it or leave. */
  direction: 'in' | 'out'
  /** The lane at the other end. */
  lane: LaneId
  memory: SharedArrayBuffer
  /** That of the lane that packets arrive at. */
  bell: Bell
  /** Between the two threads on the portable engine, whose event loop no descriptor wakes. */
  port?: MessagePort | undefined
}

export const createRing = (): SharedArrayBuffer => new SharedArrayBuffer(PacketRing.size)

/** The lane's end. `clock` is that of the lane: threads start theirs at different moments. */
export function openRing(
  { direction, memory, bell, port }: RingMessage,
  clock: () => number,
  native: Pick<Native, 'wake'> | undefined,
): PacketRing {
  const clockOffset = Number(process.hrtime.bigint()) / 1e6 - clock()
  if (direction === 'in') return new PacketRing(memory, { clockOffset })
  const words = new Int32Array(bell.words)
  const { descriptor } = bell
  const pushed = () => {
    // Read first: a lane at work must not lose its cache line to each packet.
    if (Atomics.load(words, ASLEEP) === 0 || Atomics.exchange(words, ASLEEP, 0) === 0) return
    if (descriptor !== undefined) native?.wake(descriptor)
    else port?.postMessage(0)
  }
  return new PacketRing(memory, { clockOffset, pushed })
}
