// What a certificate says: its names, its issuer, its dates.
import { X509Certificate } from 'node:crypto'

export interface CertificateFacts {
  /** DNS names and IP addresses, as `dns:` or `ip:` is removed. */
  readonly names: readonly string[]
  readonly issuer: string
  /** Milliseconds since 1970. */
  readonly validFrom: number
  readonly validTo: number
}

/** Facts of the first certificate of the PEM text. Throws the error of OpenSSL if it is none. */
export function certificateFacts(pem: string): CertificateFacts {
  const { subjectAltName = '', issuer, validFrom, validTo } = new X509Certificate(pem)
  return {
    names: subjectAltName
      .split(', ')
      .map(name => name.replace(/^(DNS|IP Address):/, ''))
      .filter(name => name !== ''),
    issuer: /^CN=(.+)$/m.exec(issuer)?.[1] ?? issuer.split('\n')[0] ?? '',
    validFrom: Date.parse(validFrom),
    validTo: Date.parse(validTo),
  }
}

const LATEST_RENEWAL = 14 * 24 * 3_600_000
/** Of the lifetime. Certificates of six days have less than two weeks from the start. */
const SHARE_LEFT = 0.2

/** How long before its end, in milliseconds, a certificate that was not renewed is worth an alarm. */
export const alarmBefore = ({ validFrom, validTo }: Pick<CertificateFacts, 'validFrom' | 'validTo'>): number =>
  Math.min(LATEST_RENEWAL, SHARE_LEFT * (validTo - validFrom))

/** Why clients refuse a certificate on account of its dates, without a full stop; undefined if it is valid at `now`. */
export function invalidity(
  { validFrom, validTo }: Pick<CertificateFacts, 'validFrom' | 'validTo'>,
  now: number,
): string | undefined {
  if (now < validFrom) return `the certificate is valid from ${dayOf(validFrom)} on, and the clock says ${dayOf(now)}`
  return now > validTo ? `the certificate expired on ${dayOf(validTo)}` : undefined
}

/** The day of a date, in UTC. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10)
