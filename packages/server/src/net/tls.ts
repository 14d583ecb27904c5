// The TLS certificate: read from files and checked against its key before use.
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'

/** Certificate chain and key as PEM. */
export interface TlsFiles {
  cert: string
  key: string
}

/** Undefined if none is configured. Throws a `ConfigError` if a file cannot be read or the two do not match. */
export function readTls({ http }: Pick<Config, 'http'>): TlsFiles | undefined {
  if (http.tls_cert === undefined || http.tls_key === undefined) return undefined
  const files = { cert: readPem('http.tls_cert', http.tls_cert), key: readPem('http.tls_key', http.tls_key) }
  try {
    createSecureContext(files)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new ConfigError(
      `http.tls_cert: ${http.tls_cert} and ${http.tls_key} are not a certificate and its key (${reason})`,
    )
  }
  return files
}

/** Throws a `ConfigError` that names the setting and the system's reason. */
export function readPem(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${key}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
