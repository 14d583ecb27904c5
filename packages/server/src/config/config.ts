// The configuration: file < environment < flags, validated, as one frozen object. The only reader of the environment.
// `loadConfig` is for the command, `configOf` and `libraryConfig` for `createServer`. sources.ts reads, schema.ts says
// what is valid, this file checks what involves several settings.
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { stringify } from 'smol-toml'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'
import { isLoopback } from '../net/address.ts'
import { ConfigError, shown } from './config-error.ts'
import { type ConfigInput, ConfigSchema, type ParsedConfig, SETTINGS } from './schema.ts'
import { type Assignment, fromEnvironment, fromFile, fromFlags, fromObject, keyOf } from './sources.ts'

type ParsedBackend = ParsedConfig['backend'][number]
/** A backend with its secrets read from their file. */
export interface BackendConfig extends Omit<ParsedBackend, 'secret' | 'secret_file'> {
  /** One or two; both are accepted. */
  secrets: readonly string[]
}
/** Paths are absolute; durations are milliseconds. Frozen. */
export type Config = Readonly<
  Omit<ParsedConfig, 'backend' | 'admin' | 'cluster'> & {
    backend: readonly BackendConfig[]
    cluster: Omit<ParsedConfig['cluster'], 'secret_file'> & {
      /** Of the relays; none, one, or two of which both are accepted. */
      secrets: readonly string[]
    }
    admin: Omit<ParsedConfig['admin'], 'token_file'> & {
      /** Undefined without `listen`. */
      token: string | undefined
    }
    /** What the operator should know, a sentence each. */
    warnings: readonly string[]
  }
>

/** Where settings come from; later ones override earlier ones, in the order file, environment, flags. */
export interface ConfigSources {
  /** Path of a TOML file. */
  file?: string | undefined
  environment?: Record<string, string | undefined>
  /** `key=value` each. */
  flags?: readonly string[] | undefined
}

/** Names the file if no flag does. */
export const FILE_VARIABLE = 'PARLEY_CONFIG'

/** Throws a `ConfigError` whose message is one sentence. */
export function loadConfig({ file, environment = {}, flags = [] }: ConfigSources): Config {
  const path = file ?? environment[FILE_VARIABLE]
  const { assignments, warnings } = fromEnvironment(environment, [FILE_VARIABLE])
  return checked([...(path === undefined ? [] : fromFile(path)), ...assignments, ...fromFlags(flags)], false, warnings)
}

/** The configuration of objects in the shape of the file; later ones override earlier ones. Throws a `ConfigError`. */
export const configOf = (...inputs: readonly ConfigInput[]): Config => libraryConfig(inputs, false)

/** The same for a server of this process; `hasTls`: a certificate is given besides the settings. */
export function libraryConfig(inputs: readonly ConfigInput[], hasTls: boolean): Config {
  const assignments = inputs.flatMap((input, index) =>
    fromObject(input, { nameOf: key => key, folder: process.cwd(), source: `options ${index}` }),
  )
  return checked(assignments, hasTls)
}

/** The environment of this process. */
export const processEnvironment = (): Record<string, string | undefined> => process.env

/** The configuration as TOML, with secrets masked. */
export function describeConfig({ warnings: _, admin: { token, ...admin }, cluster: all, ...config }: Config): string {
  const { secrets, ...settings } = all
  const cluster = { ...settings, secret_file: secrets.length > 0 ? '(hidden)' : undefined }
  const backend = config.backend.map(({ secrets, ...rest }) => ({ ...rest, secret: secrets.map(() => '(hidden)') }))
  const token_file = token === undefined ? undefined : '(hidden)'
  return stringify(
    z.encode(ConfigSchema, { ...config, backend, cluster, admin: { ...admin, token_file } } as ParsedConfig),
  )
}

/** From assignments to the finished configuration. The first fault ends it, because later ones often follow from it. */
function checked(assignments: readonly Assignment[], hasTls = false, warnings: string[] = []): Config {
  const settings = new Settings(assignments)
  const parsed = ConfigSchema.safeParse(settings.tree())
  if (!parsed.success) throw settings.refusal(parsed.error.issues[0]!.path.map(String))
  const backend = backendsOf(parsed.data.backend, settings)
  const isSecure = hasTls || usesAcme(parsed.data)
  const config = {
    ...parsed.data,
    backend,
    cluster: clusterOf(parsed.data, settings),
    admin: adminOf(parsed.data, settings, isSecure),
  }
  if (config.http.tls_cert !== undefined)
    config.http.tls_cert = settings.path(['http', 'tls_cert'], config.http.tls_cert)
  if (config.http.tls_key !== undefined) config.http.tls_key = settings.path(['http', 'tls_key'], config.http.tls_key)
  for (const name of ['storage', 'ca', 'eab_hmac_file'] as const) {
    const file = config.acme[name]
    if (file !== undefined) config.acme[name] = settings.path(['acme', name], file)
  }
  checkAcme(config, settings)
  checkHttp(config, settings, isSecure)
  for (const warn of [weakSecrets(config.backend), readableFiles(config, settings)]) warnings.push(...warn)
  return frozen({ ...config, warnings })
}

/** The last assignment of each setting, by path. */
class Settings {
  readonly #last = new Map<string, Assignment>()

  constructor(assignments: readonly Assignment[]) {
    for (const assignment of assignments) {
      this.#last.set(assignment.path.join('.'), assignment)
      this.#replaceOther(assignment)
    }
  }

  /** A secret from a later source replaces the secret file of an earlier one, and vice versa. */
  #replaceOther({ path, source }: Assignment): void {
    if (path[0] !== 'backend') return
    const other = path[2] === 'secret' ? 'secret_file' : path[2] === 'secret_file' ? 'secret' : undefined
    if (other === undefined) return
    const key = `backend.${path[1]}.${other}`
    if (this.#last.get(key)?.source !== source) this.#last.delete(key)
  }

  /** The name of the setting in an error message. */
  name(path: readonly string[]): string {
    return this.#last.get(path.join('.'))?.name ?? path.join('.')
  }

  /** The absolute path of a setting that is a file; undefined if it is not set. */
  file(path: readonly string[]): string | undefined {
    const assignment = this.#last.get(path.join('.'))
    return typeof assignment?.value === 'string' ? this.path(path, assignment.value) : undefined
  }

  /** A path value, resolved against the folder of its source. */
  path(path: readonly string[], value: string): string {
    return resolve(this.#last.get(path.join('.'))?.folder ?? '.', value)
  }

  /** The error about a setting, by the name that the operator wrote: a key, a variable or a flag. */
  refuse(path: readonly string[], sentence: string): ConfigError {
    return new ConfigError(`${this.name(path)}: ${sentence}`)
  }

  /** The error about a rejected value; `issue` may point inside the value. */
  refusal(issue: readonly string[]): ConfigError {
    const path = issue.slice(0, issue[0] === 'backend' ? 3 : 2)
    const setting = SETTINGS.get(keyOf(path))
    if (setting === undefined) return this.refuse(path, `expected at most ${SERVER_LIMITS.maxBackends} backends`)
    const value = this.#last.get(path.join('.'))?.value
    const found = setting.key === 'backend.secret' ? describeSecret(value) : shown(value)
    return this.refuse(path, `expected ${setting.expected}, found ${found}`)
  }

  /** The assignments in the shape of the file, for the schema. */
  tree(): Record<string, unknown> {
    const tree: Record<string, Record<string, unknown>> = {}
    const backends: Record<string, unknown>[] = []
    for (const { path, value } of this.#last.values()) {
      const [section = '', second = '', third = ''] = path
      if (section === 'backend') backends[Number(second)] = { ...backends[Number(second)], [third]: value }
      else tree[section] = { ...tree[section], [second]: value }
    }
    const gap = Array.from<unknown>(backends).indexOf(undefined)
    if (gap >= 0) throw new ConfigError(`backend.${gap}: missing, although a backend with a higher number is set`)
    return { ...tree, backend: backends }
  }
}

/** What a rejected secret is, without its text. */
function describeSecret(value: unknown): string {
  if (value === '') return 'an empty string'
  if (Array.isArray(value)) return value.includes('') ? 'a list with an empty string' : `a list of ${value.length}`
  return typeof value === 'string'
    ? `one of more than ${SERVER_LIMITS.maxSecret} characters`
    : 'neither text nor a list'
}

/** Secrets and ids must differ between backends: a shared secret would merge their name spaces. */
function backendsOf(parsed: readonly ParsedBackend[], settings: Settings): BackendConfig[] {
  if (parsed.length === 0)
    throw new ConfigError('backend: expected at least one, with secret or secret_file, found none')
  const backends = parsed.map((backend, index) => {
    const { secret, secret_file, ...rest } = backend
    return { ...rest, secrets: secretsOf(index, secret, secret_file, settings) }
  })
  for (const [index, { id, secrets }] of backends.entries()) {
    const before = backends.slice(0, index)
    if (before.some(other => other.id === id))
      throw settings.refuse(['backend', String(index), 'id'], `${shown(id)} is already the id of an earlier backend`)
    if (before.some(other => other.secrets.some(secret => secrets.includes(secret))))
      throw new ConfigError(`backend.${index}: has the secret of an earlier backend; each backend needs its own`)
  }
  return backends
}

/** From the setting or from the lines of its file; exactly one of the two must be set. */
function secretsOf(
  index: number,
  secret: ParsedBackend['secret'],
  file: string | undefined,
  settings: Settings,
): string[] {
  const path = ['backend', String(index), 'secret_file']
  if (secret !== undefined && file !== undefined)
    throw settings.refuse(path, 'expected either secret or secret_file, found both')
  if (secret !== undefined) return [...new Set([secret].flat())]
  if (file === undefined) throw new ConfigError(`backend.${index}: expected secret or secret_file, found neither`)
  return secretLines(file, path, settings)
}

/** The new secret and, during a rotation, the old one. */
function secretLines(file: string, path: readonly string[], settings: Settings): string[] {
  const absolute = settings.path(path, file)
  const lines = textOf(absolute, path, settings)
    .split(/\r?\n/)
    .filter(line => line.trim() !== '')
  if (lines.length === 0) throw settings.refuse(path, `expected a secret in ${absolute}, found an empty file`)
  if (lines.length > SERVER_LIMITS.maxSecretsPerBackend)
    throw settings.refuse(
      path,
      `expected at most two lines in ${absolute} (the new secret and the old), found ${lines.length}`,
    )
  // After a rotation both lines may be the same.
  return [...new Set(lines)]
}

/** A secret authenticates a backend alone: HMAC-SHA256 has the strength of its key (RFC 2104 §3). */
const weakSecrets = (backends: readonly BackendConfig[]): string[] =>
  backends
    .filter(({ secrets }) => secrets.some(secret => Buffer.byteLength(secret) < SERVER_LIMITS.strongSecret))
    .map(({ id }) => `backend ${id}: a secret of less than ${SERVER_LIMITS.strongSecret} bytes can be guessed`)

/** Settings that name a file with a secret, besides those of backends and the key of the certificate. */
const SECRET_FILES = [
  ['cluster', 'secret_file'],
  ['cluster', 'nats_credentials'],
  ['admin', 'token_file'],
  ['acme', 'eab_hmac_file'],
]

/** Files of secrets that other users of the machine can read. */
function readableFiles(
  { http, backend }: Pick<ParsedConfig, 'http'> & { backend: readonly unknown[] },
  settings: Settings,
): string[] {
  const secretFiles = backend.map((_, index) => settings.file(['backend', String(index), 'secret_file']))
  const others = SECRET_FILES.map(path => settings.file(path))
  return [...secretFiles, ...others, http.tls_key].flatMap(path =>
    path !== undefined && isReadableByAll(path) ? [`${path} can be read by every user of this machine: chmod 600`] : [],
  )
}

/** A file that cannot be examined is not reported here: reading it fails anyway. */
function isReadableByAll(path: string): boolean {
  try {
    return process.platform !== 'win32' && (statSync(path).mode & 0o004) !== 0
  } catch {
    return false
  }
}

/**
 * Rules about several settings: certificate with key, TLS where other machines can connect, an endpoint and announced
 * addresses where they cannot be detected.
 */
function checkHttp(
  { http, lvsp, media }: Pick<ParsedConfig, 'http' | 'lvsp' | 'media'>,
  settings: Settings,
  hasTls: boolean,
): void {
  const { tls_cert: cert, tls_key: key } = http
  if (cert !== undefined && key === undefined) throw settings.refuse(['http', 'tls_cert'], 'requires http.tls_key')
  if (key !== undefined && cert === undefined) throw settings.refuse(['http', 'tls_key'], 'requires http.tls_cert')
  const listeners: [string, { host: string } | undefined][] = [
    ['http', http.listen],
    ['lvsp', lvsp.listen],
  ]
  for (const [section, listen] of listeners) {
    if (listen === undefined || isLoopback(listen.host) || cert !== undefined || hasTls || http.behind_proxy) continue
    throw settings.refuse(
      [section, 'listen'],
      `${listen.host} is reachable from other machines, which requires TLS: set http.tls_cert and http.tls_key, acme.names, or http.behind_proxy = true if a proxy terminates TLS`,
    )
  }
  if (http.endpoint === undefined && !isLoopback(http.listen.host))
    throw settings.refuse(
      ['http', 'endpoint'],
      'expected the host:port at which clients reach this node, found nothing',
    )
  if (http.behind_proxy && media.tcp === true)
    throw settings.refuse(['media', 'tcp'], 'requires direct connections, and http.behind_proxy is true')
  if (http.behind_proxy && media.announce.length === 0)
    throw settings.refuse(
      ['media', 'announce'],
      'expected the address that clients send packets to, because behind a proxy it cannot be detected',
    )
}

/** Whether the node obtains its certificate by itself. */
export const usesAcme = ({ acme }: Pick<ParsedConfig, 'acme'>): boolean => acme.names.length > 0

/** A certificate has one source, and an authority is asked only by an operator who agreed to its terms. */
function checkAcme({ acme, http }: Pick<ParsedConfig, 'acme' | 'http'>, settings: Settings): void {
  if (acme.names.length === 0) return
  if (!acme.agree_to_terms)
    throw settings.refuse(
      ['acme', 'names'],
      'requires acme.agree_to_terms = true: you agree to the terms of service of the certificate authority',
    )
  if (http.tls_cert !== undefined || http.tls_key !== undefined)
    throw settings.refuse(['acme', 'names'], 'expected either acme.names or http.tls_cert, found both')
  if (http.behind_proxy)
    throw settings.refuse(['acme', 'names'], 'expected no names with http.behind_proxy: the proxy terminates TLS')
  if ((acme.eab_key_id === undefined) !== (acme.eab_hmac_file === undefined))
    throw new ConfigError('acme: expected both eab_key_id and eab_hmac_file, or neither')
}

/** The admin API: a socket, a listener with a token, both or none. The token is read here, as secrets are. */
function adminOf({ admin, http }: ParsedConfig, settings: Settings, hasTls: boolean): Config['admin'] {
  const { socket, listen, token_file: file, dashboard } = admin
  const path = ['admin', 'token_file']
  if ((listen === undefined) !== (file === undefined))
    throw new ConfigError('admin: expected both listen and token_file, or neither')
  if (dashboard && listen === undefined)
    throw settings.refuse(['admin', 'dashboard'], 'requires admin.listen and admin.token_file')
  const isSafe = listen === undefined || isLoopback(listen.host) || http.tls_cert !== undefined || hasTls
  if (!isSafe)
    throw settings.refuse(
      ['admin', 'listen'],
      `${listen.host} is reachable from other machines, which requires TLS: set http.tls_cert and http.tls_key, or acme.names`,
    )
  return {
    socket: socket === undefined ? undefined : settings.path(['admin', 'socket'], socket),
    listen,
    dashboard,
    token: file === undefined ? undefined : tokenOf(settings.path(path, file), path, settings),
  }
}

/** Absolute paths, and the secret read. */
function clusterOf({ cluster }: ParsedConfig, settings: Settings): Config['cluster'] {
  const { secret_file: file, ...rest } = cluster
  for (const name of ['nats_credentials', 'nats_ca', 'ca'] as const) {
    const path = rest[name]
    if (path !== undefined) rest[name] = settings.path(['cluster', name], path)
  }
  if (rest.nats.length > 0 && rest.id === undefined)
    throw settings.refuse(['cluster', 'id'], 'expected the name of this process in the cluster, found nothing')
  const path = ['cluster', 'secret_file']
  const secrets = file === undefined ? [] : secretLines(file, path, settings)
  const short = secrets.find(({ length }) => length < SERVER_LIMITS.minAdminToken || length > SERVER_LIMITS.maxSecret)
  if (short !== undefined)
    throw settings.refuse(
      path,
      `expected lines of ${SERVER_LIMITS.minAdminToken} to ${SERVER_LIMITS.maxSecret} characters, found ${short.length}`,
    )
  return { ...rest, secrets }
}

/** The first line of the file. It may be long, but not short: it alone authenticates. */
function tokenOf(file: string, path: readonly string[], settings: Settings): string {
  const [token = ''] = textOf(file, path, settings).split(/\r?\n/)
  if (token.length < SERVER_LIMITS.minAdminToken || token.length > SERVER_LIMITS.maxSecret)
    throw settings.refuse(
      path,
      `expected ${SERVER_LIMITS.minAdminToken} to ${SERVER_LIMITS.maxSecret} characters on the first line of ${file}, found ${token.length}`,
    )
  return token
}

function textOf(file: string, path: readonly string[], settings: Settings): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw settings.refuse(path, `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}

/** Freezes the object and everything in it. */
function frozen<T extends object>(value: T): Readonly<T> {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) frozen(inner)
  return Object.freeze(value)
}
