// Runs the conformance cases of the libraries in test/e2e/drivers.ts and writes docs/matrix.md: `npm run matrix`. `npm run matrix -- NAME…` runs
// those whose name contains a word, and keeps the other columns of the page. With `--add` outcomes of earlier runs stay.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runClient } from '../packages/server/src/conformance/client/run-client.ts'
import type { CaseResult } from '../packages/server/src/conformance/result.ts'
import { DRIVERS, type LibraryDriver } from '../test/e2e/drivers.ts'
import { columnOf, type MatrixColumn, matrixPage, merged, readMatrix } from './docs/matrix.ts'

const PAGE = fileURLToPath(new URL('../docs/matrix.md', import.meta.url))
const PARALLEL = 4

const words = process.argv.slice(2).map(word => word.toLowerCase())
const isAdding = words.includes('--add')
const wanted = words.filter(word => word !== '--add')
const isWanted = (name: string) => wanted.length === 0 || wanted.some(word => name.toLowerCase().includes(word))
const known = new Map(readMatrix(readFileSync(PAGE, 'utf8')).columns.map(column => [column.name, column]))

async function columnFor({ name, tool: toolOf, server }: LibraryDriver): Promise<MatrixColumn[]> {
  const before = known.get(name)
  if (!isWanted(name)) return before === undefined ? [] : [before]
  const tool = toolOf()
  if ('missing' in tool) {
    console.log(`${name}: left out, ${tool.missing}`)
    return []
  }
  const finished = ({ number, outcome }: CaseResult) => console.log(`${name}  ${number}  ${outcome}`)
  const run = columnOf(name, await runClient({ command: tool.command, only: [], parallel: PARALLEL, server, finished }))
  return [merged(isAdding ? before : undefined, run)]
}

const columns: MatrixColumn[] = []
for (const driver of DRIVERS) columns.push(...(await columnFor(driver)))
writeFileSync(PAGE, matrixPage(columns))
console.log(`wrote ${PAGE}`)
