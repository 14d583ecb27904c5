// Runs the tests: `node test/run.mjs all | fast | FILE…`. Fast files share two processes; the others run in one each.
// Every process has a deadline, so that no run can hang; TEST_SECONDS sets another one.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runFiles } from './test-process.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

const seconds = usual => Number(process.env.TEST_SECONDS ?? usual)
/** The fast ring takes 30 s on two idle cores, and several times that beside busy processes. */
const FAST_DEADLINE = seconds(900)
/** The longest file takes 2 minutes on an idle machine; on the first run it also downloads foreign libraries. */
const FILE_DEADLINE = seconds(900)

const testsUnder = folder =>
  readdirSync(join(root, folder), { recursive: true })
    .map(name => join(root, folder, name))
    .filter(path => path.endsWith('.test.ts') && !path.includes('node_modules') && !path.includes('/dist/'))
    .sort()

const repository = () =>
  ['architecture', 'docs-examples', 'docs-links', 'language', 'parsers', 'security'].map(name =>
    join(root, `test/${name}.test.ts`),
  )
const fast = () => [...repository(), ...testsUnder('packages'), ...testsUnder('test/sim')]
const slow = () => [...testsUnder('test/contract'), ...testsUnder('test/e2e')]

/** Runs every other file in a second process, beside the first: start-up is paid twice only, and two cores are used. */
async function together(files, deadline) {
  const first = runFiles(
    files.filter((_, index) => index % 2 === 0),
    { deadline },
  )
  const second = runFiles(
    files.filter((_, index) => index % 2 === 1),
    { deadline, after: first },
  )
  const passed = await Promise.all([first, second])
  return passed.every(Boolean)
}

/** One process per file. Prints which files failed; returns whether none did. */
async function apart(files, deadline) {
  const failed = []
  for (const file of files) if (!(await runFiles([file], { deadline }))) failed.push(file)
  console.log(`\n${files.length} files, ${failed.length} failed${failed.map(file => `\n✖ ${file}`).join('')}`)
  return failed.length === 0
}

const RINGS = {
  all: async () => (await together(fast(), FAST_DEADLINE)) && apart(slow(), FILE_DEADLINE),
  fast: () => together(fast(), FAST_DEADLINE),
}

const [what = 'all', ...rest] = process.argv.slice(2)
const passed = await (RINGS[what] ?? (() => apart([what, ...rest], FILE_DEADLINE)))()
process.exitCode = passed ? 0 : 1
