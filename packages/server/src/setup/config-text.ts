// The configuration that `parley setup` writes.
import { isIP, isIPv4 } from 'node:net'
import { isPrivate } from '../doctor/endpoint.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { hostAndPort } from '../net/address.ts'
import type { Answers } from './answers.ts'
import type { Surroundings } from './surroundings.ts'

/** Where certificates come from. */
export type CertificateSource =
  | { readonly kind: 'files'; readonly cert: string; readonly key: string }
  | {
      readonly kind: 'acme'
      readonly email: string | undefined
      /** Undefined: Let's Encrypt. */
      readonly directory: string | undefined
      readonly ca: string | undefined
      readonly storage: string
    }

export interface Placement {
  /** Port of the voice gateway and LVSP. */
  readonly port: number
  /** Where LVSP is served without a path; undefined unless the backend needs it. */
  readonly lvspPort: number | undefined
  readonly certificate: CertificateSource
  readonly adminSocket: string
  readonly secretFile: string
}

export const MEDIA_PORT = 50_000
const HTTPS_PORT = 443
/** For a web server that holds port 80: it forwards the requests of HTTP-01. */
export const FORWARDED_CHALLENGES = '127.0.0.1:8402'

export const configText = (answers: Answers, machine: Surroundings, placement: Placement): string =>
  [
    '# Written by parley setup. All settings: docs/operating.md',
    ...httpLines(answers, machine, placement),
    ...certificateLines(answers, machine, placement),
    ...(placement.lvspPort === undefined
      ? []
      : [
          '',
          '# The backend connects to a host without a path.',
          '[lvsp]',
          `listen = ${text(`${anyHost(machine)}:${placement.lvspPort}`)}`,
        ]),
    '',
    '[media]',
    `port = ${MEDIA_PORT}`,
    ...announceLines(answers, machine),
    '',
    '[admin]',
    `socket = ${text(placement.adminSocket)}`,
    '',
    '[[backend]]',
    ...backendLines(answers, placement),
    '',
  ].join('\n')

function httpLines({ host }: Answers, machine: Surroundings, { port, certificate }: Placement): string[] {
  const files =
    certificate.kind === 'files' ? [`tls_cert = ${text(certificate.cert)}`, `tls_key = ${text(certificate.key)}`] : []
  return [
    '[http]',
    `listen = ${text(`${anyHost(machine)}:${port}`)}`,
    `endpoint = ${text(hostAndPort(host, port))}`,
    ...files,
  ]
}

function certificateLines({ host }: Answers, { usedPorts }: Surroundings, { certificate, port }: Placement): string[] {
  if (certificate.kind === 'files') return []
  const { email, directory, ca, storage } = certificate
  const isOnNode = port === HTTPS_PORT
  const forwarded = !isOnNode && usedPorts.includes(80)
  return [
    '',
    '[acme]',
    `names = [${text(host)}]`,
    'agree_to_terms = true',
    ...(email === undefined ? [] : [`email = ${text(email)}`]),
    ...(directory === undefined ? [] : [`directory = ${text(directory)}`]),
    ...(ca === undefined ? [] : [`ca = ${text(ca)}`]),
    `challenge = ${isOnNode ? '"tls-alpn-01"' : '"http-01"'}`,
    ...(forwarded ? [`http_listen = ${text(FORWARDED_CHALLENGES)}`] : []),
    `storage = ${text(storage)}`,
  ]
}

/** Nothing where the node finds the right address by itself: a machine with one address, which is the public one. */
function announceLines(answers: Answers, machine: Surroundings): string[] {
  const addresses = announcedAddresses(answers, machine)
  return addresses.length === 0
    ? []
    : [
        '# Each client receives the one that fits: in the same network the private one.',
        `announce = [${addresses.map(text).join(', ')}]`,
      ]
}

/** The public address first, then those of the machine, in the order in which clients outside prefer them. */
export function announcedAddresses({ host }: Answers, { addresses, publicAddress }: Surroundings): string[] {
  const outside = [...(isIP(host) === 0 ? [] : [host]), ...(publicAddress === undefined ? [] : [publicAddress])]
  const own = [...addresses].sort((a, b) => rank(a) - rank(b))
  const all = [...new Set([...outside, ...own])]
  const isPlain = all.length === 1 && own.length === 1
  return isPlain ? [] : all.slice(0, SERVER_LIMITS.maxAnnounced)
}

const rank = (address: string) => (isPrivate(address) ? 2 : 0) + (isIPv4(address) ? 0 : 1)

function backendLines({ backend }: Answers, { secretFile }: Placement): string[] {
  const secret = `secret_file = ${text(secretFile)}`
  switch (backend) {
    case 'spacebar':
      return ['id = "spacebar"', secret, '# Spacebar creates the tokens of its users itself.', 'adopts_tokens = true']
    case 'litecord':
      return [
        'id = "litecord"',
        secret,
        'dialect = "litecord"',
        '# Unpatched Litecord crashes on CHANNEL_ASSIGN; see docs/litecord.md.',
        'legacy_assign = false',
      ]
    case 'lvsp':
      return ['id = "main"', secret]
  }
}

/** IPv6 includes IPv4. */
const anyHost = ({ addresses }: Surroundings) => (addresses.some(address => isIP(address) === 6) ? '[::]' : '0.0.0.0')

/** A TOML string: basic strings have the escapes of JSON. */
const text = (value: string) => JSON.stringify(value)
