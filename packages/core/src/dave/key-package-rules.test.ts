// Each rule for key packages, against one of a real library and what somebody might send instead.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { decodeKeyPackage, type KeyPackage, ReferenceLabel, referencedBytes, snowflakeBytes } from '@parley/protocol'
import * as vectors from '../../../../test/dave/vectors.ts'
import { nodeCrypto } from '../../../server/src/crypto.ts'
import * as rules from './key-package-rules.ts'

const real = decodeKeyPackage(vectors.KEY_PACKAGE)
const context = { identity: snowflakeBytes(vectors.USERS[1])!, crypto: nodeCrypto }

/** The rule takes the real key package, and gives a reason against each of the others. */
function refuses(rule: rules.KeyPackageRule, ...others: KeyPackage[]) {
  assert.equal(rule(real, context), undefined)
  for (const other of others) assert.equal(typeof rule(other, context), 'string')
}
const leafWith = (changes: Partial<KeyPackage['leaf']>): KeyPackage => ({ ...real, leaf: { ...real.leaf, ...changes } })
const changed = (bytes: Uint8Array) => bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))

test('a key package that keeps every rule is taken, bare or wrapped, with its reference', () => {
  const reference = createHash('sha256')
    .update(referencedBytes(ReferenceLabel.KeyPackage, vectors.KEY_PACKAGE))
    .digest()
  for (const payload of [vectors.KEY_PACKAGE, Uint8Array.of(0, 1, 0, 5, ...vectors.KEY_PACKAGE)])
    assert.deepEqual(rules.judgeKeyPackage(payload, context), {
      bytes: vectors.KEY_PACKAGE,
      reference: new Uint8Array(reference),
      signatureKey: real.leaf.signatureKey,
    })
})

test('what is kept of it does not change with the bytes it came in', () => {
  const payload = vectors.KEY_PACKAGE.slice()
  const judged = rules.judgeKeyPackage(payload, context)
  payload.fill(0)
  assert.ok(typeof judged === 'object')
  assert.deepEqual(judged.bytes, vectors.KEY_PACKAGE)
})

test('no byte of it can be changed', () => {
  for (let index = 0; index < vectors.KEY_PACKAGE.length; index++) {
    const payload = vectors.KEY_PACKAGE.slice()
    payload[index]! ^= 1
    assert.equal(typeof rules.judgeKeyPackage(payload, context), 'string', `byte ${index}`)
  }
})

test('it is MLS 1.0 with the suite of DAVE', () => {
  refuses(rules.supportsSuite, { ...real, version: 2 }, { ...real, suite: 1 })
})

test('its leaf is one of a key package', () => {
  refuses(rules.isForKeyPackage, leafWith({ origin: { source: 3, parentHash: new Uint8Array(32) } }))
})

test('it is its own user’s', () => {
  refuses(
    rules.isOwn,
    decodeKeyPackage(vectors.KEY_PACKAGE_2),
    leafWith({ credential: { type: 1, identity: new Uint8Array() } }),
  )
})

test('it lives for ever', () => {
  refuses(
    rules.livesForever,
    leafWith({ origin: { source: 1, notBefore: 1n, notAfter: 2n ** 64n - 1n } }),
    leafWith({ origin: { source: 1, notBefore: 0n, notAfter: 2n ** 40n } }),
  )
})

test('it has no extensions', () => {
  refuses(rules.hasNoExtensions, { ...real, extensions: [1] }, leafWith({ extensions: [1] }))
})

test('it can do what the group needs', () => {
  const { capabilities } = real.leaf
  refuses(
    rules.supportsGroup,
    leafWith({ capabilities: { ...capabilities, versions: [2] } }),
    leafWith({ capabilities: { ...capabilities, suites: [] } }),
    leafWith({ capabilities: { ...capabilities, credentials: [2] } }),
  )
})

test('it has a key for each purpose', () => {
  refuses(rules.hasTwoKeys, { ...real, initKey: real.leaf.encryptionKey })
})

test('its keys are points on the curve', () => {
  refuses(
    rules.hasValidKeys,
    { ...real, initKey: changed(real.initKey) },
    leafWith({ encryptionKey: real.leaf.encryptionKey.subarray(1) }),
    leafWith({ signatureKey: new Uint8Array(65) }),
  )
})

test('it is signed twice', () => {
  refuses(
    rules.leafIsSigned,
    leafWith({ signature: changed(real.leaf.signature) }),
    leafWith({ unsigned: changed(real.leaf.unsigned) }),
  )
  refuses(
    rules.isSigned,
    { ...real, signature: changed(real.signature) },
    { ...real, unsigned: changed(real.unsigned) },
  )
})
