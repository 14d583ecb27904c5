// Runs the fuzz targets: `npm run fuzz -- [--inputs N | --seconds N] [--coverage] [--jobs N] [FILE…]`. Prints the inputs of each
// target and, with --coverage, the share of lines that ran in each file that a target covers.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Lines, linesIn } from './fuzz/line-coverage.ts'
import { type Outcome, runTargets } from './fuzz/target-process.ts'

const TARGETS = fileURLToPath(new URL('../test/fuzz', import.meta.url))
/** A file in a package: the package and its path below `src`. */
const IN_PACKAGE = /\/packages\/([a-z]+)\/src\/(.+\.ts)$/

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string' },
    seconds: { type: 'string' },
    coverage: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
})

const files = readdirSync(TARGETS)
  .filter(name => name.endsWith('.test.ts'))
  .filter(name => positionals.length === 0 || positionals.some(positional => name.startsWith(positional)))
  .map(name => join(TARGETS, name))

const folder = values.coverage ? mkdtempSync(join(tmpdir(), 'parley-fuzz-')) : undefined
const environment = {
  ...(values.inputs !== undefined && { FUZZ_INPUTS: String(Number(values.inputs)) }),
  ...(values.seconds !== undefined && { FUZZ_SECONDS: values.seconds }),
  ...(folder !== undefined && { NODE_V8_COVERAGE: folder }),
}

try {
  const outcomes = await runAll(files, Number(values.jobs))
  if (folder !== undefined) printCoverage(outcomes, folder)
  const failed = outcomes.filter(({ hasPassed }) => !hasPassed)
  console.log(`\n${outcomes.length} files, ${failed.length} failed`)
  process.exitCode = failed.length === 0 && outcomes.length > 0 ? 0 : 1
} finally {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
}

async function runAll(waiting: readonly string[], jobs: number): Promise<Outcome[]> {
  const rest = [...waiting]
  const outcomes: Outcome[] = []
  const runNext = async () => {
    for (let file = rest.shift(); file !== undefined; file = rest.shift()) {
      const outcome = await runTargets(file, environment)
      outcomes.push(outcome)
      printOutcome(outcome)
    }
  }
  await Promise.all(Array.from({ length: jobs }, runNext))
  return outcomes
}

/** As soon as a file has finished: a run takes hours. */
function printOutcome({ file, hasPassed, reports, output }: Outcome): void {
  console.log(`${hasPassed ? '✔' : '✖'} ${basename(file)}`)
  for (const { fuzz, inputs, seconds, seed } of reports) {
    const rate = Math.round(inputs / seconds).toString()
    console.log(`  ${inputs.toString().padStart(9)} inputs  ${rate.padStart(7)}/s  ${fuzz}, seed ${seed}`)
  }
  if (!hasPassed) console.log(output)
}

function printCoverage(outcomes: readonly Outcome[], from: string): void {
  const covered = new Set(outcomes.flatMap(({ reports }) => reports.flatMap(({ covers }) => covers)))
  const lines = linesIn(from, url => {
    const [, pack, path] = IN_PACKAGE.exec(url) ?? []
    const name = `${pack}/${path}`
    return covered.has(name) ? name : undefined
  })
  console.log('\nLines that ran, and those that did not:')
  for (const name of [...covered].sort()) printFile(name, lines.get(name))
}

function printFile(name: string, lines: Lines = new Map()): void {
  const missed = [...lines].filter(([, ran]) => !ran).map(([line]) => line)
  const share = lines.size === 0 ? 0 : 1 - missed.length / lines.size
  console.log(
    `${(share * 100).toFixed(1).padStart(6)} %  ${name}${missed.length === 0 ? '' : `  not: ${missed.sort((a, b) => a - b).join(' ')}`}`,
  )
}
