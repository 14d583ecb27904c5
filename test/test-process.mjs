// One process that runs test files. At its deadline, and when it exits, all processes that it started are ended too.
import { spawn } from 'node:child_process'
import { relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const url = name => new URL(name, import.meta.url).href
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ARGUMENTS = [
  '--import',
  url('../packages/server/bin/source.mjs'),
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  `--test-reporter=${url('progress.mjs')}`,
  '--test-reporter-destination=stderr',
  fileURLToPath(new URL('together.mjs', import.meta.url)),
]
/** Milliseconds from SIGTERM, on which browsers remove their profiles, to SIGKILL, and from the exit to the end of the output. */
const GRACE = 2_000
const HAS_GROUPS = process.platform !== 'win32'

const running = new Set()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    for (const each of running) each.signal('SIGKILL')
    process.kill(process.pid, signal)
  })

/**
 * Runs the files; `deadline` is in seconds. Resolves with whether all tests passed and the process exited in time. The output
 * appears at once, or, where `after` is given, when that promise has settled.
 */
export function runFiles(files, { deadline, after }) {
  const each = new TestProcess(files, after)
  running.add(each)
  return each.exit(deadline * 1_000).finally(() => running.delete(each))
}

class TestProcess {
  #child
  #name
  /** Name and file of each test of the top level. */
  #registered = []
  /** What runs now: a test, or the file that is being loaded. */
  #running = 'start-up'
  #overdue
  /** The output that waits for that of another process, and when that one ends; undefined where output appears at once. */
  #held
  #after

  constructor(files, after) {
    this.#name = files.length === 1 ? relative(ROOT, files[0]) : `${files.length} files`
    this.#held = after && []
    this.#after = after
    const output = after ? 'pipe' : 'inherit'
    const options = { cwd: ROOT, stdio: ['ignore', output, output, 'pipe'], detached: HAS_GROUPS }
    this.#print(`\n== ${this.#name}`)
    this.#child = spawn(process.execPath, [...ARGUMENTS, ...files], options)
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', chunk => this.#held.push(chunk))
    createInterface({ input: this.#child.stdio[3] }).on('line', line => this.#take(JSON.parse(line)))
  }

  async exit(deadline) {
    const timer = setTimeout(() => this.#expire(`ran for ${deadline / 1_000} s, last in ${this.#position()}`), deadline)
    const closed = this.#once('close')
    const status = await this.#once('exit')
    clearTimeout(timer)
    this.signal('SIGKILL')
    // A process that left the group may hold the pipes open for as long as it runs.
    const leaving = setTimeout(() => this.#leave(), GRACE)
    await closed
    clearTimeout(leaving)
    if (this.#overdue !== undefined) this.#print(`✖ ${this.#name}: ${this.#overdue}`)
    await this.#after
    for (const chunk of this.#held ?? []) process.stdout.write(chunk)
    return status === 0 && this.#overdue === undefined
  }

  #print(line) {
    if (this.#held) this.#held.push(`${line}\n`)
    else console.log(line)
  }

  /** Signals the whole process group, which outlives the process that leads it. */
  signal(name) {
    try {
      process.kill(HAS_GROUPS ? -this.#child.pid : this.#child.pid, name)
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }

  #take({ registered, file, running, open }) {
    if (registered !== undefined) this.#registered.push([registered, relative(ROOT, file)])
    if (running !== undefined) this.#running = running
    if (open !== undefined) this.#expire(`did not exit after its last test; open: ${open}`)
  }

  /** The running test, and of several files the one it is from. The name of a nested test begins with that of its parent. */
  #position() {
    const running = this.#running
    const isFrom = ([name]) => running === name || running.startsWith(`${name} > `)
    const files = new Set(this.#registered.filter(isFrom).map(([, file]) => file))
    files.delete(this.#name)
    return [...files, `"${running}"`].join(', ')
  }

  #expire(reason) {
    if (this.#overdue !== undefined || this.#child.exitCode !== null) return
    this.#overdue = reason
    this.signal('SIGTERM')
    setTimeout(() => this.signal('SIGKILL'), GRACE).unref()
  }

  /** Closes the pipes. */
  #leave() {
    for (const stream of this.#child.stdio) stream?.destroy()
  }

  /** Resolves with the exit code, or with the name of the signal. */
  #once(event) {
    return new Promise(resolve => this.#child.once(event, (code, signal) => resolve(code ?? signal)))
  }
}
