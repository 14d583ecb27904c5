// Datagrams that are longer than their path takes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingNamespaces, runIsolated } from './namespaces.ts'

const DEADLINE = 20_000

test('datagrams that are too long for the path arrive, in order', { skip: missingNamespaces() }, () => {
  const { sent, arrived, failed } = runIsolated('short-path.ts', DEADLINE)
  assert.deepEqual({ arrived, failed }, { arrived: sent, failed: 0 })
})
