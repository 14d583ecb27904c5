// Who hears an event, and what a listener that throws breaks: nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Listeners } from './listeners.ts'

interface Events {
  said: string
}

test('listeners hear events in the order in which they came, until they leave', () => {
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

test('a listener that leaves or comes while an event is told changes the next one only', () => {
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

test('who listens once may leave before it happened', () => {
  const events = new Listeners<Events>()
  const heard: string[] = []
  const listener = (word: string) => heard.push(word)
  events.once('said', listener)
  events.off('said', listener)
  events.emit('said', 'a')
  assert.deepEqual(heard, [])
})

test('who listens always goes on after listening once as well', () => {
  const events = new Listeners<Events>()
  const heard: string[] = []
  const listener = (word: string) => heard.push(word)
  events.on('said', listener)
  events.once('said', listener)
  events.emit('said', 'a')
  events.emit('said', 'b')
  assert.deepEqual(heard, ['a', 'b'])
})
