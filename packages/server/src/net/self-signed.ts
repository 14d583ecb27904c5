// A self-signed certificate for this machine (RFC 5280), with which demos and tests serve wss.

import { extension, selfSigned, subjectAltNames } from '../x509/certificates.ts'
import { der, objectId, Tag } from '../x509/der.ts'
import type { TlsFiles } from './tls.ts'

const DAY = 86_400_000
/** Tolerance for clocks of containers and virtual machines that are behind. */
const SKEW = 3_600_000
const LIFETIME = 30 * DAY

const notAnAuthority = () => extension('basicConstraints', true, der(Tag.Sequence))
const forServers = () => extension('extendedKeyUsage', false, der(Tag.Sequence, objectId('serverAuth')))

const LOCAL = ['localhost', '127.0.0.1', '::1']

/**
 * A new key and its certificate, both PEM; `names` has DNS names and IP addresses, by default those of this machine. It is not a
 * certificate authority, so trusting it extends to nothing else. Valid for 30 days from `now`, in milliseconds since 1970.
 */
export function selfSignedCertificate(now: number = Date.now(), names: readonly string[] = LOCAL): TlsFiles {
  return selfSigned({
    commonName: 'Parley on this machine',
    validFrom: now - SKEW,
    validTo: now + LIFETIME,
    extensions: [notAnAuthority(), forServers(), subjectAltNames(names)],
  })
}
