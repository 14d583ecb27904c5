// Notifications to systemd, received on a real Unix datagram socket.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { socketAddress } from './notify-socket.ts'
import { Service, watchdogInterval } from './service.ts'

type Call = (...values: unknown[]) => number
const MSG_DONTWAIT = 0x40

const koffi = await import('koffi').then(
  ({ default: loaded }) => loaded,
  () => undefined,
)
const skip = process.platform !== 'linux' || koffi === undefined ? 'needs Linux and koffi' : false

/** The end of systemd: bound to a path, read without blocking. */
function receiver(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-systemd-'))
  const path = join(folder, 'notify')
  const libc = koffi!.load(null)
  const call = (name: string, types: string[]) => libc.func(name, 'int', types) as Call
  const descriptor = call('socket', ['int', 'int', 'int'])(1, 2, 0)
  const address = socketAddress(path)!
  assert.equal(call('bind', ['int', 'void *', 'uint'])(descriptor, address, address.length), 0)
  t.after(() => {
    call('close', ['int'])(descriptor)
    rmSync(folder, { recursive: true })
  })
  const receive = call('recv', ['int', 'void *', 'size_t', 'int'])
  const read = (): string | undefined => {
    const bytes = Buffer.alloc(4096)
    const length = receive(descriptor, bytes, bytes.length, MSG_DONTWAIT)
    return length < 0 ? undefined : bytes.toString('utf8', 0, length)
  }
  return { path, read }
}

test('systemd is notified of readiness, a reload and the end, in one datagram each', { skip }, async t => {
  const { path, read } = receiver(t)
  assert.ok(existsSync(path))
  const { service, warning } = await Service.open({ NOTIFY_SOCKET: path })
  t.after(() => service.close())
  assert.equal(warning, undefined)
  service.ready('voice.example.org:8443\nREADY=0')
  assert.equal(read(), 'READY=1\nSTATUS=voice.example.org:8443 READY=0')
  service.reloading()
  assert.match(read()!, /^RELOADING=1\nMONOTONIC_USEC=\d+$/)
  service.stopping(20_000)
  assert.match(read()!, /^STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=\d{8}$/)
  assert.equal(read(), undefined)
})

test('the watchdog is fed at half of its time, for this process only', { skip }, async t => {
  assert.equal(watchdogInterval({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 15_000)
  assert.equal(watchdogInterval({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), undefined)
  assert.equal(watchdogInterval({ WATCHDOG_USEC: 'x' }, 7), undefined)
  assert.equal(watchdogInterval({}, 7), undefined)
  const { path, read } = receiver(t)
  const { service } = await Service.open({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '20000' })
  t.after(() => service.close())
  for (let fed: string | undefined; fed !== 'WATCHDOG=1'; fed = read())
    await new Promise(resolve => setTimeout(resolve, 5))
})

test('without systemd nothing is sent, and an address that is no Unix socket is reported', async t => {
  const { service, warning } = await Service.open({})
  service.ready('x')
  service.close()
  assert.equal(warning, undefined)
  assert.match((await Service.open({ NOTIFY_SOCKET: 'vsock:2:1' })).warning!, /cannot be notified/)
  assert.equal(socketAddress(`/${'x'.repeat(200)}`), undefined)
  assert.deepEqual([...socketAddress('@a')!].slice(2), [0, 97])
  assert.ok(t)
})
