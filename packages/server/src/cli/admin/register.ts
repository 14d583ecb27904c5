// Registers the commands that talk to a running node.
import { Command } from 'commander'
import { ConfigError } from '../../config/config-error.ts'
import { untilStopped } from '../until-stopped.ts'
import { type AdminAddress, AdminClient, AdminError } from './admin-client.ts'
import { CLUSTER_COMMANDS } from './cluster-commands.ts'
import { ADMIN_COMMANDS, type AdminCommand, type CommandOutput } from './commands.ts'

const HELP = `
The node (or front) is found by --socket, PARLEY_ADMIN_SOCKET, admin.socket of the configuration (--config, PARLEY_CONFIG), or at
/run/parley/admin.sock; or, with admin.listen, by --url and --token-file. Exit codes: 0, or 1 if the node cannot be reached or refuses.`

type Options = AdminAddress & Record<string, string | boolean | undefined>

/** Where the answers of a command go, and the sentence of an error. */
interface Streams {
  readonly output: CommandOutput
  readonly errors: CommandOutput
}

export function register(program: Command): void {
  registerAll(program, { output: process.stdout, errors: process.stderr })
}

/** A program with these commands only, which writes to the given streams and never exits. */
export function adminProgram(output: CommandOutput, errors: CommandOutput): Command {
  const program = new Command('parley').exitOverride()
  registerAll(program, { output, errors })
  return program
}

/** Those of a front are subcommands of `cluster`. */
function registerAll(program: Command, streams: Streams): void {
  for (const command of ADMIN_COMMANDS) registerOne(program, command, streams)
  const cluster = program.command('cluster').description('The nodes of a cluster: ask and change them through a front.')
  for (const { usage, ...command } of CLUSTER_COMMANDS)
    registerOne(cluster, { ...command, usage: usage.replace(/^cluster /, '') }, streams)
}

function registerOne(program: Command, command: AdminCommand, streams: Streams): void {
  const registered = program.command(command.usage).description(command.summary)
  for (const [flags, meaning] of command.options) registered.option(flags, meaning)
  registered
    .option('--json', 'print the answer as JSON')
    .option('-c, --config <file>', 'configuration of the node (or PARLEY_CONFIG)')
    .option('--socket <path>', 'socket of the node')
    .option('--url <url>', 'URL of admin.listen, such as https://voice.example.org:9443')
    .option('--token-file <file>', 'token for --url')
    .addHelpText('after', `\nExample:\n  $ ${command.example}\n${HELP}`)
    .action((...given: unknown[]) => {
      const options = given.at(-2) as Options
      const argument = given.length > 2 ? String(given[0]) : undefined
      return runOne(command, argument, options, streams)
    })
}

async function runOne(
  command: AdminCommand,
  argument: string | undefined,
  options: Options,
  { output, errors }: Streams,
): Promise<void> {
  const stop = untilStopped()
  // The reader of the output has closed it.
  process.stdout.on('error', stop.now)
  try {
    const client = new AdminClient(options)
    await command.run(client, { argument, options, output, stopped: stop.asked })
  } catch (error) {
    if (!(error instanceof AdminError || error instanceof ConfigError)) throw error
    errors.write(`parley: ${error.message}\n`)
    process.exitCode = 1
  } finally {
    stop.now()
    process.stdout.off('error', stop.now)
  }
}
