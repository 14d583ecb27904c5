// How a second `parley demo` finds the running one: a file that only this user can read and write.
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'

const RunningDemo = z.object({
  pid: z.int().positive(),
  /** URL of its control port, on loopback. */
  url: z.string().regex(/^http:\/\/127\.0\.0\.1:\d{1,5}\/$/),
  /** Secret of the control port. */
  secret: z.string().min(1).max(256),
})
export type RunningDemo = z.infer<typeof RunningDemo>

/** One file per user. */
const filePath = (folder: string) => join(folder, `parley-demo-${process.getuid?.() ?? 'user'}.json`)

/** The running demo of this user; undefined if there is none, or if the file cannot be trusted. */
export function findRunningDemo(folder: string = tmpdir()): RunningDemo | undefined {
  const text = readOwn(filePath(folder))
  if (text === undefined) return undefined
  const demo = RunningDemo.safeParse(parsed(text))
  return demo.success && isAlive(demo.data.pid) ? demo.data : undefined
}

/**
 * Writes the file that announces the demo, and returns a function that removes it. A demo that is already announced stays the
 * announced one. Without effect if the file cannot be written.
 */
export function announceDemo(demo: RunningDemo, folder: string = tmpdir()): () => void {
  if (findRunningDemo(folder) !== undefined) return () => {}
  const path = filePath(folder)
  const draft = `${path}.${randomBytes(8).toString('hex')}`
  try {
    writeFileSync(draft, JSON.stringify(demo), { mode: 0o600, flag: 'wx' })
    // Atomic, so that no reader sees an incomplete file. Fails on another user's file in a sticky folder.
    renameSync(draft, path)
  } catch {
    rmSync(draft, { force: true })
    return () => {}
  }
  return () => {
    if (findRunningDemo(folder)?.secret === demo.secret) rmSync(path, { force: true })
  }
}

/** The text of a file that only this user can have written; undefined if there is none. */
function readOwn(path: string): string | undefined {
  let file: number
  try {
    // Never through a symbolic link: in a world-writable folder it may point anywhere.
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch {
    return undefined
  }
  try {
    const { uid, mode, size } = fstatSync(file)
    const isOurs = process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0)
    const isFile = (mode & constants.S_IFMT) === constants.S_IFREG
    return isOurs && isFile && size <= SERVER_LIMITS.maxDemoFile ? readFileSync(file, 'utf8') : undefined
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
    // The process exists but belongs to another user: it has inherited the pid of the demo.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH' && process.getuid === undefined
  }
}
