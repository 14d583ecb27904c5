// Routing makes no garbage: a child process routes many packets and tells how much its heap has grown, before any collection.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PACKETS = 300_000
/** For the whole run: less than half a word per packet; one object per packet would be five times as much. */
const ALLOWED = 1024 * 1024
/** Batches and reports cost a few objects each, about half of this; one object per packet would be five megabytes more. */
const ALLOWED_WITH_REPORTS = 3 * ALLOWED

/** Packets that the program of `bench/micro` has forwarded, and the bytes by which its heap has grown. */
function measure(program: string): { forwarded: number; grown: number } {
  const loader = new URL('../../../server/bin/source.mjs', import.meta.url).href
  const path = fileURLToPath(new URL(`../../../../bench/micro/${program}`, import.meta.url))
  // A young generation so large that nothing is collected while it is measured.
  const flags = ['--expose-gc', '--max-semi-space-size=128', '--min-semi-space-size=128', '--import', loader]
  const child = spawnSync(process.execPath, [...flags, path, String(PACKETS)], { encoding: 'utf8' })
  assert.equal(child.status, 0, child.stderr)
  return JSON.parse(child.stdout)
}

test(`routing ${PACKETS} packets to ten peers each leaves the heap where it was`, () => {
  const { forwarded, grown } = measure('router-heap.ts')
  assert.equal(forwarded, PACKETS * 9)
  assert.ok(grown < ALLOWED, `the heap grew by ${grown} bytes, ${grown / PACKETS} per packet`)
})

test(`so does routing ${PACKETS} packets of audio and video of WebRTC peers, with reports and a little loss`, () => {
  const { forwarded, grown } = measure('webrtc-heap.ts')
  assert.equal(forwarded, PACKETS * 9)
  assert.ok(grown < ALLOWED_WITH_REPORTS, `the heap grew by ${grown} bytes, ${grown / PACKETS} per packet`)
})
