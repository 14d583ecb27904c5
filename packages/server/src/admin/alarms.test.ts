import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alarmsOf, type Condition } from './alarms.ts'
import type { Status } from './views.ts'

const DAY = 24 * 3_600 * 1_000
const NOW = Date.UTC(2026, 10, 29)
const FINE: Condition = {
  certificate: { validFrom: NOW - 30 * DAY, validTo: NOW + 60 * DAY },
  eventLoopLag: 3,
  failures: 0,
  logLinesLost: 0,
  lostLanes: 0,
  now: NOW,
}
const STATUS = {
  health: 0.9,
  draining: false,
  backends: [{ backend: 'main', connected: true }],
  lanes: [{ lane: 0, busy: 0.2 }],
} as unknown as Status

const names = (status: Partial<Status>, condition: Partial<Condition> = {}) =>
  alarmsOf({ ...STATUS, ...status }, { ...FINE, ...condition }).map(({ alarm, severity }) => `${severity} ${alarm}`)

test('a node that is well has no alarm', () => {
  assert.deepEqual(names({}), [])
  assert.deepEqual(names({}, { certificate: undefined }), [])
})

test('each fault is an alarm', () => {
  const backends = [{ backend: 'main', connected: false }] as Status['backends']
  const lanes = [{ lane: 0, busy: 0.95 }] as Status['lanes']
  assert.deepEqual(names({ backends }), ['critical backend-disconnected'])
  assert.deepEqual(names({ lanes }), ['critical lane-busy'])
  assert.deepEqual(names({}, { lostLanes: 1 }), ['critical lane-lost'])
  const until = (validTo: number, lifetime: number) => ({ certificate: { validFrom: validTo - lifetime, validTo } })
  assert.deepEqual(names({}, until(NOW - 1, 90 * DAY)), ['critical certificate'])
  assert.deepEqual(names({}, until(NOW + 13 * DAY, 90 * DAY)), ['warning certificate'])
  assert.deepEqual(names({}, until(NOW + 2 * DAY, 6 * DAY)), [])
  assert.deepEqual(names({}, until(NOW + DAY, 6 * DAY)), ['warning certificate'])
  assert.deepEqual(names({ health: 0.05 }), ['warning full'])
  assert.deepEqual(names({}, { eventLoopLag: 150 }), ['warning event-loop'])
  assert.deepEqual(names({}, { failures: 2 }), ['warning internal-errors'])
  assert.deepEqual(names({}, { logLinesLost: 5 }), ['warning log-lost'])
})

test('a certificate that could not be obtained is an alarm', () => {
  const certificate = { until: undefined, next_attempt: undefined, failures: 1, error: 'refused' }
  const missing = alarmsOf({ ...STATUS, certificate }, { ...FINE, certificate: undefined })
  assert.deepEqual(
    missing.map(({ alarm, severity, text }) => [severity, alarm, text]),
    [['critical', 'certificate-missing', 'There is no certificate yet, and no client can connect: refused.']],
  )
  const until = new Date(NOW + 60 * DAY).toISOString()
  assert.deepEqual(names({ certificate: { until, failures: 2, error: 'refused' } }), [])
  assert.deepEqual(names({ certificate: { until, failures: 3, error: 'refused' } }), ['warning certificate-renewal'])
})

test('a certificate that is not valid has the alarm in the words of /readyz and parley doctor', () => {
  const textAt = (now: number) =>
    alarmsOf(STATUS, { ...FINE, certificate: { validFrom: NOW, validTo: NOW + 90 * DAY }, now }).map(({ text }) => text)
  const day = (time: number) => new Date(time).toISOString().slice(0, 10)
  assert.deepEqual(textAt(NOW + 91 * DAY), [
    `The certificate expired on ${day(NOW + 90 * DAY)}: clients refuse to connect.`,
  ])
  assert.deepEqual(textAt(NOW - DAY), [
    `The certificate is valid from ${day(NOW)} on, and the clock says ${day(NOW - DAY)}: clients refuse to connect.`,
  ])
})

test('a draining node is not full besides', () => {
  assert.deepEqual(names({ health: 0, draining: true }), ['warning draining'])
})
