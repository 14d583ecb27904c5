// Routing allocates nothing per packet: a child process routes many packets and reports its heap growth before any collection.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PACKETS = 300_000
/** Bytes for the whole run: less than half a word per packet; one object per packet would be five times as much. */
const ALLOWED = 1024 * 1024
/** Batches and reports allocate a few objects each, about half of this; one object per packet would add 5 MB. */
const ALLOWED_WITH_REPORTS = 3 * ALLOWED

/** Runs a program of `bench/micro` and returns its forwarded packets and heap growth in bytes. */
function measure(program: string): { forwarded: number; grown: number } {
  const loader = new URL('../../../server/bin/source.mjs', import.meta.url).href
  const path = fileURLToPath(new URL(`../../../../bench/micro/${program}`, import.meta.url))
  // The young generation is so large that no collection happens during the measurement.
  const flags = ['--expose-gc', '--max-semi-space-size=128', '--min-semi-space-size=128', '--import', loader]
  const child = spawnSync(process.execPath, [...flags, path, String(PACKETS)], { encoding: 'utf8' })
  assert.equal(child.status, 0, child.stderr)
  return JSON.parse(child.stdout)
}

test(`routing ${PACKETS} packets to ten peers each does not grow the heap`, () => {
  const { forwarded, grown } = measure('router-heap.ts')
  assert.equal(forwarded, PACKETS * 9)
  assert.ok(grown < ALLOWED, `the heap grew by ${grown} bytes, ${grown / PACKETS} per packet`)
})

test(`handing ${PACKETS} packets to another lane, with nine listeners there, does not grow the heap`, () => {
  const { forwarded, grown } = measure('rings-heap.ts')
  assert.equal(forwarded, PACKETS * 9)
  assert.ok(grown < ALLOWED, `the heap grew by ${grown} bytes, ${grown / PACKETS} per packet`)
})

test(`routing ${PACKETS} audio and video packets of WebRTC peers, with reports and loss, does not grow the heap`, () => {
  const { forwarded, grown } = measure('webrtc-heap.ts')
  assert.equal(forwarded, PACKETS * 9)
  assert.ok(grown < ALLOWED_WITH_REPORTS, `the heap grew by ${grown} bytes, ${grown / PACKETS} per packet`)
})

test(`rewriting ${PACKETS} packets of two layers, and leaving out frames, for nine WebRTC viewers that switch does not grow the heap`, () => {
  const { forwarded, grown } = measure('layers-heap.ts')
  const whole = (PACKETS / 2) * 9
  assert.ok(forwarded > 0.55 * whole && forwarded < 0.9 * whole, `${forwarded} of ${whole}`)
  assert.ok(grown < ALLOWED_WITH_REPORTS, `the heap grew by ${grown} bytes, ${grown / PACKETS} per packet`)
})
