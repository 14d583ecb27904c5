// Runs the tests: `node test/run.mjs all | fast | fuzz | FILE…`. Fast files share one process; the others run in one each.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const loader = ['--import', new URL('../packages/server/bin/source.mjs', import.meta.url).href]

const testsUnder = folder =>
  readdirSync(join(root, folder), { recursive: true })
    .map(name => join(root, folder, name))
    .filter(path => path.endsWith('.test.ts') && !path.includes('node_modules') && !path.includes('/dist/'))
    .sort()

const repository = () => ['architecture', 'docs-examples', 'language'].map(name => join(root, `test/${name}.test.ts`))
const fast = () => [...repository(), ...testsUnder('packages'), ...testsUnder('test/sim')]
const slow = () => [...testsUnder('test/contract'), ...testsUnder('test/e2e')]

const node = args => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1
/** Runs all files in one process, so that start-up is paid once. */
const together = files => node([...loader, '--test-reporter=spec', join(root, 'test/together.mjs'), ...files])
const apart = (files, concurrency) =>
  files.length === 0
    ? 0
    : node([...loader, '--test', '--test-reporter=spec', `--test-concurrency=${concurrency}`, ...files])

const [what = 'all', ...rest] = process.argv.slice(2)
const status =
  what === 'all'
    ? together(fast()) || apart(slow(), 1)
    : what === 'fast'
      ? together(fast())
      : what === 'fuzz'
        ? apart(testsUnder('test/fuzz'), 2)
        : apart([what, ...rest], 1)
process.exitCode = status
