// What every subcommand that takes a configuration shares: its options, and how a mistake is told.
import type { Command } from 'commander'
import { type Config, loadConfig, processEnvironment } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { ListenError } from '../net/listen-error.ts'

export interface ConfigOptions {
  config?: string
  set: string[]
}

/** Exit codes: the operator's configuration is wrong; the system refused. */
const EXIT = { config: 2, start: 1 } as const

export function withConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the TOML file (or PARLEY_CONFIG)')
    .option<string[]>(
      '-s, --set <key=value>',
      'set one value, such as http.listen=127.0.0.1:9000; may be repeated',
      (assignment, before) => [...before, assignment],
      [],
    )
}

export const configFrom = ({ config, set }: ConfigOptions): Config =>
  loadConfig({ file: config, flags: set, environment: processEnvironment() })

/** Runs the command; a mistake of the operator's becomes one sentence and an exit code, without a stack. */
export async function orSentence(action: () => void | Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ListenError)) throw error
    process.stderr.write(`parley: ${error.message}\n`)
    process.exitCode = error instanceof ConfigError ? EXIT.config : EXIT.start
  }
}
