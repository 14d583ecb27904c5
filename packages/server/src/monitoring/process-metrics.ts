// Metrics of the process, under the names that Prometheus clients share.
import { readdirSync, readFileSync } from 'node:fs'
import type { Metric } from './metric.ts'

/** Seconds since 1970. */
const STARTED = Date.now() / 1_000 - process.uptime()

/** NaN on systems without /proc. */
function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return Number.NaN
  }
}

/** The soft limit, which is the one that the system enforces. NaN on systems without /proc. */
function maxDescriptors(): number {
  try {
    const [, soft = ''] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.NaN
  }
}

/** Names as in the client libraries of Prometheus, so that common dashboards show them. */
export const PROCESS_METRICS: readonly Metric<unknown>[] = [
  {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    help: 'CPU time of the process.',
    labels: [],
    read: () => {
      const { user, system } = process.cpuUsage()
      return [[{}, (user + system) / 1e6]]
    },
  },
  {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    help: 'When the process started, in seconds since 1970.',
    labels: [],
    read: () => [[{}, STARTED]],
  },
  {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    help: 'Memory of the process.',
    labels: [],
    read: () => [[{}, process.memoryUsage.rss()]],
  },
  {
    name: 'process_open_fds',
    kind: 'gauge',
    help: 'Open file descriptors.',
    labels: [],
    read: () => [[{}, openDescriptors()]],
  },
  {
    name: 'process_max_fds',
    kind: 'gauge',
    help: 'The limit of open file descriptors.',
    labels: [],
    read: () => [[{}, maxDescriptors()]],
  },
  {
    name: 'nodejs_heap_used_bytes',
    kind: 'gauge',
    help: 'JavaScript heap in use.',
    labels: [],
    read: () => [[{}, process.memoryUsage().heapUsed]],
  },
]
