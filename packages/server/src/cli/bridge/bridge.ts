// `parley bridge spacebar`: gives an unmodified Spacebar server its voice.
import {
  type BridgeSettings,
  BridgeSettingsError,
  type CheckResult,
  checkBridge,
  checkSettings,
  INSTALL_TRIGGERS,
  REMOVE_TRIGGERS,
  runSql,
  SpacebarBridge,
} from '@parley/spacebar'
import type { Command } from 'commander'
import { processEnvironment } from '../../config/config.ts'
import { ConfigError } from '../../config/config-error.ts'
import { openLog } from '../../monitoring/log.ts'
import { runCommand } from '../config-options.ts'
import { untilStopped } from '../until-stopped.ts'
import { type BridgeFlags, bridgeInput } from './bridge-input.ts'

const HELP = `
Examples:
  $ parley bridge spacebar --bus unix:/run/spacebar --database postgres://parley@localhost/spacebar \\
      --lvsp wss://voice.example.org/lvsp --secret-file /etc/parley/secret --endpoint voice.example.org:443
  $ parley bridge spacebar --config bridge.toml          # several nodes: [[node]] with lvsp, endpoint, secret_file
  $ parley bridge spacebar --config bridge.toml --check  # what is missing before the first call

Each option is also an environment variable: PARLEY_BRIDGE_BUS, PARLEY_BRIDGE_DATABASE, PARLEY_BRIDGE_LVSP and so on. The node needs
adopts_tokens = true for this backend. The line bridge.ready says that the bus, the database and a node are in use.

Exit codes: 0 stopped, or all checks passed; 1 a check failed, or another bridge took over while the database was away; 2 a setting is
missing or invalid, or another bridge is running.`

export function register(program: Command): void {
  const bridge = program.command('bridge').description('connect a chat server that does not speak LVSP')
  bridge
    .command('spacebar-triggers <install|remove>')
    .description("print the SQL of optional triggers in Spacebar's database; with --apply, run it")
    .option('--database <url>', 'postgres:// URL of the owner of the tables')
    .option('--apply', 'run the SQL', false)
    .action((what: string, flags: TriggerFlags) => runCommand(() => triggers(what, flags)))
  bridge
    .command('spacebar')
    .description('connect a Spacebar server')
    .option('-c, --config <file>', 'TOML file')
    .option('--bus <url>', "Spacebar's event bus: unix:/folder (EVENT_SOCKET_PATH) or amqp://host")
    .option('--database <url>', "Spacebar's database, postgres://…, read only")
    .option('--lvsp <url>', 'LVSP of the node')
    .option('--secret <text>', 'secret that the node shares with this backend; prefer --secret-file')
    .option('--secret-file <file>', 'file with that secret')
    .option('--endpoint <host:port>', "endpoint of the node, as in Spacebar's regions")
    .option('--ca <file>', 'PEM file with the certificate authority of the node')
    .option('--no-check-permissions', 'admit members without looking up their permissions in the database')
    .option('--log-level <level>', 'debug, info, warn, error or silent')
    .option('--check', 'check the bus, the database and the nodes, then exit', false)
    .addHelpText('after', HELP)
    .action((flags: BridgeFlags & { check: boolean }) => runCommand(() => withSettings(flags)))
}

/** A mistake in the settings is reported like one in a configuration: one sentence, exit code 2. */
async function withSettings({ check, ...flags }: BridgeFlags & { check: boolean }): Promise<void> {
  try {
    const settings = checkSettings(bridgeInput(flags, processEnvironment()))
    await (check ? runChecks(settings) : run(settings))
  } catch (error) {
    throw error instanceof BridgeSettingsError ? new ConfigError(error.message) : error
  }
}

/** Flags of `spacebar-triggers`. */
interface TriggerFlags {
  database?: string
  apply: boolean
}

/** Prints the SQL, so that the operator can read it, and runs it only with `--apply`. */
async function triggers(what: string, { database, apply }: TriggerFlags): Promise<void> {
  if (what !== 'install' && what !== 'remove') throw new ConfigError(`expected install or remove, found ${what}`)
  const sql = what === 'install' ? INSTALL_TRIGGERS : REMOVE_TRIGGERS
  process.stdout.write(sql)
  if (!apply) return
  const url = database ?? processEnvironment().PARLEY_BRIDGE_DATABASE
  if (url === undefined) throw new ConfigError('--database: expected a postgres:// URL, found nothing')
  try {
    await runSql(url, sql)
  } catch (error) {
    throw new ConfigError(`--database: ${(error as Error).message}`)
  }
}

/** How a finding begins; all have the same width. */
const SIGNS: Record<CheckResult['kind'], string> = { ok: 'ok      ', warning: 'warning ', failed: 'FAILED  ' }

async function runChecks(settings: BridgeSettings): Promise<void> {
  const results = await checkBridge(settings)
  for (const { kind, text } of results) process.stdout.write(`${SIGNS[kind]} ${text}\n`)
  process.exitCode = results.some(({ kind }) => kind === 'failed') ? 1 : 0
}

/** Runs until a signal, or until another bridge is found. A standard output that is closed stops it too. */
async function run(settings: BridgeSettings): Promise<void> {
  const isTerminal = process.stdout.isTTY === true
  const log = openLog({ level: settings.log_level, format: isTerminal ? 'pretty' : 'json', colour: isTerminal })
  const stop = untilStopped()
  process.stdout.on('error', stop.now)
  const fail = () => {
    process.exitCode = 1
    stop.now()
  }
  try {
    const bridge = SpacebarBridge.start(settings, { log: log.note, onFatal: fail })
    const started = await Promise.race([bridge, stop.asked])
    await stop.asked
    // Stopped while it waited for the database: there is nothing to close.
    if (typeof started === 'string') {
      await log.end()
      process.exit()
    }
    await started.close()
  } finally {
    stop.now()
    await log.end()
  }
}
