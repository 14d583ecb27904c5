// Where servers and load run. Where the system is free to choose, a server that shares a core with the load gets warmer caches and cheaper
// wake-ups than one that does not: a tenth of the CPU per copy and a third of the latency, whichever server it is.
import { spawnSync } from 'node:child_process'

/** Cores that a process may use, as `taskset` prints them: `0-3,6`. */
function coresOf(pid: number): number[] | undefined {
  const { status, stdout } = spawnSync('taskset', ['-cp', String(pid)], { encoding: 'utf8' })
  if (status !== 0) return undefined
  const ranges = stdout.slice(stdout.lastIndexOf(':') + 1).split(',')
  return ranges.flatMap(range => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index)
  })
}

/** Moves all threads of a process to the cores; threads that it starts later stay there. */
function move(pid: number, cores: readonly number[]): void {
  const { status, stderr } = spawnSync('taskset', ['-acp', cores.join(','), String(pid)], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`taskset: ${stderr.trim()}`)
}

/**
 * Separates the load, which is this process, from the servers: it gets the first half of the cores and each of them the second, where they
 * take turns. Returns what ends that for the load; undefined on a machine with one core or without `taskset`.
 */
export function separateCores(servers: readonly number[]): (() => void) | undefined {
  const cores = coresOf(process.pid)
  if (cores === undefined || cores.length < 2) return undefined
  const half = cores.length >> 1
  move(process.pid, cores.slice(0, half))
  for (const pid of servers) move(pid, cores.slice(half))
  return () => move(process.pid, cores)
}
