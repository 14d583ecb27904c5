// Sources of settings: file, environment, flags, options. Each yields assignments that carry their origin.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { ConfigError, shown, suggestion } from './config-error.ts'
import { SECTIONS, SETTINGS, type Setting } from './schema.ts'

/** One value for one setting. `path` is `[section, name]`, or `['backend', index, name]`. */
export interface Assignment {
  path: readonly string[]
  value: unknown
  /** The name of the setting in error messages: `http.listen (in parley.toml)`, `PARLEY_HTTP_LISTEN`, `--set http.listen`. */
  name: string
  /** Base of relative paths in the value. */
  folder: string
  /** The source that contains the assignment. */
  source: string
}

const PREFIX = 'PARLEY_'
/** Kubernetes and Docker links set these variables for a service named `parley` or `parley-…`. */
const INJECTED = /^PARLEY_(.*_)?(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/

/** Settings of `parley bridge`, which may run beside a node. */
const OF_BRIDGE = 'PARLEY_BRIDGE_'

/** The settings of a TOML file. Throws a `ConfigError` if it cannot be read or is not valid TOML. */
export function fromFile(path: string): Assignment[] {
  const folder = dirname(resolve(path))
  return fromObject(readToml(path), { nameOf: key => `${key} (in ${path})`, folder, source: 'file' })
}

/** The settings of an object in the shape of the file. */
export function fromObject(
  tree: object,
  { nameOf, folder, source }: { nameOf(key: string): string; folder: string; source: string },
): Assignment[] {
  return flattened(tree, []).map(({ path, value }) => {
    const name = nameOf(path.join('.'))
    settingAt(path, name)
    return { path, value, name, folder, source }
  })
}

/**
 * The settings among environment variables: `PARLEY_HTTP_LISTEN`, `PARLEY_BACKEND_0_SECRET`. A variable that names none is a warning
 * and no error: orchestrators set variables of their own for a service named `parley`.
 */
export function fromEnvironment(
  environment: Record<string, string | undefined>,
  ignored: readonly string[],
): { assignments: Assignment[]; warnings: string[] } {
  const warnings: string[] = []
  const assignments = Object.entries(environment).flatMap(([name, text]) => {
    if (!name.startsWith(PREFIX) || name.startsWith(OF_BRIDGE) || ignored.includes(name) || text === undefined)
      return []
    const path = pathOfVariable(name)
    if (path === undefined && INJECTED.test(name)) return []
    if (path === undefined) {
      warnings.push(`${name}: no such setting${suggestion(name, variables())}; the variable is ignored`)
      return []
    }
    return [fromText(path, text, name, 'environment')]
  })
  return { assignments, warnings }
}

/** The settings of `--set key=value` flags. */
export function fromFlags(flags: readonly string[]): Assignment[] {
  return flags.map(flag => {
    const split = flag.indexOf('=')
    if (split < 1) throw new ConfigError(`--set: expected key=value such as http.listen=0.0.0.0:8443, found no "="`)
    const key = flag.slice(0, split).trim()
    return fromText(key.split('.'), flag.slice(split + 1), `--set ${key}`, 'flags')
  })
}

/** The environment variable of a setting: `http.listen` → `PARLEY_HTTP_LISTEN`, `backend.id` → `PARLEY_BACKEND_0_ID`. */
export const variableOf = (key: string): string =>
  PREFIX +
  key
    .replace(/^backend\./, 'backend.0.')
    .replaceAll('.', '_')
    .toUpperCase()

const variables = () => [...SETTINGS.keys()].map(variableOf)

/** The key of the setting at `path`, without the number of a backend. */
export const keyOf = (path: readonly string[]): string =>
  path[0] === 'backend' ? `backend.${path[2]}` : path.join('.')

/** Throws a `ConfigError` if the file cannot be read or is not valid TOML. */
export function readToml(path: string): object {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // Its later lines quote the file, which may contain secrets.
    const reason = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '')
    throw new ConfigError(`${path}, line ${error.line}, column ${error.column}: not valid TOML: ${reason}`)
  }
}

function flattened(value: unknown, path: readonly string[]): { path: readonly string[]; value: unknown }[] {
  if (value === undefined) return []
  const isBackends = path.length === 1 && path[0] === 'backend' && Array.isArray(value) && value.every(isTable)
  if ((!isTable(value) || path.length >= 3) && !isBackends) return [{ path, value }]
  return Object.entries(value as object).flatMap(([key, inner]) => flattened(inner, [...path, key]))
}

const isTable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && [null, Object.prototype].includes(Object.getPrototypeOf(value))

/** The setting at the path. Throws a `ConfigError` that suggests the nearest setting. */
export function settingAt(path: readonly string[], name: string): Setting {
  const [section = '', second] = path
  if (!SECTIONS.includes(section)) throw new ConfigError(`${name}: no such section${suggestion(section, SECTIONS)}`)
  const depth = section === 'backend' ? 3 : 2
  if (path.length < depth) {
    const header = section === 'backend' ? '[[backend]] sections' : `a section [${section}]`
    throw new ConfigError(`${name}: expected ${header}, found a value`)
  }
  if (section === 'backend' && !/^\d{1,2}$/.test(second!))
    throw new ConfigError(`${name}: expected the number of a backend such as backend.0.id, found ${shown(second)}`)
  const setting = path.length === depth ? SETTINGS.get(keyOf(path)) : undefined
  if (setting === undefined) throw new ConfigError(`${name}: no such setting${nearest(path)}`)
  return setting
}

/** The same name in another section is preferred to a similar name in this section. */
function nearest(path: readonly string[]): string {
  const last = path.at(-1)
  const elsewhere = [...SETTINGS.keys()].filter(key => key.endsWith(`.${last}`))
  if (elsewhere.length > 0) return ` (did you mean ${elsewhere.join(' or ')}?)`
  const section = `${path[0]}.`
  return suggestion(
    keyOf(path),
    [...SETTINGS.keys()].filter(key => key.startsWith(section)),
  )
}

function pathOfVariable(name: string): string[] | undefined {
  const words = name.slice(PREFIX.length).toLowerCase().split('_')
  const [section = '', second = ''] = words
  const path =
    section === 'backend' && /^\d{1,2}$/.test(second)
      ? [section, second, words.slice(2).join('_')]
      : [section, words.slice(1).join('_')]
  return SETTINGS.has(keyOf(path)) ? path : undefined
}

function fromText(path: readonly string[], text: string, name: string, source: string): Assignment {
  const { kind } = settingAt(path, name)
  return { path, value: typedValue(kind, text), name, folder: process.cwd(), source }
}

/** Text that is not a boolean or a number stays text, which the schema then rejects. Lists are separated by commas. */
function typedValue(kind: Setting['kind'], text: string): unknown {
  switch (kind) {
    case 'text':
      return text
    case 'boolean':
      return /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off)$/i.test(text) ? false : text
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text
    case 'list':
      return text
        .split(',')
        .map(item => item.trim())
        .filter(item => item !== '')
  }
}
