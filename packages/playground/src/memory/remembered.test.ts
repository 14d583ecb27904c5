// What the page keeps in the browser, with storages that are empty, broken, full or blocked.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Remembered, type Shelf } from './remembered.ts'

/** A storage of a browser. */
class Box implements Shelf {
  readonly items = new Map<string, string>()
  getItem(name: string): string | null {
    return this.items.get(name) ?? null
  }
  setItem(name: string, value: string): void {
    this.items.set(name, value)
  }
  removeItem(name: string): void {
    this.items.delete(name)
  }
}

const isSmall = (value: unknown): value is number => typeof value === 'number' && value < 10
const open = (shelf: Shelf) => new Remembered('numbers', isSmall, shelf)

test('what was set is there on the next visit, and what was deleted is not', () => {
  const box = new Box()
  const first = open(box)
  first.set('a', 1)
  first.set('b', 2)
  first.set('a', 3)
  first.delete('b')
  assert.deepEqual([...open(box).entries], [['a', 3]])
  open(box).clear()
  assert.equal(open(box).get('a'), undefined)
  assert.equal(box.items.size, 0)
})

test('stored values that are not valid are left out, and do not prevent others from being stored', () => {
  for (const stored of ['', '{', 'null', '7', '{"a":1}', '[1,null,["a"],["b",1,2],[3,4],["c","1"],["d",99],["",1]]']) {
    const box = new Box()
    box.setItem('parley.numbers', stored)
    const numbers = open(box)
    assert.deepEqual([...numbers.entries], [], stored)
    numbers.set('e', 5)
    assert.deepEqual([...open(box).entries], [['e', 5]])
  }
  const box = new Box()
  box.setItem(
    'parley.numbers',
    JSON.stringify([
      ['x'.repeat(65), 1],
      ['y', 11],
      ['z', 1],
    ]),
  )
  assert.deepEqual([...open(box).entries], [['z', 1]])
})

test('the oldest entries give way when there are too many, also of what was stored', () => {
  const box = new Box()
  const many = Array.from({ length: 700 }, (_, index) => [`user ${index}`, 1])
  box.setItem('parley.numbers', JSON.stringify(many))
  const numbers = open(box)
  assert.equal(numbers.entries.size, 500)
  assert.equal(numbers.get('user 199'), undefined)
  numbers.set('user 200', 2)
  numbers.set('new', 3)
  assert.equal(open(box).entries.size, 500)
  assert.deepEqual([numbers.get('user 200'), numbers.get('user 201'), numbers.get('new')], [2, undefined, 3])
})

test('a storage that is full or blocked keeps values for this visit', () => {
  const fail = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  const numbers = open({ getItem: fail, setItem: fail, removeItem: fail })
  numbers.set('a', 1)
  assert.equal(numbers.get('a'), 1)
  numbers.clear()
  assert.equal(numbers.get('a'), undefined)
})
