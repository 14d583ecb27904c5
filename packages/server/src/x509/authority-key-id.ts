// Reads what renewal information (RFC 9773 §4.1) names a certificate by, and node:crypto does not show: its authority key identifier.

/** The content octets of the object identifier id-ce-authorityKeyIdentifier. */
const AUTHORITY_KEY_ID = Buffer.from('551d23', 'hex')
const SEQUENCE = 0x30
const EXTENSIONS = 0xa3
const OCTET_STRING = 0x04
const OBJECT_ID = 0x06
const KEY_ID = 0x80

interface Element {
  readonly tag: number
  readonly content: Buffer
}

/** The elements that follow each other in the bytes, up to the first that is malformed. Long forms of up to 65,535 bytes. */
function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at + 1]!
    const sizeBytes = first < 0x80 ? 0 : first - 0x80
    if (sizeBytes > 2 || at + 2 + sizeBytes > bytes.length || first === 0x80) break
    const size = sizeBytes === 0 ? first : bytes.readUIntBE(at + 2, sizeBytes)
    const start = at + 2 + sizeBytes
    if (start + size > bytes.length) break
    elements.push({ tag: bytes[at]!, content: bytes.subarray(start, start + size) })
    at = start + size
  }
  return elements
}

const inside = (elements: readonly Element[], tag: number): Element[] => {
  const found = elements.find(element => element.tag === tag)
  return found === undefined ? [] : elementsOf(found.content)
}

/** The key identifier of the issuer in a certificate (RFC 5280 §4.2.1.1); undefined if there is none. */
export function readAuthorityKeyId(certificate: Uint8Array): Buffer | undefined {
  const body = inside(inside(elementsOf(Buffer.from(certificate)), SEQUENCE), SEQUENCE)
  for (const { content } of inside(inside(body, EXTENSIONS), SEQUENCE)) {
    const fields = elementsOf(content)
    if (fields[0]?.tag !== OBJECT_ID || !fields[0].content.equals(AUTHORITY_KEY_ID)) continue
    const value = fields.find(({ tag }) => tag === OCTET_STRING)
    const keyId = value && inside(elementsOf(value.content), SEQUENCE).find(({ tag }) => tag === KEY_ID)
    return keyId?.content
  }
  return undefined
}
