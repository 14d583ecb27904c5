// When a certificate is renewed, and when a failed attempt is repeated.
import type { X509Certificate } from 'node:crypto'
import { SERVER_LIMITS } from '../limits.ts'
import { readAuthorityKeyId } from '../x509/authority-key-id.ts'

/** Milliseconds since 1970. */
export interface Period {
  readonly start: number
  readonly end: number
}

/** RFC 9773 §4.2: a window that ends before it starts, or at once, counts as no answer. */
export const isPeriod = ({ start, end }: Period): boolean => end > start

/** The share of its lifetime after which a certificate is renewed, where the authority says nothing. */
export const USED = 2 / 3
/** The share after which it is renewed at the latest, whatever the authority says: failures need time to be corrected. */
const LATEST = 0.9
/** Up to this share of the delay is added, so that nodes that failed together do not ask together. */
const JITTER = 0.25

/** `suggested` is the window of the authority (RFC 9773 §4.2), in which a random moment is chosen; `random` is in [0, 1). */
export function renewalTime(validity: Period, suggested: Period | undefined, random: number): number {
  const after = ({ start, end }: Period, share: number) => start + (end - start) * share
  if (suggested === undefined) return after(validity, USED)
  return Math.min(after(suggested, random), after(validity, LATEST))
}

/**
 * Milliseconds from failure number `failures` (from 1) to the next attempt; at least what the authority asks for, within bounds. `left` is the
 * time for which the present certificate is valid, at most 0 without one: an authority that was away for days is reached again before
 * the certificate expires, or soon after.
 */
export function retryDelay(failures: number, retryAfter: number | undefined, left: number, random: number): number {
  const { acmeRetryDelay, acmeRetryDelayMax, acmeRetryDelayUrgent, acmeRetryAfterMax } = SERVER_LIMITS
  const most = left > 0 ? Math.min(acmeRetryDelayMax, Math.max(acmeRetryDelay, left / 2)) : acmeRetryDelayUrgent
  const delay = Math.min(most, acmeRetryDelay * 2 ** Math.min(failures - 1, 16))
  return Math.max(delay * (1 + JITTER * random), Math.min(acmeRetryAfterMax, retryAfter ?? 0))
}

/** How renewal information names a certificate (RFC 9773 §4.1); undefined if it does not name the key of its issuer. */
export function certificateId(certificate: X509Certificate): string | undefined {
  const issuer = readAuthorityKeyId(certificate.raw)
  if (issuer === undefined) return undefined
  const hex = certificate.serialNumber.padStart(
    certificate.serialNumber.length + (certificate.serialNumber.length % 2),
    '0',
  )
  // As in the certificate, where a positive number whose first bit is set begins with a zero.
  const serial = Buffer.from(Number.parseInt(hex.slice(0, 2), 16) >= 0x80 ? `00${hex}` : hex, 'hex')
  return `${issuer.toString('base64url')}.${serial.toString('base64url')}`
}
