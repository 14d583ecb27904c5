import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdictOn } from './permissions.ts'

const CONNECT = 1n << 20n
const VIEW = 1n << 10n
const ROW = {
  type: 2,
  user_limit: 0,
  overwrites: '[]',
  owner_id: '1',
  is_member: true,
  roles: [`100 ${CONNECT | VIEW}`],
}
const verdict = (row: object) => verdictOn({ ...ROW, ...row }, '7', '100')
const overwrites = (...list: object[]) => JSON.stringify(list)

test('a member with CONNECT may join a voice channel', () => {
  assert.deepEqual(verdict({}), { kind: 'allowed', userLimit: undefined })
})

test('other channels, other guilds and users who are not members are refused', () => {
  assert.deepEqual(verdictOn(undefined, '7', '100'), {
    kind: 'denied',
    reason: 'there is no such channel in the guild',
  })
  assert.deepEqual(verdict({ type: 0 }), { kind: 'denied', reason: 'not a voice channel' })
  assert.deepEqual(verdict({ is_member: false }), { kind: 'denied', reason: 'not a member' })
  assert.deepEqual(verdict({ roles: [] }), { kind: 'denied', reason: 'may not connect' })
})

test('overwrites of the guild, then of the roles, then of the member decide', () => {
  const deny = (id: string) => ({ id, type: 0, allow: '0', deny: String(CONNECT) })
  const allow = (id: string) => ({ id, type: 0, allow: String(CONNECT), deny: '0' })
  const roles = [...ROW.roles, '5 0', '6 0']
  const kind = (...list: object[]) => verdict({ roles, overwrites: overwrites(...list) }).kind
  assert.equal(kind(deny('100')), 'denied')
  assert.equal(kind(deny('100'), allow('5')), 'allowed')
  assert.equal(kind(deny('5'), allow('6')), 'allowed')
  assert.equal(kind(allow('5'), deny('7')), 'denied')
  assert.equal(kind(deny('5'), allow('7')), 'allowed')
  assert.equal(kind(deny('99')), 'allowed')
})

test('the owner and administrators may join where others may not, and past the user limit', () => {
  const closed = overwrites({ id: '100', type: 0, allow: '0', deny: String(CONNECT) })
  assert.equal(verdict({ owner_id: '7', overwrites: closed, user_limit: 2 }).kind, 'allowed')
  const administrator = { overwrites: closed, roles: ['100 0', '5 8'], user_limit: 2 }
  assert.deepEqual(verdict(administrator), { kind: 'allowed', userLimit: undefined })
})

test('the user limit applies to members who may not move others', () => {
  assert.deepEqual(verdict({ user_limit: 3 }), { kind: 'allowed', userLimit: 3 })
  const mover = [...ROW.roles, `5 ${1n << 24n}`]
  assert.deepEqual(verdict({ user_limit: 3, roles: mover }), { kind: 'allowed', userLimit: undefined })
})

test('overwrites that are not valid JSON are left out', () => {
  assert.equal(verdict({ overwrites: '{' }).kind, 'allowed')
  assert.equal(verdict({ overwrites: '[{"id":5}]' }).kind, 'allowed')
})
