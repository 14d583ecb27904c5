// A new operator on a machine of its own, in a network namespace: three answers to `parley setup`, and a bot is heard within a minute.
// While it talks the certificate is renewed, the configuration reloaded and the node replaced by a successor. The machine has one public
// address, a STUN server and a certificate authority. Prints what was measured as JSON.
import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { encodeStunResponse } from '@parley/protocol'
import { createDemoBackend } from '@parley/server'
import type { Status } from '../../packages/server/src/admin/views.ts'
import { AdminClient } from '../../packages/server/src/cli/admin/admin-client.ts'
import { ParleyProcess } from './parley-process.ts'
import { PebbleServer } from './pebble-server.ts'
import { SteadyCall } from './steady-call.ts'
import { untilFits } from './until.ts'

const ADDRESS = '203.0.113.10'
/** Seconds. A certificate is renewed after two thirds of it; to obtain one takes seconds on a busy machine. */
const VALIDITY = 60
const STUN = `${ADDRESS}:3478`

const cleanups: (() => unknown)[] = []
const t = { after: (clean: () => unknown) => void cleanups.unshift(clean) } as Parameters<typeof PebbleServer.start>[0]

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
}

/** One interface with the address, and its other end. */
function openNetwork(): void {
  ip('link', 'set', 'lo', 'up')
  ip('link', 'add', 'wan', 'type', 'veth', 'peer', 'name', 'far')
  ip('address', 'add', `${ADDRESS}/24`, 'dev', 'wan')
  for (const name of ['wan', 'far']) ip('link', 'set', name, 'up')
}

/** Answers each request with the address that it came from. */
async function openStun(): Promise<void> {
  const socket = createSocket('udp4')
  const mac = (key: Uint8Array, bytes: Uint8Array, length: number) =>
    createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
  socket.on('message', (bytes, { address, port }) => {
    const source = Uint8Array.from(address.split('.').map(Number))
    socket.send(encodeStunResponse(bytes, source, port, Buffer.from('key'), mac), port, address)
  })
  socket.bind(3478, ADDRESS)
  await once(socket, 'listening')
  t.after(() => socket.close())
}

/** Serial number of the certificate that new connections are presented. */
function presented(ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: ADDRESS, port: 443, ca }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

async function walk(): Promise<object> {
  openNetwork()
  const pebble = await PebbleServer.start(t, { httpPort: 80, tlsPort: 443, validity: VALIDITY })
  await openStun()
  const folder = mkdtempSync(join(tmpdir(), 'parley-walk-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const etc = join(folder, 'etc')

  const begin = performance.now()
  const flags = ['--acme-directory', pebble.directory, '--acme-ca', pebble.ca, '--stun', STUN]
  const unit = join(etc, 'parley.service')
  // The address that STUN found, another backend that speaks LVSP, and the folder.
  const setup = new ParleyProcess(['setup', ...flags, '--unit', unit], { folder, input: `\n3\n${etc}\n` })
  t.after(() => setup.kill())
  const exit = await setup.exit
  if (exit !== 0) throw new Error(`setup: ${exit}: ${setup.stdout}${setup.stderr}`)
  const configured = performance.now()

  const node = new ParleyProcess(['serve', '--config', join(etc, 'parley.toml')], { folder })
  t.after(() => node.kill())
  await node.says(/"event":"tls\.reloaded"/)
  const certified = performance.now()
  const ca = await pebble.root()
  const secret = readFileSync(join(etc, 'lvsp.secret'), 'utf8').trim()
  const backend = await createDemoBackend({ lvspUrl: `wss://${ADDRESS}/lvsp`, secret, ca })
  t.after(() => backend.close())
  const call = await SteadyCall.start(backend, ca)
  const end = performance.now()

  const doctor = new ParleyProcess(['doctor', '--json', '--config', join(etc, 'parley.toml')], {
    folder,
    environment: { NODE_EXTRA_CA_CERTS: pebble.write('root.pem', ca) },
  })
  await doctor.exit

  // Everything that an operator does to a running node, while the call goes on.
  const first = await presented(ca)
  const renewed = await untilFits(
    'the renewed certificate',
    () => presented(ca),
    serial => serial !== first,
  )
  const config = readFileSync(join(etc, 'parley.toml'), 'utf8')
  writeFileSync(join(etc, 'parley.toml'), `${config}max_member_kbit = 512\n`)
  const admin = new AdminClient({ socket: join(etc, 'admin.sock') })
  const reload = (await admin.post('/v1/reload', {})) as { applied: string[] }
  const before = (await admin.get('/v1/status')) as Status
  const again = new Promise<void>(resolve => backend.once('connected', () => resolve()))
  const successor = new ParleyProcess(['serve', '--config', join(etc, 'parley.toml'), '--take-over'], { folder })
  t.after(() => successor.kill())
  await successor.says(/"event":"node\.started"/)
  const after = (await admin.get('/v1/status')) as Status
  await again
  const moved = await SteadyCall.start(backend, ca)
  const calls = [await call.end(), await moved.end()]
  const oldExit = await node.exit
  return {
    operations: {
      isRenewed: renewed !== first,
      applied: reload.applied,
      isReplaced: before.pid !== after.pid,
      oldExit,
    },
    calls,
    questions: (setup.stdout.match(/^> /gm) ?? []).length,
    config,
    unit: readFileSync(unit, 'utf8'),
    output: setup.stdout,
    problems: (JSON.parse(doctor.stdout) as { ok: boolean }[]).filter(({ ok }) => !ok),
    seconds: {
      setup: (configured - begin) / 1_000,
      certificate: (certified - configured) / 1_000,
      heard: (end - certified) / 1_000,
      all: (end - begin) / 1_000,
    },
  }
}

try {
  const result = await walk()
  process.stdout.write(JSON.stringify(result))
} finally {
  for (const clean of cleanups) await clean()
}
