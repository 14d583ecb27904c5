// Key packages that follow every rule but those of their sizes, with valid signatures.
import { ByteWriter, SignatureLabel, signedBytes } from '@parley/protocol'
import { nodeCrypto } from '../../packages/server/src/crypto.ts'

const NONE = new Uint8Array()

function list(count: number, value: number): Uint8Array {
  const writer = new ByteWriter()
  for (let index = 0; index < count; index++) writer.u16(value)
  return writer.bytes()
}

/** A key package that names its cipher suite `suites` times. */
export function forgeKeyPackage(identity: Uint8Array, suites: number): Uint8Array {
  const signer = nodeCrypto.newSigner()
  const leaf = new ByteWriter().vector(nodeCrypto.newSigner().publicKey).vector(signer.publicKey)
  leaf.u16(1).vector(identity)
  leaf.vector(list(1, 1)).vector(list(suites, 2)).vector(NONE).vector(NONE).vector(list(1, 1))
  leaf
    .u8(1)
    .u64(0n)
    .u64(2n ** 64n - 1n)
    .vector(NONE)
  const whole = new ByteWriter().u16(1).u16(2).vector(nodeCrypto.newSigner().publicKey)
  whole
    .raw(leaf.bytes())
    .vector(signer.sign(signedBytes(SignatureLabel.LeafNode, leaf.bytes())))
    .vector(NONE)
  return whole.vector(signer.sign(signedBytes(SignatureLabel.KeyPackage, whole.bytes()))).bytes()
}
