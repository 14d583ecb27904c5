// Metrics of the process, under the names that Prometheus clients share, and those of its certificate.
import { readdirSync, readFileSync } from 'node:fs'
import type { Measured, Metric, Sample } from './metric.ts'

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

/** Of a node or a front with TLS. */
export const CERTIFICATE_METRICS: readonly Metric<Pick<Measured, 'certificate' | 'certificateRenewals'>>[] = [
  {
    name: 'parley_certificate_expiry_timestamp_seconds',
    kind: 'gauge',
    help: 'When the certificate in use expires, in seconds since 1970; absent without one.',
    labels: [],
    read: ({ certificate }) => seconds(certificate()?.validTo),
  },
  {
    name: 'parley_certificate_start_timestamp_seconds',
    kind: 'gauge',
    help: 'Since when the certificate in use is valid, in seconds since 1970; absent without one.',
    labels: [],
    read: ({ certificate }) => seconds(certificate()?.validFrom),
  },
  {
    name: 'parley_certificate_renewals_total',
    kind: 'counter',
    help: 'Attempts to obtain a certificate by ACME, by result; absent without ACME.',
    labels: ['result'],
    read: ({ certificateRenewals }) =>
      Object.entries({ ...certificateRenewals() }).map(([result, value]) => [{ result }, value]),
  },
]

/** One sample, or none of a time that is unknown. */
function seconds(time: number | undefined): Sample[] {
  return time === undefined ? [] : [[{}, time / 1_000]]
}
