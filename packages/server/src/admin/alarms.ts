// The active alarms of a node, as sentences for the dashboard. The alert rules of deploy/prometheus/ know the past as well.
import { z } from 'zod'
import { alarmBefore, invalidity } from '../net/certificate.ts'
import type { Status } from './views.ts'

/** One thing that is wrong now. */
export const Alarm = z.object({
  alarm: z.string().meta({ description: 'Its name, which is stable.' }),
  severity: z.enum(['critical', 'warning']),
  text: z.string(),
})
export type Alarm = z.infer<typeof Alarm>

/** What the process measures of itself. */
export interface Condition {
  /** Milliseconds since 1970; undefined without a certificate. */
  readonly certificate: { readonly validFrom: number; readonly validTo: number } | undefined
  /** Milliseconds, the greatest within the last second. */
  readonly eventLoopLag: number
  /** Internal errors since the start of the node. */
  readonly failures: number
  /** Log lines that were lost. */
  readonly logLinesLost: number
  /** Lanes that have crashed and are not replaced yet. */
  readonly lostLanes: number
  /** Milliseconds since 1970. */
  readonly now: number
}

const DAY = 24 * 3_600 * 1_000
const FULL = 0.1
const BUSY = 0.9
const LATE = 100
const MANY_FAILURES = 3

const critical = (alarm: string, text: string): Alarm => ({ alarm, severity: 'critical', text })
const capitalized = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
const warning = (alarm: string, text: string): Alarm => ({ alarm, severity: 'warning', text })

/** In the order of the parts of the node. */
export function alarmsOf({ backends, health, draining, lanes, certificate }: Status, condition: Condition): Alarm[] {
  return [
    ...backends
      .filter(({ connected }) => !connected)
      .map(({ backend }) =>
        critical('backend-disconnected', `Backend ${backend} is not connected: calls continue, but no user can join.`),
      ),
    ...lanes
      .filter(({ busy }) => busy > BUSY)
      .map(({ lane, busy }) =>
        critical(
          'lane-busy',
          `Lane ${lane} is busy for ${Math.round(busy * 100)} % of the time; at 100 % it drops packets.`,
        ),
      ),
    ...(condition.lostLanes === 0
      ? []
      : [critical('lane-lost', `${condition.lostLanes} of the lanes have crashed and are not replaced yet.`)]),
    ...certificateAlarms(condition),
    ...renewalAlarms(certificate),
    ...(draining ? [warning('draining', 'The node drains: it takes no new channels.')] : []),
    ...(health < FULL && !draining
      ? [warning('full', 'The node is almost full: add a node, or raise [capacity].')]
      : []),
    ...(condition.eventLoopLag > LATE
      ? [warning('event-loop', `The event loop is ${Math.round(condition.eventLoopLag)} ms late: joins are slow.`)]
      : []),
    ...(condition.failures > 0
      ? [
          warning(
            'internal-errors',
            `${condition.failures} internal error${condition.failures === 1 ? '' : 's'} occurred. Please report the stack traces in the log.`,
          ),
        ]
      : []),
    ...(condition.logLinesLost > 0
      ? [warning('log-lost', `${condition.logLinesLost} lines of the log are lost, because its output is not read.`)]
      : []),
  ]
}

function certificateAlarms({ certificate, now }: Condition): Alarm[] {
  if (certificate === undefined) return []
  const left = certificate.validTo - now
  const reason = invalidity(certificate, now)
  if (reason !== undefined) return [critical('certificate', `${capitalized(reason)}: clients refuse to connect.`)]
  if (left > alarmBefore(certificate)) return []
  return [warning('certificate', `The certificate expires in ${(left / DAY).toFixed(1)} days.`)]
}

/** Of a node that obtains its certificate itself. A failure or two are repeated before anyone has to act. */
function renewalAlarms(certificate: Status['certificate']): Alarm[] {
  if (certificate === undefined) return []
  const { until, failures, error = 'it is being obtained' } = certificate
  if (until === undefined)
    return [critical('certificate-missing', `There is no certificate yet, and no client can connect: ${error}.`)]
  return failures < MANY_FAILURES
    ? []
    : [warning('certificate-renewal', `${failures} attempts to renew the certificate failed: ${error}.`)]
}
