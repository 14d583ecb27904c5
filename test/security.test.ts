// Checks the claims of SECURITY.md: each line of its table names tests that exist. And what only the sources can show.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ROW = /^\| (.+) \| (.+) \| (.+) \|$/
const LINK = /\[([^\]]+)\]\(([^)]+\.test\.ts)\)/g
/** An operator that compares a secret: its time depends on how many characters agree. */
const COMPARED = /\b\w*(?:token|secret|password)\w*(?: as \w+)? [!=]== (?!undefined\b|true\b|false\b|'|[\d-])/i

/** Files in which both sides of a comparison belong to this process or its cluster. Conformance cases compare what they received. */
const OWN = ['server/demo/running-demo.ts', 'core/cluster/same-grant.ts', 'server/conformance/']

const rows = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')
  .split('\n')
  .flatMap(line => ROW.exec(line) ?? [])
  .reduce<string[][]>((all, cell, index) => {
    if (index % 4 === 0) all.push([])
    else all.at(-1)!.push(cell)
    return all
  }, [])
  .filter(([threat]) => threat !== 'Threat')

test('each line of the table of SECURITY.md names a test that exists', () => {
  assert.ok(rows.length > 10, `found ${rows.length} lines`)
  for (const [threat, , proof = ''] of rows) {
    const links = [...proof.matchAll(LINK)]
    assert.ok(links.length > 0, `no test for ${threat}`)
    for (const [, name = '', path = ''] of links) {
      const text = readFileSync(join(ROOT, path), 'utf8')
      assert.ok(text.includes(name), `${path} has no test "${name}"`)
    }
  }
})

test('secrets are compared in constant time only', () => {
  const found = ['core', 'server'].flatMap(pack => {
    const folder = join(ROOT, 'packages', pack, 'src')
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('testing'))
      .filter(name => !OWN.some(own => `${pack}/${name}`.startsWith(own)))
      .flatMap(name =>
        readFileSync(join(folder, name), 'utf8')
          .split('\n')
          .filter(line => COMPARED.test(line))
          .map(line => `${pack}/${name}: ${line.trim()}`),
      )
  })
  assert.deepEqual(found, [])
})
