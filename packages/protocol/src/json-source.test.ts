// Lossless JSON: large integers, and the source text of members, against JSON.parse.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DecodeError } from './bytes.ts'
import { decodeJson, jsonDepth, memberSource } from './json-source.ts'

test('an integer that a double cannot hold becomes a string with its digits', () => {
  const text = '{"a":9223372036854775807,"b":[ 18446744073709551615,-9223372036854775808],"c":9007199254740993}'
  const expected = {
    a: '9223372036854775807',
    b: ['18446744073709551615', '-9223372036854775808'],
    c: '9007199254740993',
  }
  assert.deepEqual(decodeJson(text), expected)
  assert.equal(decodeJson('9223372036854775807'), '9223372036854775807')
})

test('all other numbers, and digits in strings, are parsed as by JSON.parse', () => {
  for (const text of [
    '[9007199254740991,-9007199254740991,1234567890123456e3,0.12345678901234567890,1e30,12345678901234567890.5]',
    '{"9223372036854775807":1,"a":":9223372036854775807","b":"\\"[9223372036854775807"}',
    '[9223372036854775807e0]',
  ])
    assert.deepEqual(decodeJson(text), JSON.parse(text))
})

test('invalid JSON is refused, also where only a large integer makes it invalid', () => {
  for (const text of ['', '{', '{9223372036854775807:1}', '[09223372036854775807]', '9223372036854775807 1', '[1,]'])
    assert.throws(() => decodeJson(text), DecodeError, text)
})

test('deep nesting and long strings are parsed in linear time without recursion', () => {
  const depth = 30_000
  assert.ok(Array.isArray(decodeJson(`${'['.repeat(depth)}9223372036854775807${']'.repeat(depth)}`)))
  const escaped = '\\"'.repeat(30_000)
  assert.deepEqual(decodeJson(`["${escaped}",9223372036854775807]`), ['"'.repeat(30_000), '9223372036854775807'])
})

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

test('the depth of a text counts nested objects and arrays, and no brackets in strings', () => {
  assert.equal(jsonDepth('3'), 0)
  assert.equal(jsonDepth('{"op":0,"d":{"streams":[{"rid":"100"}],"x":[]}}'), 4)
  assert.equal(jsonDepth('{"a":"[[[[","b":"\\"[["}'), 1)
  assert.equal(jsonDepth('['.repeat(4_000)), 4_000)
})
