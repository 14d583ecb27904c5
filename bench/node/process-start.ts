// CPU time until `parley` is ready: as installed (bundled), as built without the bundle, and from the source; and of a test server in a
// process that runs already. CPU time and not duration, so that other processes of the machine matter little.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { median } from '../statistics.ts'
import { endWithUs } from './child.ts'
import { threadSeconds } from './thread-seconds.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SERVER = `${ROOT}packages/server`
const BUNDLE = `${SERVER}/dist/bundle/parley.js`
const MODULES = `${SERVER}/dist/cli/main.js`
const SOURCE = `${SERVER}/bin/parley.mjs`
const DEV = ['dev', '--json']
const SETTINGS = [
  'http.listen=127.0.0.1:0',
  'media.listen=127.0.0.1',
  'media.port=0',
  'media.lanes=1',
  'log.format=json',
]
const SERVE = ['serve', ...SETTINGS.flatMap(setting => ['--set', setting])]
const ENVIRONMENT = { PARLEY_BACKEND_0_ID: 'bench', PARLEY_BACKEND_0_SECRET: 'a secret of the benchmark, 32 bytes' }

/** Command lines by what they measure; each prints a line when it is ready. */
const PROCESSES: Readonly<Record<string, readonly string[]>> = {
  'node alone': ['-e', 'console.log(1); setInterval(() => {}, 1e6)'],
  'parley dev, as installed': [BUNDLE, ...DEV],
  'parley dev, not bundled': [MODULES, ...DEV],
  'parley dev, from the source': [SOURCE, ...DEV],
  'parley serve with one lane, as installed': [BUNDLE, ...SERVE],
  'parley serve with one lane, not bundled': [MODULES, ...SERVE],
}

/** Prints the CPU time of the first and of the third test server of a process, in milliseconds. */
const IN_PROCESS = `
import { createTestServer } from ${JSON.stringify(`${SERVER}/dist/index.js`)}
const times = []
for (let server = 0; server < 3; server++) {
  const before = process.cpuUsage()
  await createTestServer()
  const { user, system } = process.cpuUsage(before)
  times.push((user + system) / 1_000)
}
console.log(JSON.stringify(times))
process.exit()
`

export interface StartFigure {
  what: string
  /** CPU time in milliseconds, median of the rounds. */
  cpu: number
}

/** Interleaved, so that background load affects all variants equally. Linux only. */
export async function benchStart(rounds: number): Promise<StartFigure[]> {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'packages/server'], { cwd: ROOT })
  execFileSync(process.execPath, ['bundle.mjs'], { cwd: SERVER })
  const times = new Map<string, number[]>()
  const add = (what: string, time: number) => times.set(what, [...(times.get(what) ?? []), time])
  for (let round = 0; round < rounds; round++) {
    for (const [what, args] of Object.entries(PROCESSES)) add(what, await cpuUntilReady(args))
    const [first = Number.NaN, , third = Number.NaN] = inProcess()
    add('createTestServer, the first of a process', first)
    add('createTestServer, the third of a process', third)
  }
  return [...times].map(([what, each]) => ({ what, cpu: median(each) }))
}

/** Milliseconds, from the kernel's account when the first line arrives. */
async function cpuUntilReady(args: readonly string[]): Promise<number> {
  const env = { ...process.env, ...ENVIRONMENT }
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] })
  endWithUs(child)
  const exited = once(child, 'exit')
  await once(createInterface({ input: child.stdout }), 'line')
  const time = 1_000 * threadSeconds(child.pid!)
  child.kill('SIGTERM')
  await exited
  return time
}

const inProcess = (): number[] =>
  JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', IN_PROCESS], { encoding: 'utf8' }))

export function printStart(figures: readonly StartFigure[]): void {
  console.table(figures.map(({ what, cpu }) => ({ what, 'CPU until ready, ms': Math.round(cpu) })))
}
