// Selection of the packet engine, and its reason.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok, refused } from '@parley/core'
import { chooseEngine } from './engine.ts'
import { Native } from './native-calls.ts'

const missing = async () => refused('Cannot find package koffi')
const present = async () => ok({ sodium: undefined })

test('auto selects the ffi engine where it runs, and otherwise gives the reason in one line', async () => {
  assert.deepEqual(
    await chooseEngine('auto', 1, present),
    ok({
      engine: 'ffi',
      aead: 'openssl',
      reason: 'all requirements are met',
    }),
  )
  assert.deepEqual(
    await chooseEngine('auto', 1, missing),
    ok({
      engine: 'portable',
      aead: 'node',
      reason: 'no ffi engine: Cannot find package koffi',
    }),
  )
})

test('without a separate thread the ffi engine is not selected', async () => {
  const choice = await chooseEngine('auto', 0, present)
  assert.ok(choice.ok && choice.value.engine === 'portable' && choice.value.reason.includes('media.lanes is 0'))
  const refusal = await chooseEngine('ffi', 0, present)
  assert.ok(!refusal.ok && refusal.reason.includes('media.lanes is 0'))
})

test('a configured engine is used or refused, never replaced', async () => {
  assert.deepEqual(
    await chooseEngine('portable', 4, present),
    ok({
      engine: 'portable',
      aead: 'node',
      reason: 'requested by media.engine',
    }),
  )
  assert.deepEqual(
    await chooseEngine('ffi', 4, present),
    ok({
      engine: 'ffi',
      aead: 'openssl',
      reason: 'requested by media.engine',
    }),
  )
  assert.deepEqual(await chooseEngine('ffi', 4, missing), refused('Cannot find package koffi'))
})

test('libsodium is used where it offers AES-256-GCM', async () => {
  const native = await Native.load()
  const sodium = native.ok ? native.value.sodium : undefined
  const choice = await chooseEngine('ffi', 1, async () => ok({ sodium }))
  assert.equal(choice.ok && choice.value.aead, sodium?.gcm === undefined ? 'openssl' : 'libsodium')
})
