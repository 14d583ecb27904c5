// Checks of the certificate: what clients verify when they connect to the endpoint.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { rootCertificates } from 'node:tls'
import { usesAcme } from '../config/config.ts'
import { dayOf, invalidity } from '../net/certificate.ts'
import type { Check, Problem, Subject } from './check.ts'
import { endpointOf } from './endpoint.ts'

const DAY = 24 * 60 * 60 * 1_000
/** Certificates of 90 days are renewed 30 days before their end; a week later something is wrong. */
const SOON = 21 * DAY
/** Those of a few days (RFC 9773 suggests two thirds of the lifetime) have a shorter margin. */
const SOON_OF_SHORT = 2 * DAY
const SHORT_LIFE = 14 * DAY
/** Object identifier id-kp-serverAuth (RFC 5280, 4.2.1.12). */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

const NONE: readonly Problem[] = []

/** The certificates of `http.tls_cert`, the server's own first; empty without TLS. */
const chainOf = ({ tls }: Subject): X509Certificate[] =>
  (tls?.cert.match(PEM) ?? []).map(text => new X509Certificate(text))

/** With the leaf of the chain; without a certificate there is nothing to check. */
const ofLeaf = (check: (leaf: X509Certificate, subject: Subject) => readonly Problem[]) => (subject: Subject) => {
  const [leaf] = chainOf(subject)
  return leaf === undefined ? NONE : check(leaf, subject)
}

/** As clients compare: subject alternative names, with wildcards; addresses only as such. */
function names(leaf: X509Certificate, { config }: Subject): readonly Problem[] {
  const { host } = endpointOf(config)
  const isNamed = isIP(host) === 0 ? leaf.checkHost(host) !== undefined : leaf.checkIP(host) !== undefined
  if (isNamed || host === '') return NONE
  return [
    {
      problem: `the certificate does not name ${host}, which clients are sent to, but ${leaf.subjectAltName ?? 'nothing'}`,
      fix: `obtain a certificate for ${host}, or set http.endpoint to a name in the certificate`,
    },
  ]
}

/** A certificate that should have been renewed is a problem before it expires, while there is time. */
function dates(leaf: X509Certificate, { config, machine: { now } }: Subject): readonly Problem[] {
  const [from, until] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)]
  const problem = invalidity({ validFrom: from, validTo: until }, now)
  if (problem !== undefined)
    return [
      {
        problem,
        fix:
          now < from
            ? 'correct the clock of this machine (timedatectl), or use a certificate that is valid today'
            : 'renew the certificate, then: parley reload',
      },
    ]
  const margin = until - from < SHORT_LIFE ? SOON_OF_SHORT : SOON
  if (until - now > margin) return NONE
  return [
    {
      problem: `the certificate expires on ${dayOf(until)} and was not renewed`,
      fix: usesAcme(config)
        ? 'see why the node did not renew it: parley doctor while it runs, and its log (acme.failed)'
        : 'check the timer that renews it (systemctl list-timers), then: parley reload',
    },
  ]
}

function usage(leaf: X509Certificate): readonly Problem[] {
  // Extended key usage; absent means any.
  const usages = leaf.keyUsage as readonly string[] | undefined
  if (usages === undefined || usages.includes(SERVER_AUTH)) return NONE
  return [
    {
      problem: 'the extended key usage of the certificate does not include server authentication',
      fix: 'obtain a certificate for TLS servers',
    },
  ]
}

/** Whether each certificate is issued by the next, up to one that the usual clients know. */
function chain(subject: Subject): readonly Problem[] {
  const certificates = chainOf(subject)
  const [leaf] = certificates
  if (leaf === undefined) return NONE
  if (leaf.issuer === leaf.subject)
    return [
      {
        problem: 'the certificate is self-signed: clients refuse it unless each of them is configured to trust it',
        fix: 'obtain a certificate from a public authority, such as Let’s Encrypt',
      },
    ]
  const broken = certificates.findIndex((each, index) => index > 0 && !certificates[index - 1]!.checkIssued(each))
  if (broken > 0)
    return [
      {
        problem: `certificate ${broken + 1} of http.tls_cert did not issue the one before it`,
        fix: 'put the certificate of the server first and each issuer after it (fullchain.pem of certbot)',
      },
    ]
  const last = certificates.at(-1)!
  const isKnown =
    last.issuer === last.subject || rootCertificates.some(root => last.checkIssued(new X509Certificate(root)))
  if (isKnown) return NONE
  return [
    {
      problem: `http.tls_cert ends with a certificate issued by “${commonName(last.issuer)}”, which clients do not know`,
      fix: 'append the certificates of the issuers (use fullchain.pem, not cert.pem)',
    },
  ]
}

/** For the sentence; a name without one is shown as a whole. */
const commonName = (name: string) => /^CN=(.+)$/m.exec(name)?.[1] ?? name

export const CERTIFICATE_CHECKS: readonly Check[] = [
  { name: 'certificate-names', summary: 'The certificate names the host of `http.endpoint`.', run: ofLeaf(names) },
  { name: 'certificate-dates', summary: 'The certificate is valid and is not about to expire.', run: ofLeaf(dates) },
  { name: 'certificate-usage', summary: 'The certificate is one for servers.', run: ofLeaf(usage) },
  {
    name: 'certificate-chain',
    summary: 'The chain is complete, in order, and of an authority that clients know.',
    run: chain,
  },
]
