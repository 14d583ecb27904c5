// Two configurations compared: which settings a reload applies, and which need a restart.
import type { BackendConfig, Config } from './config.ts'
import { ConfigError } from './config-error.ts'
import { SECTIONS, SETTINGS } from './schema.ts'

export interface ConfigChanges {
  /** Keys of changed settings that the reload applies, such as `voice.dave` or `backend.main.secret`. */
  readonly applied: readonly string[]
  /** Keys of changed settings that keep their old value until the next start. */
  readonly restart: readonly string[]
  /** The configuration in effect after the reload. */
  readonly config: Config
}

type Section = Exclude<keyof Config, 'backend' | 'warnings'>
const SECTION_NAMES = SECTIONS.filter((name): name is Section => name !== 'backend')

/** Fields of a configuration that hold the contents of a file, by the setting that names it. */
const FILES: Readonly<Record<string, string>> = {
  'admin.token': 'admin.token_file',
  'cluster.secrets': 'cluster.secret_file',
  'backend.secrets': 'backend.secret',
}

/** Fields whose presence decides what a listener is: it is open already. */
const OPENING: ReadonlySet<string> = new Set(['tls_cert', 'tls_key', 'token'])

/** Throws a `ConfigError` if the changes that a reload applies cannot be in effect without the others. */
export function changesBetween(before: Config, after: Config): ConfigChanges {
  const changes = new Changes()
  const sections = SECTION_NAMES.map(name => [name, changes.merged(name, name, before[name], after[name])])
  const backend = changes.backends(before.backend, after.backend)
  checkSecrets(backend)
  const config = { ...before, ...Object.fromEntries(sections), backend, warnings: after.warnings } as Config
  return { applied: changes.applied, restart: changes.restart, config }
}

class Changes {
  readonly applied: string[] = []
  readonly restart: string[] = []

  /** The fields of `after` that a reload applies, and those of `before` otherwise. `section` is that of the settings. */
  merged(section: string, name: string, before: object, after: object): object {
    const fields = { ...before } as Record<string, unknown>
    const wanted = after as Record<string, unknown>
    for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const [old, value] = [fields[field], wanted[field]]
      if (isSame(value, old)) continue
      const setting = SETTINGS.get(FILES[`${section}.${field}`] ?? `${section}.${field}`)
      const opens = OPENING.has(field) && (old === undefined) !== (value === undefined)
      const isReloaded = setting?.isReloaded === true && !opens
      if (isReloaded) fields[field] = value
      const key = setting?.key ?? `${section}.${field}`
      ;(isReloaded ? this.applied : this.restart).push(key.replace(/^backend(?=\.)/, name))
    }
    return fields
  }

  backends(before: readonly BackendConfig[], after: readonly BackendConfig[]): BackendConfig[] {
    for (const { id } of after) if (!before.some(each => each.id === id)) this.restart.push(`backend.${id}`)
    return before.map(old => {
      const now = after.find(({ id }) => id === old.id)
      if (now === undefined) this.restart.push(`backend.${old.id}`)
      return now === undefined ? old : (this.merged('backend', `backend.${old.id}`, old, now) as BackendConfig)
    })
  }
}

/** A backend that was removed stays until a restart, and its secret is its own until then. */
function checkSecrets(backends: readonly BackendConfig[]): void {
  const owners = new Map<string, string>()
  for (const { id, secrets } of backends)
    for (const secret of secrets) {
      const owner = owners.get(secret)
      if (owner !== undefined)
        throw new ConfigError(
          `backend.${id}: has the secret of backend ${owner}, which needs a restart to change: restart`,
        )
      owners.set(secret, id)
    }
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
