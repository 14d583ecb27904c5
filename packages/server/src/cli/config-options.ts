// Options of every subcommand that reads a configuration, and the report of a wrong one.
import type { Command } from 'commander'
import { type Config, loadConfig, processEnvironment } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { ListenError } from '../net/listen-error.ts'

/** The file, and `key=value` assignments over it. */
export interface ConfigOptions {
  config?: string
  set: string[]
}

/** Exit codes: the configuration is invalid; a port could not be opened. */
const EXIT = { config: 2, start: 1 } as const

export function withConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'TOML file (or PARLEY_CONFIG)')
    .option<string[]>(
      '-s, --set <key=value>',
      'set one value, such as http.listen=127.0.0.1:9000; can be repeated',
      (assignment, before) => [...before, assignment],
      [],
    )
}

/** Throws a `ConfigError`. */
export const configFrom = ({ config, set }: ConfigOptions): Config =>
  loadConfig({ file: config, flags: set, environment: processEnvironment() })

/** Runs the command. A `ConfigError` or `ListenError` is printed as one sentence, without a stack, and sets the exit code. */
export async function runCommand(action: () => void | Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ListenError)) throw error
    process.stderr.write(`parley: ${error.message}\n`)
    process.exitCode = error instanceof ConfigError ? EXIT.config : EXIT.start
  }
}
