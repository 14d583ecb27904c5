// CPU time of a process, from the kernel's account of its threads.
import { readdirSync, readFileSync } from 'node:fs'

const NANOSECONDS = 1e9

/** CPU time of all running threads in seconds. Linux only. */
export function threadSeconds(pid: number): number {
  const tasks = `/proc/${pid}/task`
  const spent = readdirSync(tasks).map(task => Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]))
  return spent.reduce((sum, each) => sum + each, 0) / NANOSECONDS
}
