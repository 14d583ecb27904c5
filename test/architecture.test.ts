// Holds the borders: who may import whom, what the pure packages may not touch, and how files are named and sized.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LONGEST_FILE = 400

/** What each package may import of ours. */
const PACKAGES: Record<string, string[]> = {
  protocol: [],
  core: ['protocol'],
  client: ['protocol'],
  playground: ['protocol', 'client'],
  server: ['protocol', 'core', 'client'],
}

/** Files that belong to another part than their folder says. */
const APART: Record<string, string> = {
  'core/limits.ts': 'core/base',
  'core/effect.ts': 'core/base',
  'core/errors.ts': 'core/base',
  'core/crypto.ts': 'core/base',
  'core/deadlines.ts': 'core/base',
  'core/message-rate.ts': 'core/base',
  'core/network-of.ts': 'core/base',
  'core/replay-buffer.ts': 'core/base',
  'core/media/lane.ts': 'core/base',
  'core/channel/voice-state.ts': 'core/voice-state',
  'server/app.ts': 'server/app',
  'server/index.ts': 'server/app',
}

/** What each part of a package may import of the same package, beside itself. A part that is not listed may import all. */
const PARTS: Record<string, string[]> = {
  'core/base': [],
  'core/voice-state': ['base'],
  'core/media': ['base'],
  'core/transport': ['base'],
  'core/dave': ['base'],
  'core/channel': ['base', 'media', 'transport', 'dave', 'voice-state'],
  'core/gateway': ['base', 'media', 'transport', 'dave', 'voice-state', 'channel'],
  'core/lvsp': ['base', 'voice-state'],
  'server/lane': [],
  'server/dtls': [],
  'server/root': ['lane', 'dtls'],
  'server/playground': [],
  'server/demo': ['root', 'app', 'playground'],
  'server/talk': ['root'],
}

const PURE = /\bDate\.now\b|\bMath\.random\b|\bset(Timeout|Interval|Immediate)\b|['"]node:|\bprocess\./
const IMPORT = /(?:^|\n)\s*(?:import|export)\b[^'"`;=]*?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g
const FIRST_LINE = /^(#!.*\n)?(\/\/|\/\*)/
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/

interface Source {
  path: string
  text: string
  /** Its package and its place below `src`; absent outside packages. */
  inside?: { pack: string; place: string }
}

const isOurs = (path: string) => !/(^|\/)(node_modules|dist|\.cache|\.git|coverage)\//.test(path)
const paths = ['packages', 'test', 'bench', 'examples', 'scripts', 'docs']
  .flatMap(top => readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' }).map(name => join(top, name)))
  .filter(isOurs)
  .sort()
const sources: Source[] = paths.filter(path => /\.(ts|tsx|mjs|js)$/.test(path)).map(read)
/** What ships: tests may import what they like. */
const product = sources.filter(source => source.inside !== undefined && !source.path.endsWith('.test.ts'))

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const [, pack, place] = /^packages\/([^/]+)\/src\/(.+)$/.exec(path) ?? []
  return pack === undefined || place === undefined ? { path, text } : { path, text, inside: { pack, place } }
}

function partOf(pack: string, place: string): string {
  const apart = APART[`${pack}/${place}`]
  if (apart !== undefined) return apart
  const folder = place.includes('/') ? place.slice(0, place.indexOf('/')) : 'root'
  return `${pack}/${folder}`
}

const importsOf = (text: string) => [...text.matchAll(IMPORT)].map(match => match[1] ?? match[2] ?? '')

function borderCrossings({ path, text, inside }: Source): string[] {
  const { pack, place } = inside!
  return importsOf(text).flatMap(wanted => {
    if (wanted.startsWith('@parley/')) return foreign(path, pack, wanted.split('/')[1]!)
    if (wanted.startsWith('.')) return near(path, pack, place, wanted)
    return []
  })
}

function foreign(path: string, pack: string, wanted: string): string[] {
  const allowed = PACKAGES[pack]
  if (allowed === undefined) return [`${path}: package ${pack} is not in the table of packages`]
  if (allowed.includes(wanted)) return []
  return [`${path}: ${pack} imports ${wanted}; ${pack} may import ${allowed.join(', ') || 'nothing of ours'}`]
}

function near(path: string, pack: string, place: string, wanted: string): string[] {
  const target = relative(join(ROOT, 'packages', pack, 'src'), resolve(ROOT, dirname(path), wanted))
  if (target.startsWith('..')) return [`${path}: imports ${wanted}, which is outside its package`]
  const from = partOf(pack, place)
  const to = partOf(pack, target)
  const allowed = PARTS[from]?.map(part => `${pack}/${part}`)
  if (from === to || allowed === undefined || allowed.includes(to)) return []
  return [`${path}: ${from} imports ${to}; ${from} may import ${allowed.join(', ') || 'nothing else of its package'}`]
}

const sentences = (found: string[]) => assert.equal(found.join('\n'), '')

test('a package and its parts import only what the table allows', () => {
  assert.ok(product.length > 0)
  sentences(product.flatMap(borderCrossings))
})

test('protocol and core touch no clock, timer, randomness, process or module of Node.js', () => {
  const pure = product.filter(({ inside }) => ['protocol', 'core'].includes(inside!.pack))
  sentences(
    pure.flatMap(({ path, text }) => {
      const found = PURE.exec(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''))
      return found === null ? [] : [`${path}: uses ${found[0]}; what core needs of its host is an argument`]
    }),
  )
})

test('file names are kebab-case', () => {
  const named = paths.filter(path => !/\.(md|txt)$/.test(path) && !path.endsWith('/README.md'))
  sentences(
    named.flatMap(path => {
      const name = path.slice(path.lastIndexOf('/') + 1)
      return KEBAB.test(name) || name === '__init__.py' ? [] : [`${path}: name it in kebab-case`]
    }),
  )
})

test('a file says what it is for and is not too long', () => {
  sentences(
    sources.flatMap(({ path, text }) => {
      const lines = text.split('\n').length - 1
      return [
        ...(lines > LONGEST_FILE ? [`${path}: ${lines} lines; past ${LONGEST_FILE}, find the second concept`] : []),
        ...(path.endsWith('.test.ts') || FIRST_LINE.test(text)
          ? []
          : [`${path}: the first line is a comment that says what it is for`]),
      ]
    }),
  )
})
