// docs/matrix.md: what released libraries do in the cases of `parley conformance client`. Written and read here, so that the test of the
// page compares the same cells.
import { CLIENT_CASES } from '../../packages/server/src/conformance/client/cases.ts'
import { type CaseResult, verdictOf } from '../../packages/server/src/conformance/result.ts'
import { table } from './page.ts'

/** A library with its version, and its cell for each case, by the case's number. */
export interface MatrixColumn {
  name: string
  cells: ReadonlyMap<string, string>
}

const MARKS = { pass: '', fail: '**', observed: '', skipped: '' } as const
/** Columns before those of libraries. */
const HEAD = ['Case', 'Faults', 'Expected']

const OR = ' or '

/** The outcome; bold where it is not the expected one, or the process ended. */
export function cellOf(result: CaseResult): string {
  const mark = MARKS[verdictOf(result)]
  return `${mark}${result.outcome}${mark}`
}

export const columnOf = (name: string, results: readonly CaseResult[]): MatrixColumn => ({
  name,
  cells: new Map(results.map(result => [result.number, cellOf(result)])),
})

/** The outcomes of several runs: a cell has those that occurred. */
export function merged(before: MatrixColumn | undefined, run: MatrixColumn): MatrixColumn {
  const cells = new Map(before?.cells)
  for (const [number, cell] of run.cells) {
    const known = (cells.get(number) ?? '').split(OR).filter(text => text !== '')
    cells.set(number, [...new Set([...known, cell])].join(OR))
  }
  return { name: run.name, cells }
}

/** Whether the page has this outcome. A library that resumes may identify again if the machine is slow: both bring the audio back. */
export function fits(cell: string | undefined, result: CaseResult): boolean {
  const same = (text: string) => text.replace('recovers', 'stays')
  return (cell ?? '')
    .split(OR)
    .map(same)
    .includes(same(cellOf(result)))
}

const code = (text: string) => (text === '' ? '' : `\`${text}\``)

/** Number, faults and expectation of each case, as the page has them. */
export const matrixCases = (): string[][] =>
  CLIENT_CASES.map(({ number, words, expected }) => [code(number), code(words), expected === 'any' ? '' : expected])

export function matrixPage(columns: readonly MatrixColumn[]): string {
  const rows = CLIENT_CASES.map(({ number }, index) => [
    ...matrixCases()[index]!,
    ...columns.map(({ cells }) => cells.get(number) ?? ''),
  ])
  return `# Matrix of libraries

What released libraries do in the cases of \`parley conformance client\`. Written by \`npm run matrix\`; \`test/e2e/conformance.test.ts\` runs some of
the cases and fails where the page differs. [conformance.md](conformance.md) says what the cases and outcomes mean, [faults.md](faults.md)
what each fault does. Versions are those of the head of the table.

\`stays\`: audio arrives in the same voice session. \`recovers\`: audio arrives in a new one. \`is silent\`: connected, without audio. \`stops\`: not
connected. Bold: not what the column "Expected" says, or the process ended. An empty expectation: several behaviours are reasonable. Where
runs differed the cell has each outcome: what these libraries do depends on the moment, and on how busy the machine is.
Audio is expected within about 20 seconds, on a machine with other work: a library that waits longer before it reconnects counts as one
that does not. [found.md](found.md) has what was looked into.

${table([...HEAD, ...columns.map(({ name }) => name)], rows)}
`
}

const cellsOf = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map(cell => cell.trim())

/** The columns of a page, and its first cells of each row. */
export function readMatrix(page: string): { cases: string[][]; columns: MatrixColumn[] } {
  const [head = '', , ...lines] = page.split('\n').filter(line => line.startsWith('|'))
  const rows = lines.map(cellsOf)
  const columns = cellsOf(head)
    .slice(HEAD.length)
    .map((name, index) => {
      const cells = rows.map(row => [row[0]!.replaceAll('`', ''), row[HEAD.length + index] ?? ''] as const)
      return { name, cells: new Map(cells) }
    })
  return { cases: rows.map(row => row.slice(0, HEAD.length)), columns }
}
