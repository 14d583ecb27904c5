// The settings of `[acme]`.
import { isIP } from 'node:net'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'
import { Listen, Path, setting, trueOrFalse } from './values.ts'

/** A host name in ASCII with a dot in it, as a public authority certifies it. */
const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i
/** What a certificate may be obtained for: a domain name without wildcard, or an IP address. */
export const isCertifiable = (name: string): boolean => isIP(name) !== 0 || DOMAIN.test(name)

export const Acme = z.object({
  names: setting(
    z.array(z.string().refine(isCertifiable)).max(SERVER_LIMITS.maxAcmeNames).default([]),
    'a list of domain names and IP addresses such as ["voice.example.org"]',
    'Names for which the node obtains and renews its certificate by itself, instead of `http.tls_cert`. Empty: it does not.',
  ),
  agree_to_terms: setting(
    z.boolean().default(false),
    trueOrFalse,
    'You agree to the terms of service of the certificate authority. Required with `names`.',
  ),
  email: setting(
    z
      .string()
      .max(SERVER_LIMITS.maxAcmeText)
      .regex(/^[^\s@,?<>]+@[^\s@,?<>]+$/)
      .optional(),
    'an e-mail address',
    'Where the certificate authority may send warnings.',
  ),
  directory: setting(
    z
      .string()
      .max(SERVER_LIMITS.maxAcmeText)
      .refine(text => text.startsWith('https://') && URL.canParse(text))
      .default('https://acme-v02.api.letsencrypt.org/directory'),
    'a URL that begins with https://',
    'Directory of the certificate authority (RFC 8555). Default: Let’s Encrypt.',
  ),
  challenge: setting(
    z.enum(['tls-alpn-01', 'http-01']).default('tls-alpn-01'),
    '"tls-alpn-01" or "http-01"',
    'How the authority verifies the names. `tls-alpn-01`: on `http.listen`, which it must reach at port 443. `http-01`: on `http_listen`, which it must reach at port 80.',
  ),
  http_listen: setting(
    Listen.prefault('[::]:80'),
    'an address and a port such as "0.0.0.0:80"',
    'Listener for `http-01`, open only while a certificate is being obtained. `[::]` includes IPv4.',
  ),
  storage: setting(
    Path.default('/var/lib/parley/acme'),
    'the path of a folder',
    'Folder for certificate, keys and account key, which only the user of the node may read.',
  ),
  profile: setting(
    z
      .string()
      .regex(/^[\w.-]{1,64}$/)
      .optional(),
    'the name of a profile such as "shortlived"',
    'Profile of the certificates. Default: that of the authority, but `shortlived` for IP addresses where it exists.',
  ),
  ca: setting(
    Path.optional(),
    'the path of a PEM file',
    'CA certificates that verify the server of `directory`, for an authority of your own. Default: those of Node.js.',
  ),
  eab_key_id: setting(
    z.string().min(1).max(SERVER_LIMITS.maxAcmeText).optional(),
    'text',
    'Key id of your account at the authority, if it requires external account binding.',
  ),
  eab_hmac_file: setting(Path.optional(), 'the path of a file', 'A file with the HMAC key for it, in base64url.'),
})
