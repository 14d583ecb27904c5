// The settings of a bridge from its file, environment and flags; later ones replace earlier ones.
import { dirname, resolve } from 'node:path'
import { ConfigError } from '../../config/config-error.ts'
import { readToml } from '../../config/sources.ts'

/** Options of the command. Each is also a variable, see `bridgeInput`. */
export interface BridgeFlags {
  config?: string
  bus?: string
  database?: string
  lvsp?: string
  secret?: string
  secretFile?: string
  endpoint?: string
  ca?: string
  /** False with `--no-check-permissions`. */
  checkPermissions?: boolean
  logLevel?: string
}

type Environment = Record<string, string | undefined>
type Table = Record<string, unknown>

const OF_BRIDGE = ['bus', 'database', 'log_level'] as const
const OF_NODE = ['lvsp', 'secret', 'secret_file', 'endpoint', 'ca'] as const

/** The input of `checkSettings`: a flag or variable about the node replaces that of the file, which may have one node then. */
export function bridgeInput(flags: BridgeFlags, environment: Environment): Table {
  const named = { ...flags, secret_file: flags.secretFile, log_level: flags.logLevel } as Table
  const settingOf = (key: string) => named[key] ?? environment[`PARLEY_BRIDGE_${key.toUpperCase()}`]
  const path = settingOf('config') as string | undefined
  const file = path === undefined ? {} : fileSettings(path)
  const permissions = environment.PARLEY_BRIDGE_CHECK_PERMISSIONS
  const isUnchecked = flags.checkPermissions === false || /^(false|0|no|off)$/i.test(permissions ?? '')
  return {
    ...file,
    ...defined(OF_BRIDGE, settingOf),
    ...(isUnchecked ? { check_permissions: false } : {}),
    node: nodesOf(file.node, defined(OF_NODE, settingOf)),
  }
}

function defined(keys: readonly string[], settingOf: (key: string) => unknown): Table {
  return Object.fromEntries(keys.map(key => [key, settingOf(key)]).filter(([, value]) => value !== undefined))
}

/** The nodes of the file, or the only one with the named settings over it. */
function nodesOf(inFile: unknown, named: Table): unknown {
  const nodes = Array.isArray(inFile) ? (inFile as Table[]) : []
  if (Object.keys(named).length === 0) return nodes
  if (nodes.length > 1)
    throw new ConfigError('node flags and variables can be used only if the file has at most one [[node]]')
  const node = { ...nodes[0] }
  // A secret from a flag replaces the file of one, and the other way round.
  if (named.secret !== undefined) delete node.secret_file
  if (named.secret_file !== undefined) delete node.secret
  return [{ ...node, ...named }]
}

/** Paths in the file are relative to it. */
function fileSettings(path: string): Table {
  const settings = readToml(path) as Table
  const folder = dirname(resolve(path))
  const located = (node: Table): Table => ({
    ...node,
    ...(typeof node.secret_file === 'string' ? { secret_file: resolve(folder, node.secret_file) } : {}),
    ...(typeof node.ca === 'string' ? { ca: resolve(folder, node.ca) } : {}),
  })
  return Array.isArray(settings.node) ? { ...settings, node: (settings.node as Table[]).map(located) } : settings
}
