// Routing makes no garbage: a child process routes many packets and tells how much its heap has grown, before any collection.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PACKETS = 300_000
/** For the whole run: less than half a word per packet; one object per packet would be five times as much. */
const ALLOWED = 1024 * 1024

test(`routing ${PACKETS} packets to ten peers each leaves the heap where it was`, () => {
  const loader = new URL('../../../server/bin/source.mjs', import.meta.url).href
  const program = fileURLToPath(new URL('../../../../bench/micro/router-heap.ts', import.meta.url))
  // A young generation so large that nothing is collected while it is measured.
  const flags = ['--expose-gc', '--max-semi-space-size=128', '--min-semi-space-size=128', '--import', loader]
  const child = spawnSync(process.execPath, [...flags, program, String(PACKETS)], { encoding: 'utf8' })
  assert.equal(child.status, 0, child.stderr)
  const { forwarded, grown } = JSON.parse(child.stdout) as { forwarded: number; grown: number }
  assert.equal(forwarded, PACKETS * 9)
  assert.ok(grown < ALLOWED, `the heap grew by ${grown} bytes, ${grown / PACKETS} per packet`)
})
