// The settings of a bridge, as flags, environment and TOML file give them.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { LIMITS } from '../limits.ts'

/** Text that is not empty. An error names what was expected, and never the value, which may be a secret. */
const text = (expected: string) => {
  const error = ({ input }: { input?: unknown }) => `expected ${expected}, found ${kindOf(input)}`
  return z.string({ error }).min(1, { error }).describe(expected)
}

function kindOf(input: unknown): string {
  if (input === undefined) return 'nothing'
  return input === '' ? 'an empty text' : `a ${typeof input}`
}

/** One `[[node]]`. Unknown settings are refused, because they are mostly misspelt. */
const NodeSettings = z.strictObject({
  name: text('a name of the node for the log; default: its endpoint').optional(),
  lvsp: text('the URL of LVSP, such as wss://voice.example:8443/lvsp'),
  endpoint: text("host:port, as the region in Spacebar's configuration has it").max(LIMITS.endpoint),
  secret: text('the secret that the node shares with this backend').optional(),
  secret_file: text('the path of a file whose first line is the secret').optional(),
  ca: text('the path of a PEM file with the certificate authority of the node').optional(),
  regions: z.array(text('the id of a region')).optional().describe("ids of Spacebar's regions that this node serves"),
})

/** The whole file. docs/spacebar.md describes it. */
export const BridgeSettings = z.strictObject({
  bus: text('unix:/folder or amqp://host'),
  database: text('postgres://…').optional(),
  check_permissions: z.boolean().default(true).describe('whether the database decides who may join'),
  log_level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  node: z.array(NodeSettings).min(1, { error: 'expected a node: lvsp, endpoint and secret_file, found none' }).max(64),
})
export type BridgeSettings = z.infer<typeof BridgeSettings>

/** A node with its secret and certificate authority read. */
export interface NodeTarget {
  name: string
  lvsp: string
  endpoint: string
  secret: string
  /** PEM text. */
  ca: string | undefined
  regions: readonly string[]
}

/** A setting is missing or wrong; the message is one sentence. */
export class BridgeSettingsError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'BridgeSettingsError'
  }
}

/** Checks the settings. Throws a BridgeSettingsError. */
export function checkSettings(input: unknown): BridgeSettings {
  const parsed = BridgeSettings.safeParse(input)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BridgeSettingsError(`${issue?.path.join('.') || 'settings'}: ${issue?.message ?? 'invalid'}`)
}

/** The nodes with their secrets and certificates read. Throws a BridgeSettingsError. */
export function targetsOf({ node }: BridgeSettings, readText: (path: string) => string = readFile): NodeTarget[] {
  return node.map((settings, index) => {
    const { name, lvsp, endpoint, secret, secret_file, ca, regions = [] } = settings
    const at = `node.${index}`
    if ((secret === undefined) === (secret_file === undefined))
      throw new BridgeSettingsError(`${at}: expected either secret or secret_file`)
    const found = secret ?? readText(secret_file!).split(/\r?\n/)[0]!.trim()
    if (found === '') throw new BridgeSettingsError(`${at}.secret_file: expected a secret in its first line`)
    return { name: name ?? endpoint, lvsp, endpoint, secret: found, ca: ca && readText(ca), regions }
  })
}

/** Throws a BridgeSettingsError with the system's reason. */
function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new BridgeSettingsError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
