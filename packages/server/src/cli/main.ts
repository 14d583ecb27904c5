// The `parley` command: its subcommands, one module each.
import { Command } from 'commander'
import { VERSION } from '../version.ts'
import * as doctor from './admin/doctor.ts'
import * as admin from './admin/register.ts'
import * as bridge from './bridge/bridge.ts'
import * as checkConfig from './check-config.ts'
import * as demo from './demo.ts'
import * as conformance from './dev/conformance.ts'
import * as dev from './dev/dev.ts'
import * as trace from './dev/trace.ts'
import * as front from './front.ts'
import * as serve from './serve.ts'
import * as setup from './setup.ts'
import * as talk from './talk.ts'

/** A subcommand adds itself to the program. */
interface CommandModule {
  register(program: Command): void
}

const COMMANDS: readonly CommandModule[] = [
  demo,
  dev,
  trace,
  conformance,
  setup,
  serve,
  front,
  talk,
  bridge,
  checkConfig,
  doctor,
  admin,
]

const program = new Command('parley')
  .description('A self-hosted, Discord-compatible voice server.')
  .version(VERSION, '-V, --version', 'print the version')
  .showHelpAfterError('(parley --help lists all commands)')
  .addHelpText('after', '\nStart with:  parley demo, or parley setup on a server')
for (const { register } of COMMANDS) register(program)

await program.parseAsync()
