// Settings under the names of the core.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configOf } from './config.ts'
import { camelCased } from './node-settings.ts'

test('a section keeps its values under camelCase names', () => {
  const { voice } = configOf({ voice: { resume_window: '5s', legacy_modes: true }, backend: [{ secret: 's' }] })
  const { resumeWindow, legacyModes, minVersion, ...others } = camelCased(voice)
  assert.deepEqual([resumeWindow, legacyModes, minVersion], [5_000, true, 1])
  assert.ok(!Object.keys(others).some(name => name.includes('_')))
})
