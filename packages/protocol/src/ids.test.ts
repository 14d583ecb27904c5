// Identifiers: accepted forms, and values that would lose digits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Snowflake } from './ids.ts'

const read = (value: unknown) => Snowflake.safeParse(value).data

test('a snowflake is a 64-bit number as decimal text and stays text', () => {
  for (const id of ['0', '1', '81384788765712384', '18446744073709551615']) assert.equal(read(id), id)
})

test('integers below 2^53 are accepted and become text', () => {
  assert.equal(read(7), '7')
  assert.equal(read(2 ** 53 - 1), '9007199254740991')
})

test('more than 64 bits, rounded integers and other texts are refused', () => {
  const numbers = [2 ** 53, -1, 1.5, Infinity, NaN]
  const texts = [
    '18446744073709551616',
    '99999999999999999999',
    '100000000000000000000',
    '01',
    '-1',
    '+1',
    '1e3',
    '0x1',
  ]
  const others = ['', ' 1', '1\n', '1\0', '١', null, undefined, true, [], {}, ['1']]
  for (const value of [...numbers, ...texts, ...others]) assert.equal(read(value), undefined, JSON.stringify(value))
})

test('the refusal of an invalid snowflake says what was expected', () => {
  for (const value of ['ana', 2 ** 53, true, '18446744073709551616'])
    assert.match(String(Snowflake.safeParse(value).error?.issues[0]?.message), /^expected a snowflake: /)
})
