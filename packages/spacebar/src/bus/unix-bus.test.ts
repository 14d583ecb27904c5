import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Published } from '../core/outputs.ts'
import { LIMITS } from '../limits.ts'
import { PermanentError } from '../permanent-error.ts'
import type { BusListener } from './bus.ts'
import { FrameReader, frameOf } from './frames.ts'
import { BusInUseError, UnixBus } from './unix-bus.ts'

const skip = process.platform === 'win32' && 'Node.js has no Unix sockets in folders on Windows'
const SILENT: BusListener = { event: () => {}, opened: () => {}, lost: () => {} }

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-unix-bus-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A process of Spacebar. Its connections are paused until `read` is called. */
async function spacebar(t: TestContext, path: string) {
  const sockets: Socket[] = []
  const users: string[] = []
  const server = createServer({ pauseOnConnect: true }, socket => {
    const frames = new FrameReader(frame => users.push(JSON.parse(frame.toString()).id as string))
    socket.on('data', chunk => frames.push(chunk))
    socket.on('error', () => {})
    sockets.push(socket)
    if (isReading) socket.resume()
  })
  let isReading = false
  await once(server.listen(path), 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const read = () => {
    isReading = true
    for (const socket of sockets) socket.resume()
  }
  return { users, read }
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 5))
}

test('a process of Spacebar that does not read loses events, and another one receives all', {
  timeout: 60_000,
  skip,
}, async t => {
  const folder = folderOf(t)
  const reading = await spacebar(t, join(folder, '1.sock'))
  const stopped = await spacebar(t, join(folder, '2.sock'))
  await spacebar(t, join(folder, 'not-spacebar.sock'))
  reading.read()
  const bus = await UnixBus.open({ folder }, SILENT)
  t.after(() => bus.close())
  const data = { token: 't'.repeat(60_000), endpoint: 'e', guild_id: '1' }
  const published: Published = { event: 'VOICE_SERVER_UPDATE', data }
  const total = Math.ceil((LIMITS.busBacklog * 3) / 60_000)
  for (let user = 0; user < total; user++) {
    bus.publish(String(user), published)
    await until(() => reading.users.length === user + 1)
  }
  stopped.read()
  // Dropped as long as the backlog is full.
  await until(() => {
    bus.publish('last', published)
    return stopped.users.includes('last')
  })
  const received = stopped.users.filter(user => user !== 'last').length
  assert.ok(received < total, `${received} of ${total} events`)
})

test('the socket of a bridge that was killed is replaced, that of a running one is not', { skip }, async t => {
  const folder = folderOf(t)
  const first = await UnixBus.open({ folder }, SILENT)
  t.after(() => first.close())
  await assert.rejects(UnixBus.open({ folder }, SILENT), BusInUseError)
  await first.close()
  const second = await UnixBus.open({ folder }, SILENT)
  t.after(() => second.close())
  const socket = connect(join(folder, 'parley-bridge.sock'))
  t.after(() => socket.destroy())
  socket.write(frameOf({ id: '1', event: { event: 'MESSAGE_CREATE', data: {} } }))
  await until(() => second.received === 1)
})

test('a folder that does not exist yet, or is away for a while, is used when it is there; the reason is reported once', {
  timeout: 60_000,
  skip,
}, async t => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const folder = join(folderOf(t), 'bus')
  let opened = 0
  const reasons: string[] = []
  const bus = await UnixBus.open(
    { folder },
    { event: () => {}, opened: () => opened++, lost: reason => reasons.push(reason) },
  )
  t.after(() => bus.close())
  const check = async (holds: () => boolean) => {
    t.mock.timers.tick(LIMITS.socketCheck)
    await until(holds)
  }
  assert.match(reasons.join(), /ENOENT/)
  mkdirSync(folder)
  await check(() => opened === 1)
  rmSync(folder, { recursive: true })
  await check(() => reasons.length === 2)
  mkdirSync(folder)
  await check(() => opened === 2)
  assert.equal(reasons.length, 2)
})

test('a path that is longer than an address of a socket is an error that remains', { skip }, async t => {
  const folder = join(folderOf(t), 'f'.repeat(120))
  mkdirSync(folder)
  await assert.rejects(UnixBus.open({ folder }, SILENT), PermanentError)
})
