// The `parley` command as a process: signals, exit codes, messages; and a process that embeds the server.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { until, untilFits } from './until.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const PARLEY = path('../../packages/server/bin/parley.mjs')
const LOADER = path('../../packages/server/bin/source.mjs')

interface Child {
  process: ChildProcess
  stdout: string
  stderr: string
  /** The exit code, or the signal that ended it. */
  exit: Promise<number | string | null>
}

function run(
  t: TestContext,
  args: string[],
  environment: Record<string, string> = {},
  program = process.execPath,
): Child {
  const child = spawn(program, args, { env: { PATH: process.env.PATH, ...environment } })
  t.after(() => void child.kill('SIGKILL'))
  const found: Child = {
    process: child,
    stdout: '',
    stderr: '',
    exit: once(child, 'close').then(([code, signal]) => code ?? signal),
  }
  child.stdout.on('data', chunk => {
    found.stdout += chunk
  })
  child.stderr.on('data', chunk => {
    found.stderr += chunk
  })
  return found
}

const LOOPBACK = {
  PARLEY_HTTP_LISTEN: '127.0.0.1:0',
  PARLEY_MEDIA_LISTEN: '127.0.0.1',
  PARLEY_MEDIA_PORT: '0',
  PARLEY_BACKEND_0_SECRET: 's3cret',
}

/** Resolves with the first log entry of the event. */
async function entry(child: Child, event: string): Promise<Record<string, unknown>> {
  const find = () =>
    child.stdout
      .split('\n')
      .filter(line => line.startsWith('{') && line.endsWith('}'))
      .map(line => JSON.parse(line) as Record<string, unknown>)
      .find(line => line.event === event)
  await until(`${event}; stderr: ${child.stderr}`, () => find() !== undefined || child.process.exitCode !== null)
  const found = find()
  assert.ok(found, `no ${event} in ${child.stdout}${child.stderr}`)
  return found
}

async function serving(t: TestContext, environment: Record<string, string> = {}) {
  const child = run(t, [PARLEY, 'serve'], { ...LOOPBACK, ...environment })
  const { endpoint } = await entry(child, 'node.started')
  return { child, endpoint: String(endpoint) }
}

test('SIGTERM without calls stops at once with exit code 0, and no secret was logged', async t => {
  const { child } = await serving(t, { PARLEY_LOG_LEVEL: 'debug' })
  child.process.kill('SIGTERM')
  assert.equal(await child.exit, 0)
  assert.match(child.stdout, /"event":"node\.draining"/)
  assert.match(child.stdout, /"event":"node\.stopped"/)
  assert.doesNotMatch(child.stdout + child.stderr, /s3cret/)
})

test('SIGTERM releases the port, waits for clients until the drain timeout, then exits with 0', async t => {
  const { child, endpoint } = await serving(t, { PARLEY_VOICE_DRAIN_TIMEOUT: '300ms' })
  const client = new WebSocket(`ws://${endpoint}/?v=8`)
  await once(client, 'message')
  const closed = once(client, 'close')
  child.process.kill('SIGTERM')
  assert.equal((await entry(child, 'node.draining')).timeout, 300)
  await assert.rejects(once(new WebSocket(`ws://${endpoint}/?v=8`), 'open'), { code: 'ECONNREFUSED' })
  assert.equal(client.readyState, WebSocket.OPEN)
  await closed
  assert.equal(await child.exit, 0)
})

test('draining ends when the last client leaves', async t => {
  const { child, endpoint } = await serving(t, { PARLEY_VOICE_DRAIN_TIMEOUT: '1h' })
  const client = new WebSocket(`ws://${endpoint}/?v=8`)
  await once(client, 'message')
  child.process.kill('SIGINT')
  await entry(child, 'node.draining')
  client.close()
  assert.equal(await child.exit, 0)
})

test('a second signal stops at once', async t => {
  const { child, endpoint } = await serving(t, { PARLEY_VOICE_DRAIN_TIMEOUT: '1h' })
  const client = new WebSocket(`ws://${endpoint}/?v=8`)
  await once(client, 'message')
  child.process.kill('SIGTERM')
  await entry(child, 'node.draining')
  const closed = once(client, 'close')
  child.process.kill('SIGTERM')
  const [code] = await closed
  assert.equal(code, 1001)
  assert.equal(await child.exit, 0)
})

test('SIGTERM ends a node whose log is not read', { timeout: 60_000 }, async t => {
  const { child, endpoint } = await serving(t, { PARLEY_LOG_LEVEL: 'debug' })
  child.process.stdout!.pause()
  for (let round = 0; round < 40; round++) {
    const clients = Array.from({ length: 20 }, () => new WebSocket(`ws://${endpoint}/?v=8`))
    await Promise.all(
      clients.map(async client => {
        await once(client, 'message')
        client.send('not JSON')
        await once(client, 'close')
      }),
    )
  }
  child.process.kill('SIGTERM')
  const [code] = await once(child.process, 'exit')
  assert.equal(code, 0)
  child.process.stdout!.resume()
})

/** Whether the process has a handler for SIGHUP, which is signal 1 (Linux only). */
function catchesSighup({ process: { pid } }: Child): boolean {
  const [, mask = '0'] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (Number.parseInt(mask.slice(-1), 16) & 1) !== 0
}

test('SIGHUP before the start does not end the node', { skip: process.platform !== 'linux' }, async t => {
  const child = run(t, [PARLEY, 'serve'], LOOPBACK)
  await until('the handler', () => catchesSighup(child))
  assert.equal(child.stdout, '')
  child.process.kill('SIGHUP')
  await entry(child, 'node.started')
  child.process.kill('SIGTERM')
  assert.equal(await child.exit, 0)
})

/**
 * Holds more connections than the process has descriptors for. A connection that the system closes is opened again, so that
 * a descriptor that was in use for a moment when connections arrived does not stay free.
 */
function occupyDescriptors(t: TestContext, port: number, host: string) {
  const sockets = new Set<Socket>()
  let ended = false
  const open = () => {
    const socket = connect(port, host)
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      if (!ended) setTimeout(open, 20)
    })
  }
  const end = () => {
    ended = true
    for (const socket of sockets) socket.destroy()
  }
  t.after(end)
  for (let i = 0; i < 300; i++) open()
  return { end }
}

test('a node without free file descriptors says so and goes on', {
  skip: process.platform !== 'linux',
  timeout: 180_000,
}, async t => {
  const limited = ['-c', 'ulimit -n 256; exec "$0" "$@"', process.execPath, PARLEY, 'serve']
  const child = run(t, limited, { ...LOOPBACK, PARLEY_MEDIA_LANES: '1' }, 'bash')
  const { endpoint } = await entry(child, 'node.started')
  const [host = '', port = ''] = String(endpoint).split(':')
  const flood = occupyDescriptors(t, Number(port), host)
  await entry(child, 'descriptors.exhausted')
  flood.end()
  const metrics = () =>
    fetch(`http://${endpoint}/metrics`, { signal: AbortSignal.timeout(1_000) })
      .then(response => response.text())
      .catch(() => '')
  await untilFits('the metrics of the node', metrics, text =>
    /^parley_descriptors_exhausted_seconds_total [1-9]/m.test(text),
  )
})

/** The serial number of the certificate at the URL. */
async function presented(url: string): Promise<string> {
  const { hostname: host, port } = new URL(url)
  const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

test('SIGHUP reloads the certificate', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-process-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const part of ['cert', 'key'])
    copyFileSync(path(`fixtures/localhost-1-${part}.pem`), join(folder, `${part}.pem`))
  const config = join(folder, 'parley.toml')
  writeFileSync(config, '[http]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n')
  const { child } = await serving(t, { PARLEY_CONFIG: config })
  child.process.kill('SIGHUP')
  const { names, from, until: end } = await entry(child, 'tls.reloaded')
  assert.match(String(names), /localhost/)
  assert.match(`${from} ${end}`, /^\d{4}-\d\d-\d\d \d{4}-\d\d-\d\d$/)
  child.process.kill('SIGTERM')
  assert.equal(await child.exit, 0)
})

test('SIGHUP reloads the certificate of a front, also before its start', {
  skip: process.platform !== 'linux',
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-process-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const install = (number: number) => {
    for (const part of ['cert', 'key'])
      copyFileSync(path(`fixtures/localhost-${number}-${part}.pem`), join(folder, `${part}.pem`))
  }
  install(1)
  const config = join(folder, 'parley.toml')
  // NATS does not run: a front starts without it.
  const cluster = '[cluster]\nnats = ["nats://127.0.0.1:9"]\nid = "front-1"\n'
  writeFileSync(config, `[http]\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n${cluster}`)
  const child = run(t, [PARLEY, 'front', '--config', config], LOOPBACK)
  await until('the handler', () => catchesSighup(child))
  child.process.kill('SIGHUP')
  const { lvsp } = await entry(child, 'front.started')
  const before = await presented(String(lvsp))
  install(2)
  child.process.kill('SIGHUP')
  await entry(child, 'tls.reloaded')
  assert.notEqual(await presented(String(lvsp)), before)
  writeFileSync(join(folder, 'key.pem'), '')
  child.process.kill('SIGHUP')
  assert.match(String((await entry(child, 'config.reload_failed')).reason), /^http\.tls_cert: /)
  child.process.kill('SIGTERM')
  assert.equal(await child.exit, 0)
})

test('an invalid configuration prints one sentence and exits with 2, in serve and in check-config', async t => {
  for (const command of ['serve', 'check-config']) {
    const child = run(t, [PARLEY, command, '--set', 'http.lisen=x'])
    assert.equal(await child.exit, 2)
    assert.equal(child.stderr, 'parley: --set http.lisen: no such setting (did you mean http.listen?)\n')
    assert.equal(child.stdout, '')
  }
})

test('a port in use prints one sentence and exits with 1', async t => {
  const other = createTcpServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as { port: number }
  const child = run(t, [PARLEY, 'serve'], { ...LOOPBACK, PARLEY_HTTP_LISTEN: `127.0.0.1:${port}` })
  assert.equal(await child.exit, 1)
  assert.equal(child.stderr, `parley: http.listen: TCP port ${port} of 127.0.0.1 is already in use\n`)
})

test('check-config prints the effective configuration without secrets', async t => {
  const child = run(t, [PARLEY, 'check-config', '--set', 'voice.resume_window=1m'], LOOPBACK)
  assert.equal(await child.exit, 0)
  assert.match(child.stdout, /^\[http\]\nlisten = "127\.0\.0\.1:0"$/m)
  assert.match(child.stdout, /^resume_window = "1m"$/m)
  assert.match(child.stdout, /^secret = \[ "\(hidden\)" \]$/m)
  assert.doesNotMatch(child.stdout, /s3cret/)
})

test('--version prints the version, and --help prints examples', async t => {
  const version = run(t, [PARLEY, '--version'])
  const help = run(t, [PARLEY, 'serve', '--help'])
  assert.deepEqual([await version.exit, await help.exit], [0, 0])
  assert.match(version.stdout, /^\d+\.\d+\.\d+/)
  assert.match(help.stdout, /Examples:[\s\S]*parley serve --config/)
})

test('a process that closes its server ends by itself, with any kind of client connected', async t => {
  const child = run(t, ['--import', LOADER, path('closing-process.ts')])
  assert.equal(await child.exit, 0, child.stderr)
  assert.equal(child.stdout, 'closed in time: true\n')
})
