// What `parley setup` asks, and what counts as an answer.
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { isCertifiable } from '../config/acme-schema.ts'
import { ConfigError } from '../config/config-error.ts'

/** Who controls the node. `lvsp` is every backend that speaks LVSP as specified. */
export const BACKEND_KINDS = ['spacebar', 'litecord', 'lvsp'] as const
export type BackendKind = (typeof BACKEND_KINDS)[number]

export interface Answers {
  /** Domain name or IP address by which clients and backend reach the node. */
  readonly host: string
  readonly backend: BackendKind
  /** Where configuration and secret go. */
  readonly folder: string
}

/** A domain name in ASCII, or an address. Throws a `ConfigError`. */
export function hostOf(text: string): string {
  const plain = text.trim().replace(/^\[(.*)\]$/, '$1')
  const host = isIP(plain) === 0 ? domainToASCII(plain) : plain
  if (isIP(host) !== 0 || isCertifiable(host)) return host.toLowerCase()
  throw new ConfigError(
    `expected a domain name such as voice.example.org or an IP address, found "${text.slice(0, 100)}"`,
  )
}

/** A name or its number in the list. Throws a `ConfigError`. */
export function backendOf(text: string): BackendKind {
  const wanted = text.trim().toLowerCase()
  const found = BACKEND_KINDS.find((kind, index) => kind === wanted || String(index + 1) === wanted)
  if (found !== undefined) return found
  throw new ConfigError(`expected ${BACKEND_KINDS.join(', ')} or a number, found "${text.slice(0, 100)}"`)
}

/** Asks with a default, which an empty answer selects, until the answer is accepted. */
export type Ask = <T>(question: string, fallback: string, accept: (text: string) => T) => Promise<T>

/** Asks for what is not given: three questions at most. */
export async function askFor(given: Partial<Answers>, defaults: Answers, ask: Ask): Promise<Answers> {
  const host =
    given.host ??
    (await ask(
      'Domain name or public IP address of this machine?\n' +
        'The node obtains a certificate for it from Let’s Encrypt, to whose terms you agree (https://letsencrypt.org/repository/).',
      defaults.host,
      hostOf,
    ))
  const backend =
    given.backend ??
    (await ask(
      'Which chat backend? 1 Spacebar, 2 Litecord, 3 another one that speaks LVSP',
      String(BACKEND_KINDS.indexOf(defaults.backend) + 1),
      backendOf,
    ))
  const folder = given.folder ?? (await ask('Folder of the configuration?', defaults.folder, text => text.trim()))
  return { host, backend, folder }
}
