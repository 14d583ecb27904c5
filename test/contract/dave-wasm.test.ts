// davey as WebAssembly, which web pages use, in calls with the native library and with Discord's libdave.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadDavey } from '@parley/client'
import type nativeDavey from '@snazzah/davey'
import type { DaveCodec, DaveLibrary } from '../../packages/client/src/voice/dave/dave.ts'
import { daveyLibrary } from '../../packages/client/src/voice/dave/davey-keys.ts'
import { NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { CHANNEL } from '../dave/davey-call.ts'
import { DaveyClient } from '../dave/davey-client.ts'
import { loadWasm } from '../dave/davey-wasm.ts'
import { libdaveCalls } from '../dave/libdave-calls.ts'
import { assertHeard, runSessions, SessionClient } from '../dave/session-client.ts'

const wasm = await loadWasm()
const native = await loadDavey()
const module = wasm.davey as typeof nativeDavey | undefined
/** Users whose id ends with 1 or 5 have the WebAssembly, the other odd ones the native library. */
const isWasm = (userId: string) => /[15]$/.test(userId)
const libdave = libdaveCalls(
  (userId, version) => new DaveyClient(userId, CHANNEL, version, isWasm(userId) ? module : undefined),
)
after(libdave.close)

const body = (length: number) => Array.from({ length }, (_, index) => (index * 31) & 0xff)
const START = [0, 0, 0, 1]
const FRAMES: readonly (readonly [DaveCodec, readonly number[]])[] = [
  ['opus', [0xfc, ...body(80)]],
  ['VP8', [0x10, 0x20, 0, 0x9d, 1, 0x2a, 0x80, 2, 0x68, 1, ...body(20_000)]],
  ['VP8', [0x31, ...body(500)]],
  ['VP9', [0x82, 0x49, 0x83, 0x42, ...body(3_000)]],
  [
    'H264',
    [
      ...START,
      0x67,
      ...body(20).map(byte => byte | 1),
      ...START,
      0x68,
      0xce,
      0x3c,
      0x80,
      ...START,
      0x65,
      0x88,
      ...body(900),
    ],
  ],
]

test('a page and a bot compute the same code of their keys', { skip: wasm.skip }, async t => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const page = new SessionClient(bench, backend.join('1'), daveyLibrary(wasm.davey!), 9, true)
  const bot = new SessionClient(bench, backend.join('2'), native!, 9, false)
  runSessions(bench, [page, bot])
  const before = process.cpuUsage()
  const code = await page.worker!.verificationCode('2')
  const { user, system } = process.cpuUsage(before)
  t.diagnostic(`WebAssembly: ${Math.round((user + system) / 1_000)} ms of CPU`)
  assert.match(code!, /^\d{45}$/)
  assert.equal(await bot.session.dave!.verificationCode('1'), code)
})

test('sessions of pages and bots encrypt together, and open each other’s audio and video', { skip: wasm.skip }, () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const page = daveyLibrary(wasm.davey!)
  const join = (user: number, library: DaveLibrary, inWorker: boolean) =>
    new SessionClient(bench, backend.join(String(user)), library, 9, inWorker)
  const clients = [join(1, page, true), join(2, native!, false), join(3, page, true)]
  runSessions(bench, clients)
  assertHeard(clients)
  const bot = clients[1]!.session.dave!
  const host = clients[0]!.worker!
  host.setSources([[7, '2']])
  for (const [codec, bytes] of FRAMES) {
    const frame = Uint8Array.from(bytes)
    const media = codec === 'opus' ? 'audio' : 'video'
    const fromBot = bot.seal(frame, codec)!
    assert.ok(fromBot.length >= frame.length + 12, codec)
    assert.deepEqual(Uint8Array.from(host.open(Uint8Array.from(fromBot), 7, media) ?? []), frame, codec)
    const fromPage = host.seal(frame, codec)!
    assert.ok(fromPage.length >= frame.length + 12, codec)
    assert.deepEqual(Uint8Array.from(bot.open('1', Uint8Array.from(fromPage), media) ?? []), frame, codec)
  }
})

test('libdave, native davey and its WebAssembly join, leave and rejoin one call', {
  skip: wasm.skip || libdave.skip,
}, () => {
  const call = libdave.newCall()
  const members = [1, 2, 3, 5].map(user => {
    const client = call.join(user)
    call.run()
    return client
  })
  call.assertConverged('four members')
  for (const leaving of members) {
    call.leave(leaving)
    call.run()
    call.assertConverged(`without ${leaving.userId}`)
    call.join(leaving.userId)
    call.run()
    call.assertConverged(`with ${leaving.userId} again`)
  }
})
