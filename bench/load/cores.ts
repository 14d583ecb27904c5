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

/** Moves all threads of a process to the cores; threads that it starts later stay there. Returns whether that succeeded. */
function move(pid: number, cores: readonly number[]): boolean {
  return spawnSync('taskset', ['-acp', cores.join(','), String(pid)]).status === 0
}

/**
 * Separates the load, which is this process, from the servers: it gets the first half of the cores and each of them the second, where they
 * take turns. Returns what ends that for the load; undefined where it cannot be had, as on a machine with one core or without `taskset`.
 */
export function separateCores(servers: readonly number[]): (() => void) | undefined {
  const cores = coresOf(process.pid)
  if (cores === undefined || cores.length < 2) return undefined
  const half = cores.length >> 1
  const isSeparate =
    move(process.pid, cores.slice(0, half)) && servers.map(pid => move(pid, cores.slice(half))).every(Boolean)
  if (isSeparate) return () => void move(process.pid, cores)
  for (const pid of [process.pid, ...servers]) move(pid, cores)
  return undefined
}
