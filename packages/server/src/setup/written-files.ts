// Writes the files of `parley setup`; one that exists is replaced only if the operator agrees.
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError } from '../config/config-error.ts'

export interface PlannedFile {
  readonly path: string
  readonly text: string
  readonly mode: number
  /** An existing one is kept as it is, such as a secret that a backend may know. */
  readonly isKept?: boolean
  /** Whether it belongs to the user of the node; otherwise to the user who runs the command. */
  readonly isOfService: boolean
}

/** `replaced`: the old file has the suffix `.old`. */
export type FileFate = 'new' | 'replaced' | 'unchanged' | 'kept'

/** What would happen to the file. */
export function fateOf({ path, text, isKept }: PlannedFile): FileFate {
  const before = contentOf(path)
  if (before === undefined) return 'new'
  if (before === text) return 'unchanged'
  return isKept === true ? 'kept' : 'replaced'
}

/** Throws a `ConfigError` that names the file and the system's reason. `owner` is a user and group id. */
export function writePlanned(files: readonly PlannedFile[], owner: { uid: number; gid: number } | undefined): void {
  for (const file of files) {
    const { path, text, mode, isOfService } = file
    const fate = fateOf(file)
    if (fate === 'kept' || fate === 'unchanged') continue
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
      if (fate === 'replaced') renameSync(path, `${path}.old`)
      writeFileSync(path, text, { mode, flag: 'wx' })
      // The mode above is subject to the umask.
      chmodSync(path, mode)
      if (owner !== undefined && isOfService) chownSync(path, owner.uid, owner.gid)
    } catch (error) {
      throw new ConfigError(`${path}: cannot be written (${(error as NodeJS.ErrnoException).code ?? error})`)
    }
  }
}

function contentOf(path: string): string | undefined {
  if (!existsSync(path)) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
