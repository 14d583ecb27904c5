// docs/faults.md: the tables of faults and of their events, from the test server's table.
import type { FaultParameter, FaultRow } from '../../packages/server/src/dev/faults/fault-row.ts'
import { FAULT_AREAS, FAULTS } from '../../packages/server/src/dev/faults/fault-table.ts'
import { FAULT_EVENTS } from '../../packages/server/src/dev/faults/triggers.ts'
import { type Section, table } from './page.ts'

const PAGE = 'docs/faults.md'
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

export const faultSections: Section[] = [
  {
    file: PAGE,
    marker: 'faults',
    render: () =>
      `There are ${Object.keys(FAULTS).length}. \`once\`: it happens once, at its time. The others begin at their time and last.\n\n${Object.entries(FAULT_AREAS).map(area).join('\n\n')}`,
  },
  { file: PAGE, marker: 'fault events', render: events },
]
