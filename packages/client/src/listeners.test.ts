// Event listeners: order, removal, and errors that they throw.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Listeners } from './listeners.ts'

interface Events {
  said: string
}

test('listeners are called in the order in which they were added, until they are removed', () => {
  const events = new Listeners<Events>()
  const heard: string[] = []
  const first = (word: string) => heard.push(`first ${word}`)
  events.on('said', first)
  events.once('said', word => heard.push(`once ${word}`))
  events.emit('said', 'a')
  events.emit('said', 'b')
  events.off('said', first)
  events.emit('said', 'c')
  assert.deepEqual(heard, ['first a', 'once a', 'first b'])
})

test('a listener added or removed during an event takes effect at the next one', () => {
  const events = new Listeners<Events>()
  const heard: string[] = []
  const second = (word: string) => heard.push(`second ${word}`)
  events.once('said', () => {
    events.off('said', second)
    events.on('said', word => heard.push(`third ${word}`))
  })
  events.on('said', second)
  events.emit('said', 'a')
  events.emit('said', 'b')
  assert.deepEqual(heard, ['second a', 'third b'])
})

test('a one-time listener can be removed before the event', () => {
  const events = new Listeners<Events>()
  const heard: string[] = []
  const listener = (word: string) => heard.push(word)
  events.once('said', listener)
  events.off('said', listener)
  events.emit('said', 'a')
  assert.deepEqual(heard, [])
})

test('a permanent listener stays after it was also added once', () => {
  const events = new Listeners<Events>()
  const heard: string[] = []
  const listener = (word: string) => heard.push(word)
  events.on('said', listener)
  events.once('said', listener)
  events.emit('said', 'a')
  events.emit('said', 'b')
  assert.deepEqual(heard, ['a', 'b'])
})
