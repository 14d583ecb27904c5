import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alarmsOf, type Condition } from './alarms.ts'
import type { Status } from './views.ts'

const DAY = 24 * 3_600 * 1_000
const NOW = Date.UTC(2026, 10, 29)
const FINE: Condition = {
  certificateExpiry: NOW + 60 * DAY,
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
  assert.deepEqual(names({}, { certificateExpiry: undefined }), [])
})

test('each fault is an alarm', () => {
  const backends = [{ backend: 'main', connected: false }] as Status['backends']
  const lanes = [{ lane: 0, busy: 0.95 }] as Status['lanes']
  assert.deepEqual(names({ backends }), ['critical backend-disconnected'])
  assert.deepEqual(names({ lanes }), ['critical lane-busy'])
  assert.deepEqual(names({}, { lostLanes: 1 }), ['critical lane-lost'])
  assert.deepEqual(names({}, { certificateExpiry: NOW - 1 }), ['critical certificate'])
  assert.deepEqual(names({}, { certificateExpiry: NOW + 13 * DAY }), ['warning certificate'])
  assert.deepEqual(names({ health: 0.05 }), ['warning full'])
  assert.deepEqual(names({}, { eventLoopLag: 150 }), ['warning event-loop'])
  assert.deepEqual(names({}, { failures: 2 }), ['warning internal-errors'])
  assert.deepEqual(names({}, { logLinesLost: 5 }), ['warning log-lost'])
})

test('a draining node is not full besides', () => {
  assert.deepEqual(names({ health: 0, draining: true }), ['warning draining'])
})
