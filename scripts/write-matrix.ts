// Runs the conformance cases of the libraries in test/e2e/drivers.ts and writes docs/matrix.md: `npm run matrix`.
// `npm run matrix -- FOLDER` keeps each report there as JSON, and reads those that it already has; `FOLDER --read` runs nothing.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CLIENT_CASES } from '../packages/server/src/conformance/client/cases.ts'
import { runClient } from '../packages/server/src/conformance/client/run-client.ts'
import { type CaseResult, verdictOf } from '../packages/server/src/conformance/result.ts'
import { DRIVERS, type LibraryDriver } from '../test/e2e/drivers.ts'
import { table } from './docs/page.ts'

const PAGE = fileURLToPath(new URL('../docs/matrix.md', import.meta.url))
const PARALLEL = 4
const MARKS = { pass: '', fail: '**', observed: '', skipped: '' } as const

const [, , folder, mode] = process.argv
if (folder !== undefined) mkdirSync(folder, { recursive: true })

async function resultsOf({ name, tool }: LibraryDriver): Promise<CaseResult[] | undefined> {
  const file =
    folder === undefined ? undefined : join(folder, `${name.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}.json`)
  if (file !== undefined && existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).cases
  if (mode === '--read' || 'missing' in tool) {
    console.log(`${name}: left out`)
    return undefined
  }
  const finished = ({ number, outcome }: CaseResult) => console.log(`${name}  ${number}  ${outcome}`)
  const cases = await runClient({ command: tool.command, only: [], parallel: PARALLEL, finished })
  if (file !== undefined) writeFileSync(file, JSON.stringify({ subject: name, cases }))
  return cases
}

function cell(result: CaseResult | undefined): string {
  if (result === undefined) return ''
  const mark = MARKS[verdictOf(result)]
  return `${mark}${result.outcome}${mark}`
}

const columns: { name: string; cases: CaseResult[] }[] = []
for (const driver of DRIVERS) {
  const cases = await resultsOf(driver)
  if (cases !== undefined) columns.push({ name: driver.name, cases })
}
const rows = CLIENT_CASES.map(({ number, words, expected }) => [
  `\`${number}\``,
  words === '' ? '' : `\`${words}\``,
  expected === 'any' ? '' : expected,
  ...columns.map(({ cases }) => cell(cases.find(result => result.number === number))),
])

writeFileSync(
  PAGE,
  `# Matrix of libraries

What released libraries do in the cases of \`parley conformance client\`. Written by \`npm run matrix\`; [conformance.md](conformance.md) says what the
cases and outcomes mean, [faults.md](faults.md) what each fault does. Versions are those of the head of the table.

\`stays\`: audio arrives in the same voice session. \`recovers\`: audio arrives in a new one. \`is silent\`: connected, without audio. \`stops\`: not
connected. Bold: not what the column "Expected" says, or the process ended. An empty expectation: several behaviours are reasonable.
Audio is expected within about 20 seconds, on a machine with other work: a library that waits longer before it reconnects counts as one
that does not. [found.md](found.md) has what was looked into.

${table(['Case', 'Faults', 'Expected', ...columns.map(({ name }) => name)], rows)}
`,
)
console.log(`wrote ${PAGE}`)
