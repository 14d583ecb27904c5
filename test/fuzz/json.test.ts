// Fuzz: JSON that is read without loss of digits, against JSON.parse.
import assert from 'node:assert/strict'
import { DecodeError, decodeJson, memberSource } from '@parley/protocol'
import { fuzz } from './harness.ts'

const texts = [
  '{"op":0,"d":{"server_id":9223372036854775807,"user_id":"81384788765712384","video":true,"n":[-1.5e3,null]}}',
  '{"op":3,"d":13437012347012347123}',
  '[ "a\\"9223372036854775807" , 18446744073709551615,-9223372036854775808, {} ]',
  '{"d":{"t":1784000000123.5,"seq_ack":10},"d":[[[[[[12345678901234567890]]]]]]}',
]

const parse = (text: string, parser: (text: string) => unknown, fault: new (...args: never[]) => Error) => {
  try {
    return { value: parser(text) }
  } catch (error) {
    assert.ok(error instanceof fault)
    return undefined
  }
}

/** The value as JSON.parse rounds it. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, each: unknown) =>
    typeof each === 'string' && /^-?[0-9]{16,}$/.test(each) ? Number(each) : each,
  )

fuzz('JSON is accepted exactly if JSON.parse accepts it, with the same value but for rounding', {
  covers: ['protocol/json-source.ts'],
  corpus: texts.map(text => Uint8Array.from(Buffer.from(text, 'latin1'))),
  run(bytes) {
    const text = Buffer.from(bytes).toString('latin1')
    const expected = parse(text, JSON.parse, SyntaxError)
    const found = parse(text, decodeJson, DecodeError)
    assert.equal(found === undefined, expected === undefined)
    if (expected === undefined) return
    assert.deepEqual(rounded(found?.value), rounded(expected.value))
    memberSource(text, 'd')
  },
})
