// Checks the links of the documentation: pages, headings, and the files that its text names.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PACKAGES = readdirSync(join(ROOT, 'packages'))
const FOLDERS = ['.', 'docs', 'docs/api', ...PACKAGES.map(name => `packages/${name}`)]

const pages = FOLDERS.flatMap(folder =>
  readdirSync(join(ROOT, folder))
    .filter(name => name.endsWith('.md'))
    .map(name => join(ROOT, folder, name)),
).map(file => ({ file, path: relative(ROOT, file), text: readFileSync(file, 'utf8') }))

const LINK = /\]\(([^)\s]+)\)/g
const FENCE = /^```[\s\S]*?^```$/gm
const CODE = /`([^`\n]+)`/g
const HEADING = /^#+ (.+)$/gm
/** `core/dave/group.ts`, `packages/core/src/limits.ts`, `test/sim`, `server/cli/`; also with `*`. */
const NAMED = new RegExp(`^(packages|docs|test|bench|scripts|examples|${PACKAGES.join('|')})/[\\w./*-]+$`)

/** As GitHub makes anchors of headings. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

function hasAnchor(file: string, anchor: string): boolean {
  const text = readFileSync(file, 'utf8').replaceAll(FENCE, '')
  return [...text.matchAll(HEADING)].some(match => anchorOf(match[1]!) === anchor)
}

function isBroken(file: string, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return false
  const [path = '', anchor] = target.split('#')
  const goal = path === '' ? file : resolve(dirname(file), path)
  return !existsSync(goal) || (anchor !== undefined && !hasAnchor(goal, anchor))
}

const SKIPPED = new Set(['node_modules', 'dist', '.cache'])
const namesUnder = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : namesUnder(join(folder, entry.name))
    return [entry.name]
  })
const names = new Set(['packages', 'test', 'bench', 'scripts', 'examples'].flatMap(top => namesUnder(join(ROOT, top))))
/** A file name without its folder. */
const BARE = /^[a-z][a-z0-9-]*\.ts$/

/** Short paths of the architecture page leave out `packages/` and `src/`. */
function existsInRepository(path: string): boolean {
  if (BARE.test(path)) return names.has(path)
  const [first = '', ...rest] = path.split('/')
  const place = PACKAGES.includes(first) ? join('packages', first, 'src', ...rest) : path
  if (!place.includes('*')) return existsSync(join(ROOT, place))
  const folder = join(ROOT, dirname(place))
  const pattern = new RegExp(
    `^${place
      .slice(place.lastIndexOf('/') + 1)
      .replaceAll('.', '\\.')
      .replaceAll('*', '.*')}$`,
  )
  return existsSync(folder) && readdirSync(folder).some(name => pattern.test(name))
}

test('each link of the documentation has a target', () => {
  assert.ok(pages.length >= 10)
  const broken = pages.flatMap(({ file, path, text }) =>
    [...text.replaceAll(FENCE, '').matchAll(LINK)]
      .filter(([, target]) => isBroken(file, target!))
      .map(([, target]) => `${path}: ${target}`),
  )
  assert.equal(broken.join('\n'), '')
})

test('each file that the documentation names exists', () => {
  const named = pages.flatMap(({ path, text }) =>
    [...text.replaceAll(FENCE, '').matchAll(CODE)]
      .map(match => ({ path, name: match[1]! }))
      .filter(({ name }) => (NAMED.test(name) || BARE.test(name)) && !name.includes('NAME')),
  )
  assert.ok(named.length > 200, `found ${named.length} names only`)
  const missing = named.filter(({ name }) => !existsInRepository(name)).map(({ path, name }) => `${path}: ${name}`)
  assert.equal(missing.join('\n'), '')
})
