// Self-signed certificates and signing requests for P-256 keys (RFC 5280, RFC 2986).
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { addressBytes } from './address-bytes.ts'
import { bitString, der, integer, type ObjectIdName, objectId, pem, Tag, utcTime } from './der.ts'

const SIGNATURE_ALGORITHM = der(Tag.Sequence, objectId('ecdsaWithSha256'))

/** Both PEM. */
export interface KeyedCertificate {
  cert: string
  key: string
}

/** What a self-signed certificate says. */
export interface CertificateContents {
  readonly commonName: string
  /** Milliseconds since 1970. */
  readonly validFrom: number
  readonly validTo: number
  /** Each of `extension`. */
  readonly extensions: readonly Buffer[]
}

/** A new P-256 key. */
export const newKey = (): { publicKey: KeyObject; privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

/** A certificate of a new key, signed with that key. */
export function selfSigned({ commonName, validFrom, validTo, extensions }: CertificateContents): KeyedCertificate {
  const { publicKey, privateKey } = newKey()
  const name = nameOf(commonName)
  // TBSCertificate (RFC 5280 §4.1.2).
  const body = der(
    Tag.Sequence,
    der(Tag.Context0, integer([2])),
    serialNumber(),
    SIGNATURE_ALGORITHM,
    name,
    der(Tag.Sequence, utcTime(validFrom), utcTime(validTo)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(Tag.Context3, der(Tag.Sequence, ...extensions)),
  )
  return { cert: pem('CERTIFICATE', signed(body, privateKey)), key: keyText(privateKey) }
}

/** CertificationRequest (RFC 2986 §4) for these names, without a subject: authorities take the names from the extension. */
export function signingRequest(names: readonly string[], { publicKey, privateKey }: ReturnType<typeof newKey>): Buffer {
  const extensions = der(Tag.Sequence, subjectAltNames(names))
  const attribute = der(Tag.Sequence, objectId('extensionRequest'), der(Tag.Set, extensions))
  const body = der(
    Tag.Sequence,
    integer([0]),
    der(Tag.Sequence),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(Tag.Context0, attribute),
  )
  return signed(body, privateKey)
}

export const keyText = (key: KeyObject): string => String(key.export({ type: 'pkcs8', format: 'pem' }))

/** RFC 5280 §4.2.1.6: DNS names in ASCII, and IP addresses. */
export function subjectAltNames(names: readonly string[]): Buffer {
  const entries = names.map(name =>
    isIP(name) === 0 ? der(Tag.DnsName, Buffer.from(name, 'latin1')) : der(Tag.IpAddress, addressBytes(name)),
  )
  return extension('subjectAlternativeName', false, der(Tag.Sequence, ...entries))
}

export function extension(name: ObjectIdName, isCritical: boolean, value: Uint8Array): Buffer {
  const critical = isCritical ? [der(Tag.Boolean, Uint8Array.of(0xff))] : []
  return der(Tag.Sequence, objectId(name), ...critical, der(Tag.OctetString, value))
}

const signed = (body: Buffer, key: KeyObject) =>
  der(Tag.Sequence, body, SIGNATURE_ALGORITHM, bitString(sign('sha256', body, key)))

const nameOf = (text: string) =>
  der(Tag.Sequence, der(Tag.Set, der(Tag.Sequence, objectId('commonName'), der(Tag.Utf8String, Buffer.from(text)))))

/** Must be unique per issuer: clients that store certificates reject two with the same serial number. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  // A positive integer in its shortest form (X.690 §8.3.2).
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return integer(bytes)
}
