// Source text of JSON members against JSON.parse.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { memberSource } from './json-source.ts'

test('a number beyond 2^53 keeps every digit', () => {
  assert.equal(memberSource('{"op":3,"d":13437012347012347123}', 'd'), '13437012347012347123')
  assert.equal(memberSource('{"seq_ack":3,"t":1784000000123.5}', 't'), '1784000000123.5')
})

test('a nested member with the same name is not found', () => {
  assert.equal(memberSource('{"x":{"d":1},"y":["d",{"d":2}],"d" : -1.5e3 , "z":"}"}', 'd'), '-1.5e3')
  assert.equal(memberSource('{"a":"\\",\\"d\\":9","b":1}', 'd'), undefined)
})

test('of repeated members the last counts, as in JSON.parse', () => {
  assert.equal(memberSource('{"d":1,"d":2}', 'd'), '2')
})

test('a value that is not an object has no members', () => {
  for (const text of ['null', '3', '"d"', '[1]', '', '{}', ' {  } ']) assert.equal(memberSource(text, 'd'), undefined)
})

test('the source of a member parses to the value that JSON.parse returns', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-e]{1,2}$/), fc.jsonValue()), fc.nat(4), (object, indent) => {
      const text = JSON.stringify(object, undefined, indent)
      for (const [key, value] of Object.entries(JSON.parse(text) as Record<string, unknown>))
        assert.deepEqual(JSON.parse(memberSource(text, key) ?? 'missing'), value)
    }),
  )
})
