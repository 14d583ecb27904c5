// A self-signed certificate for this machine (RFC 5280), with which demos and tests serve wss.
// Written here because a certificate library has about twenty dependencies.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { TlsFiles } from './tls.ts'

const DAY = 86_400_000
/** Tolerance for clocks of containers and virtual machines that are behind. */
const SKEW = 3_600_000
const LIFETIME = 30 * DAY

/** DER tags (ITU-T X.690 §8); context-specific ones include their number. */
const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  ObjectId: 0x06,
  Utf8String: 0x0c,
  UtcTime: 0x17,
  Sequence: 0x30,
  Set: 0x31,
  DnsName: 0x82,
  IpAddress: 0x87,
  Version: 0xa0,
  Extensions: 0xa3,
} as const

/** Object identifiers: the content octets, in hex. */
const ObjectId = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  extendedKeyUsage: '551d25',
  subjectAlternativeName: '551d11',
  serverAuth: '2b06010505070301',
} as const

/**
 * A new key and its certificate for `localhost`, 127.0.0.1 and ::1, both PEM. It is not a certificate authority, so trusting it
 * extends to nothing else. Valid for 30 days from `now`, in milliseconds since 1970.
 */
export function selfSignedCertificate(now: number = Date.now()): TlsFiles {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const body = certificateBody(publicKey.export({ type: 'spki', format: 'der' }), now)
  const signature = sign('sha256', body, privateKey)
  const certificate = der(Tag.Sequence, body, SIGNATURE_ALGORITHM, bitString(signature))
  return { cert: pem('CERTIFICATE', certificate), key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) }
}

/** TBSCertificate (RFC 5280 §4.1.2). */
function certificateBody(publicKey: Uint8Array, now: number): Buffer {
  const name = commonName('Parley on this machine')
  const validity = der(Tag.Sequence, utcTime(now - SKEW), utcTime(now + LIFETIME))
  return der(
    Tag.Sequence,
    der(Tag.Version, integer([2])),
    serialNumber(),
    SIGNATURE_ALGORITHM,
    name,
    validity,
    name,
    publicKey,
    der(Tag.Extensions, der(Tag.Sequence, notAnAuthority(), forServers(), forThisMachine())),
  )
}

const notAnAuthority = () => extension('basicConstraints', true, der(Tag.Sequence))
const forServers = () => extension('extendedKeyUsage', false, der(Tag.Sequence, objectId('serverAuth')))

/** RFC 5280 §4.2.1.6. */
function forThisMachine(): Buffer {
  const names = [
    der(Tag.DnsName, Buffer.from('localhost')),
    der(Tag.IpAddress, Uint8Array.of(127, 0, 0, 1)),
    der(Tag.IpAddress, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
  ]
  return extension('subjectAlternativeName', false, der(Tag.Sequence, ...names))
}

function extension(name: keyof typeof ObjectId, isCritical: boolean, value: Uint8Array): Buffer {
  const critical = isCritical ? [der(Tag.Boolean, Uint8Array.of(0xff))] : []
  return der(Tag.Sequence, objectId(name), ...critical, der(Tag.OctetString, value))
}

/** Must be unique per issuer: clients that store certificates reject two with the same serial number. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  // A positive integer in its shortest form (X.690 §8.3.2).
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return integer(bytes)
}

const commonName = (text: string) =>
  der(Tag.Sequence, der(Tag.Set, der(Tag.Sequence, objectId('commonName'), der(Tag.Utf8String, Buffer.from(text)))))

/** `YYMMDDhhmmssZ`, required until 2049 (RFC 5280 §4.1.2.5). */
const utcTime = (time: number) =>
  der(Tag.UtcTime, Buffer.from(`${new Date(time).toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`))

const objectId = (name: keyof typeof ObjectId) => der(Tag.ObjectId, Buffer.from(ObjectId[name], 'hex'))
const integer = (bytes: ArrayLike<number>) => der(Tag.Integer, Uint8Array.from(bytes))
const bitString = (bytes: Uint8Array) => der(Tag.BitString, Uint8Array.of(0), bytes)
const SIGNATURE_ALGORITHM = der(Tag.Sequence, objectId('ecdsaWithSha256'))

/** Tag, length, content (X.690 §8.1). */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const size = body.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...length), body])
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
