import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOggOpus } from '@parley/client'
import { Recording } from './recording.ts'

const FRAME = 960
const SECOND = 48_000
const SILENCE = 'f8fffe'
const SHORT_SILENCE = 'e0fffe'

/** 20 ms of Opus, each with its own number in it. */
const frame = (number: number) => Uint8Array.of(0x78, number >> 8, number & 0xff)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

class Take {
  readonly #parts: Uint8Array[] = []
  readonly recording = new Recording(bytes => this.#parts.push(bytes), {})

  add(number: number, timestamp: number, now: number, ssrc = 1): void {
    this.recording.add({ ssrc, timestamp: timestamp >>> 0, payload: frame(number) }, now)
  }

  /** Reads the file back: its packets in hex, runs of silence as `20 ms × 7`. */
  end(): string[] {
    this.recording.end()
    const packets = readOggOpus(Buffer.concat(this.#parts)).packets.map(hex)
    const runs: string[] = []
    let silent = { name: '', count: 0 }
    for (const packet of [...packets, '']) {
      const name = packet === SILENCE ? '20 ms' : packet === SHORT_SILENCE ? '2.5 ms' : ''
      if (silent.count > 0 && name !== silent.name) runs.push(`${silent.name} × ${silent.count}`)
      silent = { name, count: name === '' ? 0 : name === silent.name ? silent.count + 1 : 1 }
      if (name === '' && packet !== '') runs.push(String(Number.parseInt(packet.slice(2), 16)))
    }
    return runs
  }
}

test('consecutive frames are recorded unchanged', () => {
  const take = new Take()
  for (let number = 0; number < 200; number++) take.add(number, 7_000 + number * FRAME, number * 20)
  assert.deepEqual(
    take.end(),
    Array.from({ length: 200 }, (_, number) => String(number)),
  )
  assert.equal(take.recording.samples, 200 * FRAME)
  assert.equal(take.recording.skipped, 0)
})

test('lost frames and pauses become silence of the same length', () => {
  const take = new Take()
  take.add(1, 0, 0)
  take.add(2, 4 * FRAME, 80)
  take.add(3, 4 * FRAME + 10 * SECOND, 10_080)
  assert.deepEqual(take.end(), ['1', '20 ms × 3', '2', '20 ms × 499', '3'])
})

test('the remainder of a gap below 20 ms is filled with shorter silence', () => {
  const take = new Take()
  take.add(1, 0, 0)
  take.add(2, FRAME + FRAME + 360, 47)
  assert.deepEqual(take.end(), ['1', '20 ms × 1', '2.5 ms × 3', '2'])
})

test('frames that overtook each other are reordered', () => {
  const take = new Take()
  for (const number of [0, 2, 1, 5, 4, 3, 6, 8, 7]) take.add(number, number * FRAME, 100)
  assert.deepEqual(take.end(), ['0', '1', '2', '3', '4', '5', '6', '7', '8'])
})

test('a duplicate frame, or one whose position is already written, is skipped', () => {
  const take = new Take()
  for (const number of [0, 2, 2, 3, 4, 5, 6, 7, 8, 1]) take.add(number, number * FRAME, 100)
  assert.deepEqual(take.end(), ['0', '20 ms × 1', '2', '3', '4', '5', '6', '7', '8'])
  assert.equal(take.recording.skipped, 2)
})

test('timestamps wrap around without a gap', () => {
  const take = new Take()
  for (let number = 0; number < 4; number++) take.add(number, 0xffff_ffff - FRAME + number * FRAME, number * 20)
  assert.deepEqual(take.end(), ['0', '1', '2', '3'])
})

test('a sender whose timestamps stop during pauses is placed by the clock', () => {
  const take = new Take()
  take.add(1, 0, 0)
  take.add(2, FRAME, 5_000)
  take.add(3, 2 * FRAME, 5_020)
  assert.deepEqual(take.end(), ['1', '20 ms × 249', '2', '3'])
})

test('a new session of a user continues in the same file', () => {
  const take = new Take()
  take.add(1, 1_000_000, 0, 1)
  take.add(2, 77, 1_000, 2)
  take.add(3, 77 + FRAME, 1_020, 2)
  assert.deepEqual(take.end(), ['1', '20 ms × 49', '2', '3'])
})

test('a recording exceeds the length of the call by at most two seconds', () => {
  const take = new Take()
  for (let number = 0; number < 500; number++) take.add(number, number * 1.9 * SECOND, number)
  take.recording.end()
  assert.ok(take.recording.samples <= 0.5 * SECOND + 2 * SECOND + 500 * FRAME, `${take.recording.samples} samples`)
})

test('a payload that is not Opus is skipped', () => {
  const take = new Take()
  take.add(1, 0, 0)
  take.recording.add({ ssrc: 1, timestamp: FRAME, payload: new Uint8Array(0) }, 20)
  take.recording.add({ ssrc: 1, timestamp: FRAME, payload: Uint8Array.of(0x7b) }, 20)
  take.add(2, FRAME, 20)
  assert.deepEqual(take.end(), ['1', '2'])
  assert.equal(take.recording.skipped, 2)
})

test('a call without frames yields a complete file', () => {
  assert.deepEqual(new Take().end(), [])
})
