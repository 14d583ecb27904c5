// A histogram whose totals are kept elsewhere: prom-client's own counts values one by one.
import type { Registry } from 'prom-client'
import type { Metric } from './metric.ts'

type Totals = ReturnType<NonNullable<Metric['totals']>>

/** Registers it in the form in which the registry reads every metric. */
export function registerReadHistogram(
  registry: Registry,
  { name, help, buckets }: { name: string; help: string; buckets: readonly number[] },
  read: () => Totals,
): void {
  const get = () => ({ name, help, type: 'histogram', aggregator: 'sum', values: read().flatMap(valuesOf) })
  const valuesOf = ([labels, counts, sum]: Totals[number]) => {
    let total = 0
    const series = counts.map((count, index) => {
      total += count
      return { metricName: `${name}_bucket`, labels: { ...labels, le: buckets[index] ?? '+Inf' }, value: total }
    })
    const whole = [
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: total },
    ]
    return [...series, ...whole]
  }
  registry.registerMetric({ name, help, get, reset: () => {} } as unknown as Parameters<Registry['registerMetric']>[0])
}
