// Counts the words that the project's plain technical English avoids (CONTRIBUTING.md, "Words") in sources, tests and docs.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const THIS_FILE = fileURLToPath(import.meta.url)

/** Occurrences per 1,000 lines of the whole repository. */
const LIMIT = 0.5
const COUNTED = [
  'nobody',
  'somebody',
  'everybody',
  'whoever',
  'anew',
  'meanwhile',
  'whom',
  'any more',
  'of no use',
  'lest',
]
/** Idioms of other languages: none may occur. */
const REFUSED = [
  'of before',
  'behind --',
  'met a fault',
  'what is above',
  'is no address',
  'NATS is there',
  'NATS is away',
  'wrong at present',
]

/** Words of a phrase may stand on two lines, with the mark of a comment between them. */
const phrases = (list: readonly string[]) => list.map(words => words.replaceAll(' ', '[\\s/*#]+')).join('|')
const WORDS = new RegExp(`\\b(${phrases(COUNTED)})\\b`, 'gi')
/** Not before a parenthesis: `of before)` ends the head of a loop. */
const IDIOMS = new RegExp(`\\b(${phrases(REFUSED)})(?![\\w)])`, 'gi')

/** The only file with an exempt block, which holds rows of the table of words and nothing else. */
const WORD_LIST = 'CONTRIBUTING.md'
const EXEMPT_BLOCK = /<!-- begin words to avoid -->\n(?<rows>(?:\|[^|\n]+\|[^|\n]+\|\n)+)<!-- end words to avoid -->/
const MOST_ROWS = 60

const READ = /\.(ts|tsx|mjs|md|py|go)$/
const SKIPPED = new Set(['node_modules', 'dist', '.git', '.cache', 'coverage'])

interface Count {
  path: string
  found: number
  lines: number
  idioms: readonly string[]
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    if (SKIPPED.has(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesUnder(path)
    return READ.test(entry.name) && path !== THIS_FILE ? [path] : []
  })
}

function countIn(file: string): Count {
  const path = relative(ROOT, file)
  const text = readFileSync(file, 'utf8')
  const counted = path === WORD_LIST ? text.replace(EXEMPT_BLOCK, '') : text
  const matches = (pattern: RegExp) => counted.match(pattern) ?? []
  return { path, found: matches(WORDS).length, lines: text.split('\n').length - 1, idioms: matches(IDIOMS) }
}

const sum = (counts: readonly Count[], of: 'found' | 'lines') => counts.reduce((total, count) => total + count[of], 0)

test('sources, tests and docs are written in plain technical English', t => {
  const counts = filesUnder(ROOT).map(countIn)
  const lines = sum(counts, 'lines')
  assert.ok(lines > 10_000, `read ${lines} lines only`)
  const rate = (sum(counts, 'found') / lines) * 1_000
  const worst = counts
    .filter(({ found }) => found > 0)
    .sort((a, b) => b.found - a.found)
    .slice(0, 10)
    .map(({ path, found }) => `${String(found).padStart(4)}  ${path}`)
  const report = `${rate.toFixed(2)} avoided words per 1,000 lines, at most ${LIMIT}:\n${worst.join('\n')}`
  t.diagnostic(report)
  assert.ok(rate <= LIMIT, report)
})

test('no idiom of another language is in sources, tests and docs', () => {
  const found = filesUnder(ROOT)
    .map(countIn)
    .flatMap(({ path, idioms }) => idioms.map(idiom => `${path}: ${idiom}`))
  assert.equal(found.join('\n'), '')
})

test('the list of words to avoid names each counted word, and exempts nothing else', () => {
  const rows = EXEMPT_BLOCK.exec(readFileSync(join(ROOT, WORD_LIST), 'utf8'))?.groups?.rows
  assert.ok(rows !== undefined, `${WORD_LIST}: expected a table between the markers of "words to avoid"`)
  assert.ok(rows.split('\n').length <= MOST_ROWS, `${WORD_LIST}: the table of words has more than ${MOST_ROWS} rows`)
  for (const words of [...COUNTED, ...REFUSED])
    assert.match(rows, new RegExp(`\\b${words}(?!\\w)`), `${WORD_LIST}: the table lacks "${words}"`)
})
