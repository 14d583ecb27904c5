// The deadline heap, against a model.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Deadlines } from './deadlines.ts'

class Item {
  deadline = Infinity
  ticks: number[] = []
  tick(now: number): void {
    this.ticks.push(now)
    this.deadline = Infinity
  }
}

test('due items are ticked once, earliest deadline first', () => {
  const deadlines = new Deadlines()
  const items = [30, 10, 20].map(at => Object.assign(new Item(), { deadline: at }))
  for (const item of items) deadlines.update(item)
  assert.equal(deadlines.next, 10)
  deadlines.tick(20)
  assert.deepEqual(
    items.map(item => item.ticks),
    [[], [20], [20]],
  )
  assert.equal(deadlines.next, 30)
})

test('an item whose deadline moves later is not ticked at the old deadline', () => {
  const deadlines = new Deadlines()
  const item = new Item()
  item.deadline = 10
  deadlines.update(item)
  item.deadline = 50
  deadlines.update(item)
  deadlines.tick(40)
  assert.deepEqual(item.ticks, [])
  assert.equal(deadlines.next, 50)
  deadlines.tick(50)
  assert.deepEqual(item.ticks, [50])
})

test('a removed item is never ticked', () => {
  const deadlines = new Deadlines()
  const item = new Item()
  item.deadline = 10
  deadlines.update(item)
  deadlines.remove(item)
  assert.equal(deadlines.next, Infinity)
  assert.equal(deadlines.size, 0)
  deadlines.tick(100)
  assert.deepEqual(item.ticks, [])
})

test('an item that stays due is ticked once per tick', () => {
  const deadlines = new Deadlines()
  const item = { deadline: 5, ticks: 0, tick: () => void item.ticks++ }
  deadlines.update(item)
  deadlines.tick(10)
  assert.equal(item.ticks, 1)
  assert.equal(deadlines.next, 5)
})

test('after any updates and removals exactly the due items are ticked', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(9), fc.oneof(fc.nat(100), fc.constant(Infinity)), fc.boolean())),
      fc.nat(120),
      (moves, now) => {
        const deadlines = new Deadlines()
        const items = Array.from({ length: 10 }, () => new Item())
        const waiting = new Set<Item>()
        for (const [index, at, remove] of moves) {
          const item = items[index]!
          item.deadline = remove ? Infinity : at
          if (remove) {
            deadlines.remove(item)
            waiting.delete(item)
          } else {
            deadlines.update(item)
            waiting.add(item)
          }
        }
        const due = items.filter(item => waiting.has(item) && item.deadline <= now)
        deadlines.tick(now)
        for (const item of items) assert.equal(item.ticks.length, due.includes(item) ? 1 : 0)
        assert.ok(deadlines.next > now)
      },
    ),
  )
})

test('entries of removed items are reclaimed, and the remaining items keep their order', () => {
  const deadlines = new Deadlines()
  const staying = Array.from({ length: 300 }, (_, i) => Object.assign(new Item(), { deadline: (i * 7_919) % 1_000 }))
  for (const item of staying) deadlines.update(item)
  for (let i = 0; i < 10_000; i++) {
    const item = Object.assign(new Item(), { deadline: 2_000 + i })
    deadlines.update(item)
    deadlines.remove(item)
  }
  assert.ok(deadlines.places < 1_000, `${deadlines.places} places for ${deadlines.size} items`)
  const due = staying.filter(item => item.deadline <= 500)
  deadlines.tick(500)
  assert.deepEqual(
    staying.filter(item => item.ticks.length > 0),
    due,
  )
})

test('an item whose deadline is not a number is refused, and the others are still due', () => {
  const deadlines = new Deadlines()
  const item = Object.assign(new Item(), { deadline: 10 })
  deadlines.update(item)
  const broken = Object.assign(new Item(), { deadline: Number.NaN })
  assert.throws(() => deadlines.update(broken), /expected a deadline, found NaN/)
  assert.equal(deadlines.next, 10)
  deadlines.tick(10)
  assert.deepEqual([item.ticks, broken.ticks], [[10], []])
})

test('an item that throws takes nothing from the others that are due, and their next deadlines hold', () => {
  const deadlines = new Deadlines()
  const broken = {
    deadline: 20,
    tick: () => {
      throw new Error('a fault')
    },
  }
  const items = [10, 20, 30].map(deadline => {
    const item = { deadline, ticks: [] as number[], tick }
    function tick(now: number) {
      item.ticks.push(now)
      item.deadline = now + 100
    }
    return item
  })
  for (const each of [items[0]!, broken, items[1]!, items[2]!]) deadlines.update(each)
  assert.throws(() => deadlines.tick(40), /a fault/)
  assert.deepEqual(
    items.map(({ ticks }) => ticks),
    [[40], [40], [40]],
  )
  assert.equal(deadlines.next, 140)
  deadlines.tick(140)
  assert.deepEqual(
    items.map(({ ticks }) => ticks),
    [
      [40, 140],
      [40, 140],
      [40, 140],
    ],
  )
})

test('an item that throws and stays due is ticked again after a pause, and not without end', () => {
  const deadlines = new Deadlines()
  let isBroken = true
  const item = { deadline: 10, ticks: [] as number[], tick }
  function tick(now: number) {
    item.ticks.push(now)
    if (!isBroken) item.deadline = Infinity
    deadlines.update(item)
    if (isBroken) throw new Error('a fault')
  }
  deadlines.update(item)
  assert.throws(() => deadlines.tick(10), /a fault/)
  const again = deadlines.next
  assert.ok(again >= 1_010, `the next tick is at ${again}`)
  deadlines.tick(again - 1)
  isBroken = false
  deadlines.tick(again)
  assert.deepEqual([item.ticks, deadlines.next], [[10, again], Infinity])
})

test('an item whose deadline is no longer a number is reported, and does not stop the others', () => {
  const deadlines = new Deadlines()
  const items = [10, 20, 30].map(at => Object.assign(new Item(), { deadline: at }))
  for (const item of items) deadlines.update(item)
  items[0]!.deadline = Number.NaN
  items[1]!.tick = () => {
    items[1]!.deadline = Number.NaN
  }
  assert.throws(() => deadlines.tick(40), /expected a deadline, found NaN/)
  assert.deepEqual(items[2]!.ticks, [40])
  assert.throws(() => deadlines.tick(deadlines.next), /expected a deadline, found NaN/)
  assert.deepEqual([deadlines.next, deadlines.size], [Infinity, 0])
})
