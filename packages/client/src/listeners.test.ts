// Event listeners: order, removal, and errors that they throw.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Listeners } from './listeners.ts'

interface Events {
  said: string
}

test('listeners are called in the order in which they were added, until they are removed', () => {
  const events = new Listeners<Events>()
  const received: string[] = []
  const first = (word: string) => received.push(`first ${word}`)
  events.on('said', first)
  events.once('said', word => received.push(`once ${word}`))
  events.emit('said', 'a')
  events.emit('said', 'b')
  events.off('said', first)
  events.emit('said', 'c')
  assert.deepEqual(received, ['first a', 'once a', 'first b'])
})

test('a listener added or removed during an event takes effect at the next one', () => {
  const events = new Listeners<Events>()
  const received: string[] = []
  const second = (word: string) => received.push(`second ${word}`)
  events.once('said', () => {
    events.off('said', second)
    events.on('said', word => received.push(`third ${word}`))
  })
  events.on('said', second)
  events.emit('said', 'a')
  events.emit('said', 'b')
  assert.deepEqual(received, ['second a', 'third b'])
})

test('a one-time listener can be removed before the event', () => {
  const events = new Listeners<Events>()
  const received: string[] = []
  const listener = (word: string) => received.push(word)
  events.once('said', listener)
  events.off('said', listener)
  events.emit('said', 'a')
  assert.deepEqual(received, [])
})

test('a permanent listener stays after it was also added once', () => {
  const events = new Listeners<Events>()
  const received: string[] = []
  const listener = (word: string) => received.push(word)
  events.on('said', listener)
  events.once('said', listener)
  events.emit('said', 'a')
  events.emit('said', 'b')
  assert.deepEqual(received, ['a', 'b'])
})
