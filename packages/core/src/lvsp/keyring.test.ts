// Identifying the backend whose secret signed a nonce.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { seededCrypto } from '../testing/seeded-crypto.ts'
import { Keyring } from './keyring.ts'

const keyring = (backends: { id: string; secrets: string[] }[]) => new Keyring(seededCrypto('keys'), backends)
const hmac = (key: string, message: string) => createHmac('sha256', key).update(message, 'utf8').digest()

test('the published token of a known secret and nonce is accepted', () => {
  const token = '316dd84792531299128220aefa4394c84db211a64fd16dfd02bf7d1790625eeb'
  const keys = keyring([{ id: 'main', secrets: ['lvsp-shared-secret'] }])
  assert.deepEqual(keys.find('q7Zp2LmX0a', token), { backend: 'main', secret: 1 })
  assert.equal(keys.find('q7Zp2LmX0b', token), undefined)
  assert.equal(keys.find('q7Zp2LmX0a', `${token.slice(0, -1)}c`), undefined)
})

test('a token may be hex in any case, base64 or base64url, padded or not', () => {
  const keys = keyring([{ id: 'main', secrets: ['s€cret'] }])
  for (let i = 0; i < 64; i++) {
    const bytes = hmac('s€cret', `nonce${i}`)
    const [hex, base64, base64url] = [bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')]
    for (const token of [hex, hex.toUpperCase(), base64, base64.slice(0, -1), base64url, `${base64url}=`])
      assert.equal(keys.find(`nonce${i}`, token)?.backend, 'main', token)
  }
})

test('malformed tokens match no backend', () => {
  const keys = keyring([{ id: 'main', secrets: ['secret'] }])
  const hex = hmac('secret', 'nonce').toString('hex')
  for (const token of ['', '=', '==', hex.slice(1), `${hex}0`, ` ${hex}`, 'secret', 'ß'.repeat(64), 'İ'.repeat(64)])
    assert.equal(keys.find('nonce', token), undefined)
})

test('a match names the backend and the number of its secret', () => {
  const keys = keyring([
    { id: 'a', secrets: ['a-old', 'a-new'] },
    { id: 'b', secrets: ['b-old'] },
  ])
  const find = (secret: string) => keys.find('nonce', hmac(secret, 'nonce').toString('hex'))
  assert.deepEqual(find('a-old'), { backend: 'a', secret: 1 })
  assert.deepEqual(find('a-new'), { backend: 'a', secret: 2 })
  assert.deepEqual(find('b-old'), { backend: 'b', secret: 1 })
})

test('missing, empty, surplus and shared secrets are rejected', () => {
  assert.throws(() => keyring([{ id: 'a', secrets: [] }]), /backend a: expected one or two secrets/)
  assert.throws(() => keyring([{ id: 'a', secrets: [''] }]), /not empty/)
  assert.throws(() => keyring([{ id: 'a', secrets: ['1', '2', '3'] }]), /one or two/)
  const shared = [
    { id: 'a', secrets: ['same'] },
    { id: 'b', secrets: ['same'] },
  ]
  assert.throws(() => keyring(shared), /share a secret/)
})

test('a nonce is ten uniformly distributed letters and digits', () => {
  const keys = keyring([{ id: 'a', secrets: ['s'] }])
  const counts = new Map<string, number>()
  for (let i = 0; i < 2_000; i++) {
    const nonce = keys.nonce()
    assert.match(nonce, /^[A-Za-z0-9]{10}$/)
    for (const letter of nonce) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  }
  assert.equal(counts.size, 62)
  for (const count of counts.values()) assert.ok(count > 220 && count < 440, `${count} of about 323`)
})
