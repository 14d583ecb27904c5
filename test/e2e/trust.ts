// Makes this process trust the test certificate, for libraries that have no option for it.
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
export const CERTIFICATE_FILE = fixture('localhost-1-cert.pem')
export const KEY_FILE = fixture('localhost-1-key.pem')
/** Issued by the test certificate, for libraries that do not accept a certificate authority's own certificate from a server. */
export const ISSUED_CERTIFICATE_FILE = fixture('localhost-issued-cert.pem')
export const ISSUED_KEY_FILE = fixture('localhost-issued-key.pem')
export const CERTIFICATE = readFileSync(CERTIFICATE_FILE)

let isTrusted = false

/** Has the effect of NODE_EXTRA_CA_CERTS, which Node.js reads before a test can set it. */
export function trustTestCertificate(): void {
  if (isTrusted) return
  isTrusted = true
  const createSecureContext = tls.createSecureContext
  tls.createSecureContext = options => {
    const context = createSecureContext(options)
    context.context.addCACert(CERTIFICATE)
    return context
  }
}
