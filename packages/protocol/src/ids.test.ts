// Identifiers: what is taken for one, and what would be rounded or cut if it were.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Snowflake } from './ids.ts'

const read = (value: unknown) => Snowflake.safeParse(value).data

test('a snowflake is a number of 64 bits as decimal text, and stays text', () => {
  for (const id of ['0', '1', '81384788765712384', '18446744073709551615']) assert.equal(read(id), id)
})

test('integers that JSON can carry without rounding are taken, and become text', () => {
  assert.equal(read(7), '7')
  assert.equal(read(2 ** 53 - 1), '9007199254740991')
})

test('what is more than 64 bits, rounded, or no plain decimal is refused', () => {
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

test('who sent something else is told what a snowflake is', () => {
  for (const value of ['ana', 2 ** 53, true, '18446744073709551616'])
    assert.match(String(Snowflake.safeParse(value).error?.issues[0]?.message), /^expected a snowflake: /)
})
