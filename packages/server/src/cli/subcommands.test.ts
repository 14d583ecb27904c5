import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { modulesFor, SUBCOMMANDS } from './subcommands.ts'

test('each module registers the names by which it is loaded', async () => {
  for (const { names, load } of SUBCOMMANDS) {
    const program = new Command()
    ;(await load()).register(program)
    assert.deepEqual(
      program.commands.map(command => command.name()),
      names,
    )
  }
})

test('a command loads its module only, the version none, and everything else all', async () => {
  assert.equal((await modulesFor(['kick', '7'])).length, 1)
  assert.equal((await modulesFor(['--version'])).length, 0)
  for (const args of [[], ['--help'], ['help', 'serve'], ['unknown'], ['constructor']])
    assert.equal((await modulesFor(args)).length, SUBCOMMANDS.length, args.join(' '))
})
