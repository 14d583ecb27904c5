// Checks that each parser of input from outside has a fuzz target.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGES = ['protocol', 'core', 'client', 'spacebar', 'server']
/** What a parser is called. */
const PARSER = /export (?:async )?(?:function|const) ((?:parse|read|decode|peek|judge|classify|looks)[A-Z]\w*)/g
const COVERS = /covers(?::| =) \[([^\]]*)\]/g

/** Parsers of input that comes from this machine, and why that input is trusted. */
const TRUSTED: Record<string, string> = {
  'core/media/address/socket-address.ts': 'the words that a packet engine wrote',
  'server/net/tls.ts': 'files of the operator, which OpenSSL parses',
  'server/dev/world.ts': 'a file that the user names; a wrong one is refused with a sentence',
  'server/demo/speech.ts': 'a file of the package',
  'server/talk/input.ts': 'files that the user names; their Ogg pages are fuzzed in client/ogg',
}

const sourcesOf = (pack: string) =>
  readdirSync(join(ROOT, 'packages', pack, 'src'), { recursive: true, encoding: 'utf8' })
    .map(path => path.replaceAll('\\', '/'))
    .filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.startsWith('testing/'))
    .map(path => ({ path: `${pack}/${path}`, text: readFileSync(join(ROOT, 'packages', pack, 'src', path), 'utf8') }))

const parsers = PACKAGES.flatMap(sourcesOf)
  .map(({ path, text }) => ({ path, names: [...text.matchAll(PARSER)].map(match => match[1]) }))
  .filter(({ names }) => names.length > 0)

const covered = new Set(
  readdirSync(join(ROOT, 'test/fuzz'))
    .map(name => readFileSync(join(ROOT, 'test/fuzz', name), 'utf8'))
    .flatMap(text => [...text.matchAll(COVERS)].flatMap(match => [...match[1]!.matchAll(/'([^']+)'/g)]))
    .map(match => match[1]!),
)

test('each file with a parser has a fuzz target, or a reason why its input is trusted', () => {
  assert.ok(parsers.length > 20, `found ${parsers.length} only`)
  const missing = parsers.filter(({ path }) => !covered.has(path) && TRUSTED[path] === undefined)
  assert.deepEqual(missing, [])
})

test('each file that a fuzz target or an exception names exists', () => {
  const isMissing = (path: string) => !existsSync(join(ROOT, path.replace('/', '/src/').replace(/^/, 'packages/')))
  assert.ok(covered.size > 20)
  assert.deepEqual([...covered, ...Object.keys(TRUSTED)].filter(isMissing), [])
})
