// The `parley` command: the program, and the subcommand that its arguments name.
import { Command } from 'commander'
import { VERSION } from '../version.ts'
import { modulesFor } from './subcommands.ts'

const program = new Command('parley')
  .description('A self-hosted, Discord-compatible voice server.')
  .version(VERSION, '-V, --version', 'print the version')
  .showHelpAfterError('(parley --help lists all commands)')
  .addHelpText('after', '\nStart with:  parley demo, or parley setup on a server')
for (const { register } of await modulesFor(process.argv.slice(2))) register(program)

await program.parseAsync()
