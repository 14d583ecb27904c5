// Verification of members: computing, comparing and forgetting codes, and what a change of the group does to them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Verifications } from './verification.ts'

const group = (privacyCode: string | undefined, ...userIds: string[]) => ({
  version: privacyCode === undefined ? 0 : 1,
  privacyCode,
  userIds,
})

function scene() {
  const keys = new Map([
    ['2', 'keys of 2'],
    ['3', 'keys of 3'],
  ])
  const computed: string[] = []
  const verifications = new Verifications()
  const open = () =>
    verifications.open(async userId => {
      computed.push(userId)
      return keys.get(userId)
    })
  open()
  verifications.groupChanged(group('epoch 1', '1', '2', '3'))
  const kindOf = (userId: string) => verifications.store.value.states.get(userId)?.kind
  return { verifications, keys, computed, open, kindOf }
}

test('a code is computed when it is asked for only, one at a time, and verifies its member once it is confirmed', async () => {
  const { verifications, computed, kindOf } = scene()
  assert.deepEqual(computed, [])
  verifications.confirm('2')
  assert.equal(kindOf('2'), undefined, 'no code was shown')
  const checking = verifications.check('2')
  void verifications.check('3')
  assert.deepEqual([kindOf('2'), kindOf('3')], ['computing', undefined])
  await checking
  assert.deepEqual(verifications.store.value.states.get('2'), { kind: 'code', code: 'keys of 2' })
  verifications.confirm('2')
  assert.equal(kindOf('2'), 'verified')
  assert.deepEqual(computed, ['2'])
  verifications.forget('2')
  await verifications.check('2')
  assert.equal(kindOf('2'), 'code')
})

test('after a change of the group a member has to be checked again, and is verified only with the same keys', async () => {
  const { verifications, keys, kindOf } = scene()
  for (const userId of ['2', '3']) {
    await verifications.check(userId)
    verifications.confirm(userId)
  }
  verifications.groupChanged(group('epoch 1', '1', '2', '3'))
  assert.equal(kindOf('2'), 'verified')
  verifications.groupChanged(group('epoch 2', '1', '2', '3', '4'))
  assert.deepEqual([kindOf('2'), kindOf('3'), kindOf('4')], ['outdated', 'outdated', undefined])
  keys.set('3', 'other keys')
  for (const userId of ['2', '3']) await verifications.check(userId)
  assert.deepEqual([kindOf('2'), kindOf('3')], ['verified', 'code'])
  verifications.groupChanged(group(undefined))
  assert.deepEqual([kindOf('2'), kindOf('3')], [undefined, undefined])
})

test('a code of another group or of another session is not shown, and a session without keys verifies no member', async () => {
  const { verifications, open, kindOf } = scene()
  const first = verifications.check('2')
  verifications.groupChanged(group('epoch 2', '1', '2'))
  await first
  assert.equal(kindOf('2'), undefined)
  await verifications.check('2')
  verifications.confirm('2')
  open()
  verifications.groupChanged(group('epoch 1', '1', '2'))
  assert.equal(kindOf('2'), undefined)
  await verifications.check('9')
  assert.equal(kindOf('9'), 'failed')
  verifications.open(undefined)
  verifications.groupChanged(group('epoch 1', '1', '2'))
  await verifications.check('2')
  assert.equal(kindOf('2'), undefined)
})
