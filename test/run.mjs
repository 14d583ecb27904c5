// Runs the tests: `node test/run.mjs all | fast | slow | FILE…`. Fast files share two processes; the others run in one each, two at a
// time where a core is free (chains.json).
// Every process has a deadline, so that no run can hang; TEST_SECONDS sets another one.
import { readdirSync, readFileSync } from 'node:fs'
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
  return reported(files, await failuresOf(files, { deadline }))
}

/**
 * The files of chains.json leave a core free most of the time: those of one chain run beside those of the other, and print when they have
 * ended. `foreign` are those that need programs of other languages or foreign servers, which the first of them builds. All other files run
 * alone after them: browsers that encode video, and what measures or fills a machine.
 */
async function inChains(files, deadline) {
  const names = JSON.parse(readFileSync(join(root, 'test/chains.json'), 'utf8'))
  const chains = Object.values(names).map(chain => chain.map(name => join(root, 'test', name)))
  const chained = chains.flat()
  const others = files.filter(file => !chained.includes(file))
  const failed = await Promise.all(chains.map(chain => failuresOf(chain, { deadline, after: Promise.resolve() })))
  return reported(files, [...failed.flat(), ...(await failuresOf(others, { deadline }))])
}

async function failuresOf(files, options) {
  const failed = []
  for (const file of files) if (!(await runFiles([file], options))) failed.push(file)
  return failed
}

function reported(files, failed) {
  console.log(`\n${files.length} files, ${failed.length} failed${failed.map(file => `\n✖ ${file}`).join('')}`)
  return failed.length === 0
}

const RINGS = {
  all: async () => (await together(fast(), FAST_DEADLINE)) && inChains(slow(), FILE_DEADLINE),
  slow: () => inChains(slow(), FILE_DEADLINE),
  fast: () => together(fast(), FAST_DEADLINE),
}

const [what = 'all', ...rest] = process.argv.slice(2)
const passed = await (RINGS[what] ?? (() => apart([what, ...rest], FILE_DEADLINE)))()
process.exitCode = passed ? 0 : 1
