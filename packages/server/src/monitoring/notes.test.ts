// The tables of note events: what they type, and that each event is in use.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NOTES, noteOf } from '@parley/core'
import { SERVER_NOTES, serverNote } from './notes.ts'

const PACKAGES = fileURLToPath(new URL('../../..', import.meta.url))

function sourcesOf(pack: string): string {
  const root = join(PACKAGES, pack, 'src')
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  const product = files.filter(
    name => name.endsWith('.ts') && !name.endsWith('.test.ts') && !/(^|\/)notes\.ts$/.test(name),
  )
  return product.map(name => readFileSync(join(root, name), 'utf8')).join('\n')
}

test('a note has the level of its table and the fields of its context', () => {
  assert.deepEqual(noteOf(NOTES, 'dave.incapable', { user: '7' }, { channel: '5' }), {
    level: 'info',
    event: 'dave.incapable',
    fields: { channel: '5', user: '7' },
  })
})

test('an event that is not in the table, or a field of another type, does not compile', () => {
  // @ts-expect-error: no such event.
  assert.throws(() => serverNote('node.exploded', {}))
  // @ts-expect-error: the port is a number.
  assert.equal(serverNote('node.started', { version: '1', endpoint: 'x', mediaPort: '9' }).level, 'info')
})

test('each event of the tables is reported somewhere', () => {
  const unused = (table: object, text: string) => Object.keys(table).filter(event => !text.includes(`'${event}'`))
  assert.deepEqual(unused(NOTES, sourcesOf('core')), [])
  assert.deepEqual(unused(SERVER_NOTES, sourcesOf('server')), [])
})
