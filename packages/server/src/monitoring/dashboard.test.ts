// The Grafana dashboard and the alert rules of the repository: their queries use metrics and labels that exist.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { FRONT_METRICS } from '../cluster/front/front-metrics.ts'
import { METRICS } from './metrics.ts'

const read = (path: string) => readFileSync(new URL(`../../../../deploy/${path}`, import.meta.url), 'utf8')

/** Labels that Prometheus adds. */
const OF_PROMETHEUS = ['instance', 'job']
const NAMES = new Map<string, readonly string[]>(
  [...METRICS, ...FRONT_METRICS].flatMap(({ name, kind, labels }): [string, readonly string[]][] => {
    const known = [...labels, ...OF_PROMETHEUS]
    if (kind !== 'histogram') return [[name, known]]
    return [
      [`${name}_bucket`, [...known, 'le']],
      [`${name}_count`, known],
    ]
  }),
)

function queriesOfDashboard(): string[] {
  const { panels } = JSON.parse(read('grafana/parley.json')) as { panels: { targets?: { expr: string }[] }[] }
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
}

/** Each `expr`, on one line or folded (`>-`). */
const queriesOfRules = (): string[] =>
  [...read('prometheus/parley.rules.yml').matchAll(/^ {8}expr: (?:>-\n((?: {10}.+\n)+)|(.+)\n)/gm)].map(match =>
    (match[1] ?? match[2] ?? '').trim(),
  )

/** Names and labels of a query that no metric has. */
function unknownIn(query: string): string[] {
  const unknown: string[] = []
  for (const [, name = '', selector = ''] of query.matchAll(/\b((?:parley|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)) {
    const labels = NAMES.get(name)
    if (labels === undefined) unknown.push(name)
    for (const [, label = ''] of selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (labels !== undefined && !labels.includes(label)) unknown.push(`${name}{${label}}`)
  }
  const all = new Set([...NAMES.values()].flat())
  for (const [, list = ''] of query.matchAll(/\bby \(([^)]*)\)/g))
    for (const label of list.split(',').map(each => each.trim())) if (!all.has(label)) unknown.push(`by ${label}`)
  return unknown
}

test('each query of the dashboard and of the alert rules uses metrics and labels of the table', () => {
  const queries = [...queriesOfDashboard(), ...queriesOfRules()]
  assert.ok(queriesOfDashboard().length >= 20)
  assert.deepEqual(queries.flatMap(unknownIn), [])
  for (const query of queries) {
    const balance = [...query].reduce(
      (depth, letter) => depth + ('({['.includes(letter) ? 1 : ')}]'.includes(letter) ? -1 : 0),
      0,
    )
    assert.equal(balance, 0, query)
  }
})

test('each alert has a query, a severity, and says what to do', () => {
  const rules = read('prometheus/parley.rules.yml').split('- alert: ').slice(1)
  assert.equal(rules.length, queriesOfRules().length)
  for (const rule of rules) {
    assert.match(rule, /severity: (warning|critical)/)
    assert.match(rule, /summary: '.+'/)
    assert.match(rule, /description: '.+'/)
  }
})

test('the check of queries finds a name and a label that do not exist', () => {
  assert.deepEqual(unknownIn('rate(parley_nothing_total[5m])'), ['parley_nothing_total'])
  assert.deepEqual(unknownIn('sum by (nothing) (parley_health{cause="x"})'), ['parley_health{cause}', 'by nothing'])
})
