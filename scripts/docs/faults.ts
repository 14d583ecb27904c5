// The tables of the test server: faults and their events (docs/faults.md), expectations, routes, and the OpenAPI document.

import { EXPECTATIONS, type ExpectationRow } from '../../packages/server/src/dev/expect/expectations.ts'
import type { FaultParameter, FaultRow } from '../../packages/server/src/dev/faults/fault-row.ts'
import { FAULT_AREAS, FAULTS } from '../../packages/server/src/dev/faults/fault-table.ts'
import { FAULT_EVENTS } from '../../packages/server/src/dev/faults/triggers.ts'
import { CONTROL } from '../../packages/server/src/dev/http/control-table.ts'
import { openApiDocument } from '../../packages/server/src/dev/http/openapi.ts'
import { type Section, table, type Whole } from './page.ts'

const PAGE = 'docs/faults.md'
const GUIDE = 'docs/testing-your-bot.md'
/** Without a number: each. */
const ALL = 1_000_000

const usual = ({ usual, unit }: FaultParameter) => (usual === ALL ? 'default: each' : `default ${usual}${unit ?? ''}`)

function number(row: FaultRow): string {
  const { parameter } = row
  return parameter === undefined ? '' : `${parameter.meaning}, ${usual(parameter)}`
}

const area = ([title, rows]: [string, Readonly<Record<string, FaultRow>>]) =>
  `### Faults of ${title}\n\n${table(
    ['Fault', 'Number', 'Meaning'],
    Object.entries(rows).map(([name, row]) => [
      `\`${name}\``,
      number(row),
      row.kind === 'once' ? `once: ${row.meaning}` : row.meaning,
    ]),
  )}`

const events = () =>
  table(
    ['Event', 'Message'],
    Object.entries(FAULT_EVENTS).map(([name, event]) => {
      const [from, op] = event.split(' ')
      return [`\`${name}\``, `op ${op} of the ${from}`]
    }),
  )

const WHEN: Record<ExpectationRow['when'], string> = {
  soon: 'before the time is over',
  now: 'at once',
  throughout: 'until the time is over',
}

const expectations = () =>
  table(
    ['`expect(…)`', 'Holds when there is', '`count`', 'When'],
    Object.entries<ExpectationRow>(EXPECTATIONS).map(([name, { expected, count, when }]) => [
      `\`${name}\``,
      expected,
      count === undefined ? '' : `${count.of}, default ${count.usual}`,
      WHEN[when],
    ]),
  )

const routes = () =>
  table(
    ['Route', 'Meaning', 'Answer'],
    CONTROL.map(({ method, path, summary, answer = '' }) => [`\`${method} control${path}\``, summary, answer]),
  )

export const faultSections: Section[] = [
  {
    file: PAGE,
    marker: 'faults',
    render: () =>
      `There are ${Object.keys(FAULTS).length}. \`once\`: it happens once, at its time. The others begin at their time and last.\n\n${Object.entries(FAULT_AREAS).map(area).join('\n\n')}`,
  },
  { file: PAGE, marker: 'fault events', render: events },
  { file: GUIDE, marker: 'expectations', render: expectations },
  { file: GUIDE, marker: 'control routes', render: routes },
]

export const openApi: Whole[] = [
  {
    file: 'docs/schema/control.openapi.json',
    render: () => `${JSON.stringify(openApiDocument(), undefined, 2)}\n`,
  },
]
