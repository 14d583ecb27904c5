// An upgrade without a cut: a second process takes over the ports of the first, whose calls go on until they have moved.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { VoiceClient } from '@parley/client'
import { createDemoBackend } from '@parley/server'
import type { Status } from '../../packages/server/src/admin/views.ts'
import { AdminClient } from '../../packages/server/src/cli/admin/admin-client.ts'
import { freePort, freeUdpPorts } from './free-port.ts'
import { ParleyProcess } from './parley-process.ts'
import { until } from './until.ts'

const SECRET = 'the secret of the backend of the upgrade'

/** A configuration with fixed ports, as that of a real node. */
async function scene(t: TestContext, adminSection = '[admin]\nsocket = "admin.sock"') {
  const folder = mkdtempSync(join(tmpdir(), 'parley-take-over-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [port, media] = [await freePort(), await freeUdpPorts(2)]
  const config = join(folder, 'parley.toml')
  const text = `[http]
listen = "127.0.0.1:${port}"
[media]
listen = "127.0.0.1"
port = ${media}
lanes = 1
[voice]
drain_timeout = "5m"
${adminSection}
[[backend]]
secret = "${SECRET}"
`
  writeFileSync(config, text, { mode: 0o600 })
  const serve = (...flags: string[]) => new ParleyProcess(['serve', '--config', config, ...flags], { folder, t })
  const admin = new AdminClient({ socket: join(folder, 'admin.sock') })
  const status = async () => (await admin.get('/v1/status')) as Status
  return { serve, status, media, lvspUrl: `ws://127.0.0.1:${port}/lvsp` }
}

async function bot(t: TestContext, backend: Awaited<ReturnType<typeof createDemoBackend>>, userId: string) {
  const { endpoint, server_id, channel_id, session_id, token } = await backend.join(userId)
  const ids = { serverId: server_id, channelId: channel_id, userId, sessionId: session_id }
  const client = new VoiceClient({ endpoint, token, ...ids, tls: false })
  t.after(() => client.close())
  const heard: string[] = []
  const ends: string[] = []
  client.on('frame', ({ payload }) => heard.push(Buffer.from(payload).toString('hex')))
  for (const event of ['disconnected', 'closed'] as const) client.on(event, () => ends.push(event))
  await client.connect()
  return { client, heard, ends }
}

/** Numbered frames, until the condition holds and 50 more. */
function* frames(sent: string[], isOver: () => boolean): Generator<Buffer> {
  for (let left = 50; left > 0; ) {
    const frame = Buffer.alloc(20, 0x78)
    frame.writeUInt32BE(sent.length, 4)
    sent.push(frame.toString('hex'))
    if (isOver()) left--
    yield frame
  }
}

test('a successor takes over the ports at once, calls go on, and the old process ends with its last one', async t => {
  const { serve, status, media, lvspUrl } = await scene(t)
  const old = serve('--take-over')
  await old.says(/"event":"node\.started"/)
  const backend = await createDemoBackend({ lvspUrl, secret: SECRET })
  t.after(() => backend.close())
  const connected = () => new Promise<void>(resolve => backend.once('connected', () => resolve()))
  const before = [await bot(t, backend, '71'), await bot(t, backend, '72')] as const
  const sent: string[] = []
  let isMoved = false
  const talk = before[0].client.play(frames(sent, () => isMoved))
  await until('the call', () => before[1].heard.length > 10)
  const { pid } = await status()

  const again = connected()
  const successor = serve('--take-over')
  await successor.says(/"event":"node\.started"/)
  const now = await status()
  assert.notEqual(now.pid, pid)
  assert.deepEqual(
    now.lanes.map(({ port }) => port),
    [media + 1],
  )
  await again
  // The backend sends its state to the new process, and its users join there before they leave.
  const after = [await bot(t, backend, '71'), await bot(t, backend, '72')] as const
  isMoved = true
  await talk
  await until('the last frame', () => before[1].heard.includes(sent.at(-1)!))
  assert.deepEqual(
    before[1].heard.filter(frame => sent.includes(frame)),
    sent,
  )
  assert.deepEqual([...before[0].ends, ...before[1].ends], [])
  for (const { client } of before) await client.close()
  assert.equal(await old.exit, 0, old.stderr)
  assert.match(old.stdout, /"event":"node\.handed_over"/)

  const later: string[] = []
  await after[0].client.play(frames(later, () => true))
  await until('the call on the successor', () => after[1].heard.includes(later.at(-1)!))
  assert.deepEqual([...after[0].ends, ...after[1].ends], [])

  const third = serve('--take-over')
  await third.says(/"event":"node\.started"/)
  assert.deepEqual(
    (await status()).lanes.map(({ port }) => port),
    [media],
  )
  await backend.close()
})

test('after SIGTERM a successor opens the same TCP ports while the calls of the old process go on', async t => {
  const { serve, status, media, lvspUrl } = await scene(t)
  const old = serve()
  await old.says(/"event":"node\.started"/)
  const backend = await createDemoBackend({ lvspUrl, secret: SECRET })
  t.after(() => backend.close())
  const before = [await bot(t, backend, '71'), await bot(t, backend, '72')] as const
  const sent: string[] = []
  let isOver = false
  const talk = before[0].client.play(frames(sent, () => isOver))
  await until('the call', () => before[1].heard.length > 10)
  const again = new Promise<void>(resolve => backend.once('connected', () => resolve()))

  old.signal('SIGTERM')
  await old.says(/"event":"node\.draining"/)
  await assert.rejects(fetch(lvspUrl.replace(/^ws/, 'http')), 'the port is released at once')
  assert.equal((await status()).draining, true)
  const successor = serve('--take-over')
  await successor.says(/"event":"node\.started"/)
  assert.deepEqual(
    (await status()).lanes.map(({ port }) => port),
    [media + 1],
  )
  await again
  const after = [await bot(t, backend, '81'), await bot(t, backend, '82')] as const
  const later: string[] = []
  await after[0].client.play(frames(later, () => true))
  await until('the call on the successor', () => after[1].heard.includes(later.at(-1)!))

  isOver = true
  await talk
  await until('the last frame', () => before[1].heard.includes(sent.at(-1)!))
  assert.deepEqual(before[1].heard.slice(-sent.length), sent)
  assert.deepEqual([...before[0].ends, ...before[1].ends], [])
  for (const { client } of before) await client.close()
  assert.equal(await old.exit, 0, old.stderr)
  await backend.close()
})

test('without an admin socket, a successor with UDP ports of its own starts after SIGTERM', async t => {
  const { serve, lvspUrl } = await scene(t, '')
  const old = serve()
  await old.says(/"event":"node\.started"/)
  const backend = await createDemoBackend({ lvspUrl, secret: SECRET })
  t.after(() => backend.close())
  const { client, ends } = await bot(t, backend, '71')
  old.signal('SIGTERM')
  await old.says(/"event":"node\.draining"/)
  const refused = serve()
  assert.equal(await refused.exit, 1)
  assert.match(
    refused.stderr,
    /UDP port \d+ .* is already in use; --take-over starts beside a node that still has calls there/,
  )
  const successor = serve('--set', `media.port=${await freeUdpPorts(1)}`)
  await successor.says(/"event":"node\.started"/)
  assert.deepEqual(ends, [])
  await client.close()
  assert.equal(await old.exit, 0, old.stderr)
  await backend.close()
})

test('without --take-over a second process does not start, and the first is not disturbed', async t => {
  const { serve, status } = await scene(t)
  const first = serve()
  await first.says(/"event":"node\.started"/)
  const second = serve()
  assert.equal(await second.exit, 1)
  assert.match(second.stderr, /media\.port: UDP port \d+ of 127\.0\.0\.1 is already in use/)
  assert.equal((await status()).sessions, 0)
})
