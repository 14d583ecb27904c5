// Each command of `parley` has a test that runs it, and the documentation names no other.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { CLUSTER_COMMANDS } from './admin/cluster-commands.ts'
import { ADMIN_COMMANDS } from './admin/commands.ts'
import { SUBCOMMANDS } from './subcommands.ts'

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/**
 * Which test runs a command, and by which words. Those of a running node and of a front are not listed: admin.test.ts and
 * cluster-admin.test.ts run each row of the tables in docs/operating.md and docs/cluster.md, and fail for one that they do not expect.
 */
const RUN_BY: Readonly<Record<string, readonly [file: string, words: string]>> = {
  demo: ['demo.test.ts', "['demo', '--port'"],
  dev: ['dev-process.test.ts', "['dev', '--json']"],
  trace: ['dev-process.test.ts', "['trace', file!]"],
  'conformance client': ['conformance.test.ts', "['conformance', 'client'"],
  'conformance node': ['conformance-node.test.ts', "['conformance', 'node'"],
  'conformance backend': ['conformance-backend.test.ts', "['conformance', 'backend'"],
  setup: ['setup.test.ts', "['setup', "],
  serve: ['server-process.test.ts', "'serve'"],
  'serve --take-over': ['take-over.test.ts', "serve('--take-over')"],
  front: ['cluster-scene.ts', "'front'"],
  talk: ['demo.test.ts', "['talk', '--credentials'"],
  'bridge spacebar': ['bridged-node.ts', "'bridge', 'spacebar'"],
  'bridge spacebar-triggers': ['spacebar-database.test.ts', "['bridge', 'spacebar-triggers'"],
  'check-config': ['server-process.test.ts', "'check-config'"],
  doctor: ['doctor.test.ts', "'doctor'"],
  'doctor --from': ['doctor.test.ts', '--from'],
}

/** The commands that do something, with those they belong to: `bridge spacebar`. */
async function registered(): Promise<string[]> {
  const program = new Command()
  for (const { load } of SUBCOMMANDS) (await load()).register(program)
  const leaves = (command: Command, path: string): string[] =>
    command.commands.length === 0 ? [path] : command.commands.flatMap(each => leaves(each, `${path} ${each.name()}`))
  return program.commands.flatMap(command => leaves(command, command.name()))
}

const nameOf = ({ usage }: { usage: string }) => usage.replace(/ <.*/, '')
const TABLES = [...ADMIN_COMMANDS, ...CLUSTER_COMMANDS].map(nameOf)

test('each command is run by a test', async () => {
  const commands = await registered()
  assert.ok(commands.length > 30, `found ${commands.length} only`)
  const untested = commands.filter(name => RUN_BY[name] === undefined && !TABLES.includes(name))
  assert.deepEqual(untested, [], 'without a row in RUN_BY')
  for (const [name, [file, words]] of Object.entries(RUN_BY)) {
    assert.ok(commands.includes(name.replace(/ --.*/, '')), `${name} is no command`)
    assert.ok(read(`test/e2e/${file}`).includes(words), `${file} does not run ${name}`)
  }
})

test('the tables of the documentation have each command of a running node and of a front', () => {
  const pages = read('docs/operating.md') + read('docs/cluster.md')
  for (const { usage } of [...ADMIN_COMMANDS, ...CLUSTER_COMMANDS])
    assert.ok(pages.includes(`\n| \`${usage}\` |`), usage)
  for (const [file, table] of [
    ['admin.test.ts', "documented('operating', 'admin commands', 0)"],
    ['admin.test.ts', "documented('operating', 'admin routes', 0)"],
    ['cluster-admin.test.ts', "documented('cluster', 'cluster commands', 0)"],
    ['cluster-admin.test.ts', "documented('cluster', 'cluster routes', 0)"],
  ] as const)
    assert.ok(read(`test/e2e/${file}`).includes(table), `${file}: ${table}`)
})

test('the documentation names only commands that exist', async () => {
  const commands = await registered()
  const groups = new Set([...commands.map(name => name.split(' ')[0]!), 'help'])
  const unknown = readdirSync(join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .flatMap(page =>
      [...read(`docs/${page}`).matchAll(/(?:`|^\s*(?:\$ )?|npx )parley ([a-z]+(?:-[a-z]+)*)\b/gm)]
        .map(([, name]) => name!)
        .filter(name => !groups.has(name))
        .map(name => `${page}: parley ${name}`),
    )
  assert.deepEqual(unknown, [])
})
