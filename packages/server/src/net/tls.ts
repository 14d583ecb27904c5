// The TLS certificate: read from files and checked against its key before use.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext, type TLSSocket } from 'node:tls'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'

/** Certificate chain and key as PEM. */
export interface TlsFiles {
  cert: string
  key: string
}

/** The file with the certificate that ACME obtained, and its key, in `acme.storage`. */
export const acmeFile = (storage: string): string => join(storage, 'certificate.pem')

/**
 * Undefined if none is configured, or if ACME has not obtained one yet. Throws a `ConfigError` if a file cannot be read or
 * certificate and key do not match.
 */
export function readTls({ http, acme }: Pick<Config, 'http' | 'acme'>): TlsFiles | undefined {
  if (acme.names.length > 0) return readObtained(acmeFile(acme.storage))
  if (http.tls_cert === undefined || http.tls_key === undefined) return undefined
  const files = { cert: readPem('http.tls_cert', http.tls_cert), key: readPem('http.tls_key', http.tls_key) }
  const reason = mismatchOf(files)
  if (reason === undefined) return files
  throw new ConfigError(
    `http.tls_cert: ${http.tls_cert} and ${http.tls_key} are not a certificate and its key (${reason})`,
  )
}

/** A file that is damaged counts as none: another certificate is obtained. */
function readObtained(path: string): TlsFiles | undefined {
  const text = textOf('acme.storage', path)
  if (text === undefined) return undefined
  const start = text.indexOf('-----BEGIN CERTIFICATE-----')
  const files = { cert: text.slice(Math.max(0, start)), key: text.slice(0, Math.max(0, start)) }
  return start < 0 || mismatchOf(files) !== undefined ? undefined : files
}

function textOf(key: string, path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ConfigError(`${key}: ${path} cannot be read (${code ?? error})`)
  }
}

function mismatchOf(files: TlsFiles): string | undefined {
  // Of an empty key Node.js says nothing: connections would fail instead.
  if (files.cert === '' || files.key === '') return 'an empty file'
  try {
    createSecureContext(files)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error'
  }
}

/** Throws a `ConfigError` that names the setting and the system's reason. */
export function readPem(key: string, path: string): string {
  const text = textOf(key, path)
  if (text === undefined) throw new ConfigError(`${key}: ${path} cannot be read (ENOENT)`)
  return text
}

/** RFC 8737 §6.2. */
const CHALLENGE_PROTOCOL = 'acme-tls/1'
const HTTP = 'http/1.1'

/**
 * Selects the protocol of a TLS connection: HTTP, or a challenge of ACME with its own certificate. Clients without ALPN are not
 * asked, and undefined refuses the connection.
 */
export const alpnSelection = (challengeFor: ((serverName: string) => TlsFiles | undefined) | undefined) =>
  function select(
    this: TLSSocket,
    { servername, protocols }: { servername: string; protocols: string[] },
  ): string | undefined {
    const isChallenge = protocols.length === 1 && protocols[0] === CHALLENGE_PROTOCOL
    const challenge = isChallenge ? challengeFor?.(servername) : undefined
    if (challenge !== undefined) this.setKeyCert(challenge)
    return challenge === undefined ? protocols.find(protocol => protocol === HTTP) : CHALLENGE_PROTOCOL
  }
