// The ring between two lanes: order, bounds, and what a consumer does with memory that cannot be true.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Batch, createBatch, SLOT } from './batch.ts'
import { PacketRing } from './packet-ring.ts'

const ENTRIES = 512

/** A batch with one packet of this length, whose bytes begin with `number`. */
function packet(number: number, length: number): Batch {
  const batch = createBatch(1)
  batch.bytes.fill(number & 0xff, 0, Math.min(length, SLOT))
  batch.lengths[0] = length
  batch.count = 1
  return batch
}

/** Both ends of a ring whose counts begin at `from`. */
function ringAt(from: number) {
  const memory = new SharedArrayBuffer(PacketRing.size)
  const words = new Int32Array(memory)
  words[0] = from
  words[16] = from
  return { words, producer: new PacketRing(memory), consumer: new PacketRing(memory) }
}

test('packets leave in order and whole, whatever order pushes and reads have, also where the counts wrap', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 0, max: SLOT }) }),
    fc.record({ read: fc.integer({ min: 0, max: 80 }) }),
  )
  const starts = fc.constantFrom(0, 500, 2 ** 31 - 100, -50)
  fc.assert(
    fc.property(starts, fc.array(step, { maxLength: 300 }), (start, steps) => {
      const { producer, consumer } = ringAt(start)
      const model: { number: number; length: number }[] = []
      const batch = createBatch()
      let pushed = 0
      for (const each of steps) {
        if ('push' in each) {
          const { push: length } = each
          assert.equal(producer.push(packet(pushed, length), 0, 0), model.length < ENTRIES)
          if (model.length < ENTRIES) model.push({ number: pushed & 0xff, length })
          pushed++
          continue
        }
        consumer.read(batch, each.read, 0)
        const expected = model.splice(0, Math.min(each.read, 64))
        assert.equal(batch.count, expected.length)
        for (const [slot, { number, length }] of expected.entries()) {
          assert.equal(batch.lengths[slot], length)
          assert.ok(batch.bytes.subarray(slot * SLOT, slot * SLOT + length).every(byte => byte === number))
        }
        assert.equal(consumer.isEmpty, model.length === 0)
      }
    }),
    { numRuns: 50 },
  )
})

test('a full ring refuses packets until one was read, and a packet longer than a slot never enters', () => {
  const { producer, consumer } = ringAt(0)
  assert.equal(producer.push(packet(1, SLOT + 1), 0, 0), false)
  for (let number = 0; number < ENTRIES; number++) assert.ok(producer.push(packet(number, 20), 0, 0))
  assert.equal(producer.push(packet(0, 20), 0, 0), false)
  consumer.read(createBatch(), 1, 0)
  assert.ok(producer.push(packet(0, 20), 0, 0))
})

test('the time that a packet waited is measured on one clock, also for ends that started at different moments', () => {
  const memory = new ArrayBuffer(PacketRing.size)
  const uptime = 2 ** 31 - 5
  let pushes = 0
  const producer = new PacketRing(memory, { clockOffset: uptime, pushed: () => pushes++ })
  const consumer = new PacketRing(memory, { clockOffset: uptime - 1_000 })
  const batch = createBatch()
  producer.push(packet(1, 20), 0, 3)
  producer.push(packet(2, 20), 0, 40)
  consumer.read(batch, 64, 1_030)
  assert.deepEqual([batch.waited[0], batch.waited[1], pushes], [27, 0, 2])
})

test('nothing is read of a producer whose counts or lengths cannot be true, and later packets arrive', () => {
  const batch = createBatch()
  fc.assert(
    fc.property(fc.integer(), fc.integer(), fc.integer(), (written, read, length) => {
      const { words, producer, consumer } = ringAt(0)
      words[0] = written
      words[16] = read
      for (let entry = 0; entry < ENTRIES; entry++) words[32 + entry * 2] = length
      for (let turn = 0; turn <= ENTRIES / 64; turn++) {
        consumer.read(batch, 64, 0)
        for (let slot = 0; slot < batch.count; slot++)
          assert.ok(batch.lengths[slot]! >= 0 && batch.lengths[slot]! <= SLOT)
      }
      assert.ok(consumer.isEmpty)
      assert.ok(producer.push(packet(7, 30), 0, 0))
      consumer.read(batch, 64, 0)
      assert.deepEqual([batch.count, batch.lengths[0], batch.bytes[0]], [1, 30, 7])
    }),
    { numRuns: 200 },
  )
})
