// TLS-ALPN-01 (RFC 8737; addresses: RFC 8738 §6): the node's own listener presents a certificate that contains the answer, to
// clients that negotiate `acme-tls/1` only.
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { reverseName } from '../x509/address-bytes.ts'
import { extension, type KeyedCertificate, selfSigned, subjectAltNames } from '../x509/certificates.ts'
import { der, Tag } from '../x509/der.ts'
import type { ChallengeAnswer, ChallengeResponder } from './protocol/challenge-responder.ts'

const HOUR = 3_600_000

export class TlsResponder implements ChallengeResponder {
  readonly type = 'tls-alpn-01'
  /** By the server name that the authority sends. */
  readonly #pending = new Map<string, KeyedCertificate>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  async publish({ name, keyAuthorization }: ChallengeAnswer): Promise<() => Promise<void>> {
    const serverName = isIP(name) === 0 ? name.toLowerCase() : reverseName(name)
    this.#pending.set(serverName, challengeCertificate(name, keyAuthorization, this.#now()))
    return async () => void this.#pending.delete(serverName)
  }

  /** The certificate for a client with that server name; undefined if no challenge is pending for it. */
  certificateFor(serverName: string): KeyedCertificate | undefined {
    return this.#pending.get(serverName.toLowerCase())
  }
}

/** RFC 8737 §3: it names what is proved, and has the hash of the key authorization in a critical extension. */
function challengeCertificate(name: string, keyAuthorization: string, now: number): KeyedCertificate {
  const hash = createHash('sha256').update(keyAuthorization).digest()
  return selfSigned({
    commonName: 'ACME challenge',
    validFrom: now - HOUR,
    validTo: now + 24 * HOUR,
    extensions: [subjectAltNames([name]), extension('acmeIdentifier', true, der(Tag.OctetString, hash))],
  })
}
