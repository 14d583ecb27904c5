// How a second `parley demo` finds the one that runs: a file that only this user can have written or read.
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'

const RunningDemo = z.object({
  pid: z.int().positive(),
  /** Of its control, on loopback. */
  url: z.string().regex(/^http:\/\/127\.0\.0\.1:\d{1,5}\/$/),
  /** What its control asks for. */
  secret: z.string().min(1).max(256),
})
export type RunningDemo = z.infer<typeof RunningDemo>

const LONGEST_FILE = 4_096

/** One file per user. */
const filePath = (folder: string) => join(folder, `parley-demo-${process.getuid?.() ?? 'user'}.json`)

/** The demo that this user runs; undefined if there is none, or if the file is not to be trusted. */
export function findRunningDemo(folder: string = tmpdir()): RunningDemo | undefined {
  const text = readOwn(filePath(folder))
  if (text === undefined) return undefined
  const demo = RunningDemo.safeParse(parsed(text))
  return demo.success && isAlive(demo.data.pid) ? demo.data : undefined
}

/**
 * Tells others of this user where the demo is, and returns what takes that back. A demo that runs already goes on being
 * the one that is found. Where the file cannot be written, nobody is told.
 */
export function announceDemo(demo: RunningDemo, folder: string = tmpdir()): () => void {
  if (findRunningDemo(folder) !== undefined) return () => {}
  const path = filePath(folder)
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  try {
    writeFileSync(draft, JSON.stringify(demo), { mode: 0o600, flag: 'wx' })
    // In one step, so that nobody reads half of it. Fails on a file of somebody else's where the folder is sticky.
    renameSync(draft, path)
  } catch {
    rmSync(draft, { force: true })
    return () => {}
  }
  return () => {
    if (findRunningDemo(folder)?.secret === demo.secret) rmSync(path, { force: true })
  }
}

/** The text of a file that nobody but this user can have written; undefined if there is no such file. */
function readOwn(path: string): string | undefined {
  let file: number
  try {
    // Never through a link: in a folder that all may write to, it may lead anywhere.
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch {
    return undefined
  }
  try {
    const { uid, mode, size } = fstatSync(file)
    const isOurs = process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0)
    const isFile = (mode & constants.S_IFMT) === constants.S_IFREG
    return isOurs && isFile && size <= LONGEST_FILE ? readFileSync(file, 'utf8') : undefined
  } finally {
    closeSync(file)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is there, but is not ours: so it is not the demo either, whose number it has inherited.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH' && process.getuid === undefined
  }
}
