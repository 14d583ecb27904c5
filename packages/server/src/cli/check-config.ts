// `parley check-config`: prints the effective configuration, or what is wrong with it.
import type { Command } from 'commander'
import { describeConfig } from '../config/config.ts'
import { diagnose } from '../doctor/doctor.ts'
import { readTls } from '../net/tls.ts'
import { machineOf } from './admin/doctor.ts'
import { type ConfigOptions, configFrom, runCommand, withConfigOptions } from './config-options.ts'

const HELP = `
Examples:
  $ parley check-config --config /etc/parley/parley.toml && systemctl restart parley

Prints the effective configuration as TOML, with secrets hidden. Exit codes: 0 valid, 2 invalid.`

export function register(program: Command): void {
  withConfigOptions(program.command('check-config'))
    .description('check the configuration and print the effective settings')
    .addHelpText('after', HELP)
    .action((options: ConfigOptions) => runCommand(() => check(options)))
}

/**
 * Reads the certificate too, because `serve` would fail at it. Prints the problems that `parley doctor --offline` finds, as
 * warnings: they change no exit code.
 */
async function check(options: ConfigOptions): Promise<void> {
  const config = configFrom(options)
  readTls(config)
  const { findings } = await diagnose(() => config, machineOf, false)
  for (const { ok, problem, fix } of findings) if (!ok) process.stderr.write(`warning: ${problem} (${fix})\n`)
  process.stdout.write(describeConfig(config))
}
