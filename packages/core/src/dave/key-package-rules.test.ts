// Each key package rule against a key package of a real MLS library and forged variants of it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { decodeKeyPackage, type KeyPackage, ReferenceLabel, referencedBytes, snowflakeBytes } from '@parley/protocol'
import { forgeKeyPackage } from '../../../../test/dave/forged.ts'
import * as vectors from '../../../../test/dave/vectors.ts'
import { nodeCrypto } from '../../../server/src/crypto.ts'
import { LIMITS } from '../limits.ts'
import * as rules from './key-package-rules.ts'

const real = decodeKeyPackage(vectors.KEY_PACKAGE)
const context = { identity: snowflakeBytes(vectors.USERS[1])!, crypto: nodeCrypto }

/** The rule accepts the real key package and refuses each of the others. */
function refuses(rule: rules.KeyPackageRule, ...others: KeyPackage[]) {
  assert.equal(rule(real, context), undefined)
  for (const other of others) assert.equal(typeof rule(other, context), 'string')
}
const leafWith = (changes: Partial<KeyPackage['leaf']>): KeyPackage => ({ ...real, leaf: { ...real.leaf, ...changes } })
const changed = (bytes: Uint8Array) => bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte))

test('a key package that follows every rule is accepted, bare or as MLSMessage, with its reference', () => {
  const reference = createHash('sha256')
    .update(referencedBytes(ReferenceLabel.KeyPackage, vectors.KEY_PACKAGE))
    .digest()
  for (const payload of [vectors.KEY_PACKAGE, Uint8Array.of(0, 1, 0, 5, ...vectors.KEY_PACKAGE)])
    assert.deepEqual(rules.judgeKeyPackage(payload, context), {
      ok: true,
      value: {
        bytes: vectors.KEY_PACKAGE,
        reference: new Uint8Array(reference),
        signatureKey: real.leaf.signatureKey,
      },
    })
})

test('an accepted key package does not change with the buffer of its message', () => {
  const payload = vectors.KEY_PACKAGE.slice()
  const judged = rules.judgeKeyPackage(payload, context)
  payload.fill(0)
  assert.ok(judged.ok)
  assert.deepEqual(judged.value.bytes, vectors.KEY_PACKAGE)
})

test('a key package with any byte changed is refused', () => {
  for (let index = 0; index < vectors.KEY_PACKAGE.length; index++) {
    const payload = vectors.KEY_PACKAGE.slice()
    payload[index]! ^= 1
    assert.ok(!rules.judgeKeyPackage(payload, context).ok, `byte ${index}`)
  }
})

test('a key package of another MLS version or cipher suite is refused', () => {
  refuses(rules.supportsSuite, { ...real, version: 2 }, { ...real, suite: 1 })
})

test('a key package whose leaf is from a commit is refused', () => {
  refuses(rules.isForKeyPackage, leafWith({ origin: { source: 3, parentHash: new Uint8Array(32) } }))
})

test('a key package with the identity of another user is refused', () => {
  refuses(
    rules.isOwn,
    decodeKeyPackage(vectors.KEY_PACKAGE_2),
    leafWith({ credential: { type: 1, identity: new Uint8Array() } }),
  )
})

test('a key package with a limited lifetime is refused', () => {
  refuses(
    rules.livesForever,
    leafWith({ origin: { source: 1, notBefore: 1n, notAfter: 2n ** 64n - 1n } }),
    leafWith({ origin: { source: 1, notBefore: 0n, notAfter: 2n ** 40n } }),
  )
})

test('a key package with extensions is refused', () => {
  refuses(rules.hasNoExtensions, { ...real, extensions: [1] }, leafWith({ extensions: [1] }))
})

test('a key package without the capabilities of the group is refused', () => {
  const { capabilities } = real.leaf
  refuses(
    rules.supportsGroup,
    leafWith({ capabilities: { ...capabilities, versions: [2] } }),
    leafWith({ capabilities: { ...capabilities, suites: [] } }),
    leafWith({ capabilities: { ...capabilities, credentials: [2] } }),
  )
})

test('a key package whose capabilities have a long list is refused', () => {
  const { capabilities } = real.leaf
  const long = Array.from({ length: LIMITS.daveCapabilities + 1 }, () => 1)
  refuses(
    rules.hasShortLists,
    ...Object.keys(capabilities).map(name => leafWith({ capabilities: { ...capabilities, [name]: long } })),
  )
})

test('a key package that is signed but longer than those of any library is refused before it is decoded', () => {
  const judge = (suites: number) => rules.judgeKeyPackage(forgeKeyPackage(context.identity, suites), context)
  for (const suites of [1, LIMITS.daveCapabilities]) assert.ok(judge(suites).ok)
  for (const suites of [LIMITS.daveCapabilities + 1, 400, 120_000]) assert.ok(!judge(suites).ok, `${suites}`)
})

test('a key package whose init key is its encryption key is refused', () => {
  refuses(rules.hasTwoKeys, { ...real, initKey: real.leaf.encryptionKey })
})

test('a key package with a key that is not on the curve is refused', () => {
  refuses(
    rules.hasValidKeys,
    { ...real, initKey: changed(real.initKey) },
    leafWith({ encryptionKey: real.leaf.encryptionKey.subarray(1) }),
    leafWith({ signatureKey: new Uint8Array(65) }),
  )
})

test('a key package needs valid signatures of leaf and package', () => {
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
