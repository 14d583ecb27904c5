// Where servers and load run. Left to the system, of two versions of a node the one whose clients were created second took a tenth less CPU and
// a third less time, whichever it was; on separate cores neither did.
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
 * take turns. Returns what ends that for the load. Where it cannot be had, as on a machine with one core or without `taskset`, a line says so.
 */
export function separateCores(servers: readonly number[]): () => void {
  const cores = coresOf(process.pid) ?? []
  const half = cores.length >> 1
  const isSeparate =
    half > 0 && move(process.pid, cores.slice(0, half)) && servers.every(pid => move(pid, cores.slice(half)))
  if (isSeparate) return () => void move(process.pid, cores)
  console.error('  load and servers share the cores, which taskset did not separate')
  if (half > 0) for (const pid of [process.pid, ...servers]) move(pid, cores)
  return () => {}
}
