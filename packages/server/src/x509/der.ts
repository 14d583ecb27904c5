// Writes DER (ITU-T X.690): what certificates and signing requests consist of. Written here because a certificate library has
// about twenty dependencies.

/** DER tags (X.690 §8); context-specific ones include their number. */
export const Tag = {
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
  /** Of a certificate: its version. Of a signing request: its attributes. */
  Context0: 0xa0,
  /** Of a certificate: its extensions. */
  Context3: 0xa3,
} as const

/** Object identifiers: the content octets, in hex. */
const ObjectId = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  extendedKeyUsage: '551d25',
  subjectAlternativeName: '551d11',
  serverAuth: '2b06010505070301',
  /** Attribute of a signing request (RFC 2985 §5.4.2). */
  extensionRequest: '2a864886f70d01090e',
  /** id-pe-acmeIdentifier (RFC 8737 §6.1). */
  acmeIdentifier: '2b0601050507011f',
} as const
export type ObjectIdName = keyof typeof ObjectId

/** Tag, length, content (X.690 §8.1). */
export function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const size = body.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...length), body])
}

export const objectId = (name: ObjectIdName): Buffer => der(Tag.ObjectId, Buffer.from(ObjectId[name], 'hex'))
export const integer = (bytes: ArrayLike<number>): Buffer => der(Tag.Integer, Uint8Array.from(bytes))
/** Of whole bytes. */
export const bitString = (bytes: Uint8Array): Buffer => der(Tag.BitString, Uint8Array.of(0), bytes)
/** `YYMMDDhhmmssZ`, required until 2049 (RFC 5280 §4.1.2.5). */
export const utcTime = (time: number): Buffer =>
  der(Tag.UtcTime, Buffer.from(`${new Date(time).toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`))

/** RFC 7468. */
export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
