// Selection of the packet engine, and its reason.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseEngine } from './engine.ts'
import { Native } from './native-calls.ts'

const missing = async () => 'Cannot find package koffi'
const present = async () => ({ sodium: undefined })

test('auto takes the ffi engine where it can, and says why it cannot in one line', async () => {
  assert.deepEqual(await chooseEngine('auto', 1, present), {
    engine: 'ffi',
    aead: 'openssl',
    reason: 'all requirements are met',
  })
  assert.deepEqual(await chooseEngine('auto', 1, missing), {
    engine: 'portable',
    aead: 'node',
    reason: 'no ffi engine: Cannot find package koffi',
  })
})

test('without a thread of its own the ffi engine is not taken', async () => {
  const choice = await chooseEngine('auto', 0, present)
  assert.ok(typeof choice === 'object' && choice.engine === 'portable' && choice.reason.includes('media.lanes is 0'))
  assert.match((await chooseEngine('ffi', 0, present)) as string, /media\.lanes is 0/)
})

test('what is asked for is taken or refused, never replaced', async () => {
  assert.deepEqual(await chooseEngine('portable', 4, present), {
    engine: 'portable',
    aead: 'node',
    reason: 'requested by media.engine',
  })
  assert.deepEqual(await chooseEngine('ffi', 4, present), {
    engine: 'ffi',
    aead: 'openssl',
    reason: 'requested by media.engine',
  })
  assert.equal(await chooseEngine('ffi', 4, missing), 'Cannot find package koffi')
})

test('libsodium is used where it offers AES-256-GCM', async () => {
  const { sodium } = (await Native.load()) as Native
  if (sodium?.gcm === undefined)
    return assert.equal(((await chooseEngine('ffi', 1, present)) as { aead: string }).aead, 'openssl')
  assert.equal(((await chooseEngine('ffi', 1, async () => ({ sodium }))) as { aead: string }).aead, 'libsodium')
})
