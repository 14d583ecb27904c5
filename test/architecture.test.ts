// Checks the architecture: allowed imports, what the pure packages may not use, and file names and sizes.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LONGEST_FILE = 400
const MOST_FILES = 12

/** The Parley packages that each package may import. */
const PACKAGES: Record<string, string[]> = {
  protocol: [],
  core: ['protocol'],
  client: ['protocol'],
  playground: ['protocol', 'client'],
  spacebar: ['client'],
  server: ['protocol', 'core', 'client', 'spacebar'],
}

/** Subfolders of these are parts; elsewhere a part is a folder of `src`. */
const DIVIDED = new Set(['core/media', 'server/lane', 'server/dev'])

/** Files that belong to another part than that of their folder. */
const APART: Record<string, string> = {
  'core/voice-node.ts': 'core/node',
  'core/index.ts': 'core/node',
  'core/channel/channel-ref.ts': 'core/channel-ref',
  'core/media/lane-stats.ts': 'core/media-base',
  'server/limits.ts': 'server/limits',
  'server/stall.ts': 'server/stall',
  'server/app.ts': 'server/app',
  'server/app-options.ts': 'server/app',
  'server/measurements.ts': 'server/app',
  'server/ports.ts': 'server/app',
  'server/node-options.ts': 'server/app',
  'server/index.ts': 'server/app',
}

const MEDIA_LEAVES = [
  'bitrate',
  'address',
  'receive',
  'layers',
  'numbers',
  'streams',
  'forward',
  'loss',
  'bandwidth',
  'rtcp',
  'webrtc',
  'viewers',
]

/** The parts of the same package that each part may import, besides itself. An unlisted part may import all. */
const PARTS: Record<string, string[]> = {
  'core/root': ['lane'],
  'core/lane': [],
  'core/channel-ref': [],
  'core/media-base': ['lane'],
  'core/media/receive': ['root'],
  'core/media/bitrate': ['root', 'lane'],
  'core/media/address': ['root', 'lane', 'media-base', 'media/receive', 'media/bitrate'],
  'core/media/layers': ['root', 'lane'],
  'core/media/numbers': ['root', 'media/receive', 'media/layers'],
  'core/media/streams': ['root', 'lane', 'media/address', 'media/receive', 'media/layers', 'media/numbers'],
  'core/media/forward': ['root', 'lane', 'media-base', 'media/address', 'media/numbers', 'media/streams'],
  'core/media/bandwidth': ['root'],
  'core/media/viewers': [
    'root',
    'lane',
    'media-base',
    'media/address',
    'media/layers',
    'media/streams',
    'media/bandwidth',
    'media/loss',
  ],
  'core/media/rtcp': ['root', 'lane', 'media/address', 'media/streams'],
  'core/media/loss': ['root', 'lane', 'media/address', 'media/receive', 'media/streams', 'media/forward', 'media/rtcp'],
  'core/media/webrtc': [
    'root',
    'lane',
    'media-base',
    'media/address',
    'media/streams',
    'media/bandwidth',
    'media/rtcp',
  ],
  'core/media': ['root', 'lane', 'media-base', ...MEDIA_LEAVES.map(leaf => `media/${leaf}`)],
  'core/transport': ['root', 'lane'],
  'core/dave': ['root'],
  'core/channel': ['root', 'lane', 'transport', 'dave', 'channel-ref'],
  'core/gateway': ['root', 'lane', 'transport', 'dave', 'channel-ref', 'channel'],
  'core/lvsp': ['root', 'channel-ref'],
  'core/cluster': ['root', 'channel-ref', 'lvsp'],
  'core/backend': ['root', 'channel-ref', 'channel', 'lvsp'],
  'spacebar/core': ['root'],
  'spacebar/bus': ['root', 'core'],
  'spacebar/database': ['root', 'core'],
  'server/limits': [],
  'server/stall': ['limits'],
  'server/lane': ['limits'],
  'server/lane/crypto': ['limits', 'lane/engine'],
  'server/lane/table': [],
  'server/lane/engine': ['limits', 'lane/crypto', 'lane/table', 'lane/thread'],
  'server/lane/thread': ['limits', 'stall', 'lane/crypto', 'lane/engine'],
  'server/dtls': ['limits'],
  'server/cluster': ['limits', 'root', 'acme', 'admin', 'app', 'config', 'monitoring', 'net', 'relay'],
  'server/relay': ['limits', 'monitoring', 'net'],
  'server/monitoring': ['limits'],
  'server/admin': ['limits', 'root', 'net', 'config', 'monitoring', 'playground'],
  'server/doctor': ['limits', 'root', 'admin', 'config', 'net', 'lane/engine'],
  'server/ice-tcp': ['limits', 'lane/crypto'],
  'server/net': ['limits', 'root', 'config', 'monitoring', 'x509', 'ice-tcp'],
  'server/x509': [],
  'server/acme': ['limits', 'root', 'config', 'net', 'x509'],
  'server/config': ['limits', 'net'],
  'server/setup': ['limits', 'root', 'config', 'doctor', 'net'],
  'server/stun': ['limits'],
  'server/systemd': ['limits'],
  'server/playground': ['limits', 'net'],
  'server/demo': ['limits', 'root', 'app', 'net', 'config', 'monitoring', 'playground', 'talk', 'demo/guests'],
  'server/demo/guests': ['limits', 'root', 'demo', 'playground'],
  'server/dev': [
    'limits',
    'root',
    'app',
    'net',
    'config',
    'monitoring',
    'dev/faults',
    'dev/front',
    'dev/gateway',
    'dev/http',
    'dev/trace',
    'dev/expect',
  ],
  'server/conformance': ['limits', 'net', 'lane/crypto', 'dev', 'dev/faults', 'dev/trace'],
  'server/dev/faults': ['limits', 'config'],
  'server/dev/trace': ['limits', 'dev/faults'],
  'server/dev/messages': ['limits', 'dev/faults'],
  'server/dev/media': ['limits', 'dev/faults', 'dev/messages', 'dev/trace'],
  'server/dev/front': ['limits', 'net', 'dev/faults', 'dev/media', 'dev/messages', 'dev/trace'],
  'server/dev/gateway': ['limits', 'dev', 'dev/faults', 'dev/trace'],
  'server/dev/expect': ['limits', 'dev/trace'],
  'server/dev/http': [
    'limits',
    'root',
    'monitoring',
    'net',
    'dev',
    'dev/expect',
    'dev/faults',
    'dev/gateway',
    'dev/trace',
  ],
  'server/talk': ['limits', 'root', 'config'],
}

const PURE = /\bDate\.now\b|\bMath\.random\b|\bset(Timeout|Interval|Immediate)\b|['"]node:|\bprocess\./
const IMPORT = /(?:^|\n)\s*(?:import|export)\b[^'"`;=]*?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g
const FIRST_LINE = /^(#!.*\n)?(\/\/|\/\*)/
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/

interface Source {
  path: string
  text: string
  /** The package and the path below `src`; absent outside packages. */
  inside?: { pack: string; place: string }
}

const isOurs = (path: string) => !/(^|\/)(node_modules|dist|\.cache|\.git|coverage)(\/|$)/.test(path)
const paths = ['packages', 'test', 'bench', 'examples', 'scripts', 'docs']
  .flatMap(top => readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' }).map(name => join(top, name)))
  .filter(isOurs)
  .sort()
const sources: Source[] = paths.filter(path => /\.(ts|tsx|mjs|js)$/.test(path)).map(read)
const isForTests = (path: string) => path.endsWith('.test.ts') || path.includes('/src/testing/')
/** Shipped files; tests may import anything. */
const product = sources.filter(source => source.inside !== undefined && !isForTests(source.path))

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const [, pack, place] = /^packages\/([^/]+)\/src\/(.+)$/.exec(path) ?? []
  return pack === undefined || place === undefined ? { path, text } : { path, text, inside: { pack, place } }
}

function partOf(pack: string, place: string): string {
  const apart = APART[`${pack}/${place}`]
  if (apart !== undefined) return apart
  const folders = place.split('/').slice(0, -1)
  const [folder = 'root', inner] = folders
  if (inner !== undefined && DIVIDED.has(`${pack}/${folder}`)) return `${pack}/${folder}/${inner}`
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
  return [`${path}: ${pack} imports ${wanted}; ${pack} may import ${allowed.join(', ') || 'no Parley package'}`]
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

test('packages and parts import only what the tables allow', () => {
  assert.ok(product.length > 0)
  sentences(product.flatMap(borderCrossings))
})

test('protocol and core use no clock, timer, randomness, process or Node.js module', () => {
  const pure = product.filter(({ inside }) => ['protocol', 'core'].includes(inside!.pack))
  sentences(
    pure.flatMap(({ path, text }) => {
      const found = PURE.exec(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''))
      return found === null ? [] : [`${path}: uses ${found[0]}; core receives what it needs from its host as arguments`]
    }),
  )
})

/** Names that Python and cargo prescribe. */
const PRESCRIBED = /^(__init__\.py|Cargo\.(toml|lock))$/

test('file names are kebab-case', () => {
  const named = paths.filter(path => !/\.(md|txt)$|\/LICENSE$/.test(path))
  sentences(
    named.flatMap(path => {
      const name = path.slice(path.lastIndexOf('/') + 1)
      return KEBAB.test(name) || PRESCRIBED.test(name) ? [] : [`${path}: name it in kebab-case`]
    }),
  )
})

test('every file starts with a comment on its purpose and is not too long', () => {
  sentences(
    sources.flatMap(({ path, text }) => {
      const lines = text.split('\n').length - 1
      return [
        ...(lines > LONGEST_FILE ? [`${path}: ${lines} lines; past ${LONGEST_FILE}, split it by concept`] : []),
        ...(path.endsWith('.test.ts') || FIRST_LINE.test(text)
          ? []
          : [`${path}: the first line must be a comment on its purpose`]),
      ]
    }),
  )
})

/** File → the files of the same package that it imports, types included. */
function importGraph(): Map<string, string[]> {
  const known = new Set(product.map(({ path }) => path))
  return new Map(
    product.map(({ path, text }) => {
      const targets = importsOf(text)
        .filter(wanted => wanted.startsWith('.'))
        .map(wanted => relative(ROOT, resolve(ROOT, dirname(path), wanted)))
      return [path, targets.filter(target => known.has(target))]
    }),
  )
}

/** One circle per strongly connected group is enough: each is found from the first file that leads back to itself. */
function circlesOf(graph: Map<string, string[]>): string[][] {
  const done = new Set<string>()
  const circles: string[][] = []
  const visit = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) circles.push([...trail.slice(start), path])
    if (start >= 0 || done.has(path)) return
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return circles
}

test('no files import each other in a circle', () => {
  sentences(circlesOf(importGraph()).map(circle => `${circle.join(' → ')}: a circle; move what both need below them`))
})

test('a folder holds few enough files to be read at a glance', () => {
  const counts = new Map<string, number>()
  for (const { path } of product) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  sentences(
    [...counts].flatMap(([folder, count]) =>
      count > MOST_FILES ? [`${folder}: ${count} source files; past ${MOST_FILES}, divide it by concern`] : [],
    ),
  )
})

test('control reaches media through lane/ only', () => {
  sentences(
    product.flatMap(({ path, text, inside }) => {
      const { pack, place } = inside!
      if (pack !== 'core' || place.startsWith('media/') || place === 'index.ts') return []
      return importsOf(text).some(wanted => /(^|\/)media\//.test(wanted)) ? [`${path}: imports media/; use lane/`] : []
    }),
  )
})

test('the chains of slow tests name each file once', () => {
  const chains: Record<string, string[]> = JSON.parse(readFileSync(join(ROOT, 'test/chains.json'), 'utf8'))
  const names = Object.values(chains).flat()
  const repeated = names.filter((name, index) => names.indexOf(name) !== index)
  const missing = names.filter(name => !existsSync(join(ROOT, 'test', name)))
  assert.deepEqual({ repeated, missing }, { repeated: [], missing: [] })
})
