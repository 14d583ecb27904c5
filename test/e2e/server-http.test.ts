// The HTTP listeners of a node: probes, metrics, paths, TLS.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { get as tlsGet } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import {
  App,
  ConfigError,
  type ConfigInput,
  configOf,
  createServer,
  ListenError,
  type ServerOptions,
  selfSignedCertificate,
} from '@parley/server'
import { WebSocket } from 'ws'

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

async function serverOf(t: TestContext, options?: ServerOptions) {
  const server = await createServer(options)
  t.after(() => server.close())
  return server
}

/** Sends a GET request; resolves with status and text. */
function ask(url: string, headers: Record<string, string> = {}): Promise<[status: number | undefined, text: string]> {
  return new Promise((resolve, reject) => {
    const request = get(url.replace(/^ws/, 'http'), { headers, agent: false }, async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve([response.statusCode, text])
    })
    request.on('error', reject)
  })
}

/** Opens a WebSocket; resolves with its first message, or with the status of a refused upgrade. */
async function greeting(url: string, t: TestContext): Promise<unknown> {
  const socket = new WebSocket(url, { rejectUnauthorized: false })
  t.after(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.once('message', data => resolve(JSON.parse(String(data))))
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode))
    socket.once('error', reject)
  })
}

test('a node answers probes, and requests for / with a description', async t => {
  const { url } = await serverOf(t)
  assert.deepEqual(await ask(`${url}livez`), [200, 'alive\n'])
  assert.deepEqual(await ask(`${url}readyz`), [200, 'ready\n'])
  const [status, text] = await ask(url)
  assert.equal(status, 200)
  assert.match(text, /^This is Parley \d+\.\d+\.\d+/)
  assert.equal((await ask(`${url}nothing`))[0], 404)
})

test('a draining node is alive but not ready, and reports health 0', async t => {
  const server = await serverOf(t)
  await server.drain(0)
  assert.deepEqual(await ask(`${server.url}readyz`), [503, 'draining\n'])
  assert.equal((await ask(`${server.url}livez`))[0], 200)
  assert.match((await ask(`${server.url}metrics`))[1], /^parley_draining 1$/m)
  assert.match((await ask(`${server.url}metrics`))[1], /^parley_health 0$/m)
})

test('a node whose certificate has expired is alive but not ready, until a reload', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [tls_cert, tls_key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const install = (now: number) => {
    const { cert, key } = selfSignedCertificate(now)
    writeFileSync(tls_cert, cert)
    writeFileSync(tls_key, key)
  }
  install(Date.UTC(2020, 0, 1))
  const config = configOf({
    http: { listen: '127.0.0.1:0', tls_cert, tls_key },
    media: { listen: '127.0.0.1', port: 0, lanes: 0 },
    log: { level: 'silent' },
    backend: [{ secret: 'x' }],
  })
  const app = await App.start(config)
  t.after(() => app.close())
  const probe = async (path: string): Promise<[status: number, text: string]> => {
    const request = tlsGet(`${app.url.replace('wss', 'https')}${path}`, { rejectUnauthorized: false, agent: false })
    const [response] = await once(request, 'response')
    let text = ''
    for await (const chunk of response) text += chunk
    return [response.statusCode, text]
  }
  assert.deepEqual(await probe('readyz'), [503, 'the certificate expired on 2020-01-31\n'])
  assert.deepEqual(await probe('livez'), [200, 'alive\n'])
  install(Date.now())
  app.reload()
  assert.deepEqual(await probe('readyz'), [200, 'ready\n'])
})

test('/ speaks the voice gateway with any query, /lvsp speaks LVSP, other paths are refused', async t => {
  const { url, lvspUrl } = await serverOf(t)
  assert.equal(((await greeting(`${url}?v=8&encoding=json`, t)) as { op: number }).op, 8)
  assert.equal(((await greeting(url.replace(/\/$/, '?v=8'), t)) as { op: number }).op, 8)
  assert.equal(((await greeting(url, t)) as { op: number }).op, 8)
  const hello = (await greeting(lvspUrl, t)) as { op: number; d: { nonce: string } }
  assert.equal(hello.op, 0)
  assert.equal(hello.d.nonce.length, 10)
  assert.equal(await greeting(`${url}voice`, t), 404)
})

test('a second listener speaks LVSP at its root', async t => {
  const { url, lvspUrl } = await serverOf(t, { lvsp: { listen: '127.0.0.1:0' } })
  assert.notEqual(new URL(lvspUrl).port, new URL(url).port)
  assert.equal(new URL(lvspUrl).pathname, '/')
  assert.equal(((await greeting(lvspUrl, t)) as { op: number }).op, 0)
})

test('metrics count open connections and are restricted by http.metrics_from', async t => {
  const { url } = await serverOf(t)
  await greeting(`${url}?v=8`, t)
  assert.match((await ask(`${url}metrics`))[1], /^parley_connections\{protocol="gateway"\} 1$/m)
  const { url: closedUrl } = await serverOf(t, { http: { metrics_from: ['192.0.2.0/24'] } })
  assert.equal((await ask(`${closedUrl}metrics`))[0], 403)
})

test('behind a proxy the last address of X-Forwarded-For is the client', async t => {
  const { url } = await serverOf(t, {
    http: { behind_proxy: true, metrics_from: ['192.0.2.0/24'] },
    media: { announce: ['127.0.0.1'] },
  })
  assert.equal((await ask(`${url}metrics`, { 'x-forwarded-for': '198.51.100.1, 192.0.2.7' }))[0], 200)
  assert.equal((await ask(`${url}metrics`, { 'x-forwarded-for': '192.0.2.7, 198.51.100.1' }))[0], 403)
  assert.equal((await ask(`${url}metrics`))[0], 403)
})

test('reloading the certificate keeps connections; an invalid one changes nothing', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const install = (n: number) => {
    copyFileSync(fixture(`localhost-${n}-cert.pem`), cert)
    copyFileSync(fixture(`localhost-${n}-key.pem`), key)
  }
  install(1)
  const lines: string[] = []
  const config = configOf({
    http: { listen: '127.0.0.1:0', tls_cert: cert, tls_key: key },
    media: { listen: '127.0.0.1', port: 0 },
    backend: [{ secret: 'x' }],
  })
  const app = await App.start(config, { logSink: { write: text => void lines.push(text) } })
  t.after(() => app.close())

  const before = new WebSocket(`${app.url}?v=8`, { ca: readFileSync(fixture('localhost-1-cert.pem')) })
  await once(before, 'message')
  install(2)
  app.reload()
  assert.equal(await subject(app.url), 'localhost 2')

  writeFileSync(key, 'no key')
  app.reload()
  assert.equal(await subject(app.url), 'localhost 2')
  assert.match(lines.join(''), /"event":"tls\.reloaded"/)
  assert.match(lines.join(''), /"event":"config\.reload_failed"/)

  before.send('{"op":3,"d":5}')
  const [ack] = (await once(before, 'message')) as [Buffer]
  assert.deepEqual(JSON.parse(String(ack)), { op: 6, d: 5 })
  before.terminate()
})

async function subject(url: string): Promise<string | undefined> {
  const socket = tlsConnect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const name = socket.getPeerCertificate().subject.CN
  socket.destroy()
  return String(name)
}

test('a key that does not match the certificate is refused', async () => {
  const http = { tls_cert: fixture('localhost-1-cert.pem'), tls_key: fixture('localhost-2-key.pem') }
  await assert.rejects(createServer({ http }), (error: Error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /^http\.tls_cert: \S+ and \S+ are not a certificate and its key/)
    return true
  })
})

test('an address that is reachable from outside is refused without TLS', async () => {
  const http: ConfigInput['http'] = { listen: '0.0.0.0:0', endpoint: 'voice.example.org' }
  await assert.rejects(
    createServer({ http }),
    /^ConfigError: http\.listen: 0\.0\.0\.0 is reachable from other machines/,
  )
})

test('the error for a port in use names the port, and sockets that were opened before are closed', async t => {
  const { url, mediaPort } = await serverOf(t)
  const { port } = new URL(url)
  await assert.rejects(createServer({ http: { listen: `127.0.0.1:${port}` } }), (error: Error) => {
    assert.ok(error instanceof ListenError)
    assert.equal(error.message, `http.listen: TCP port ${port} of 127.0.0.1 is already in use`)
    return true
  })
  await assert.rejects(
    createServer({ media: { port: mediaPort } }),
    new RegExp(`media\\.port: UDP port ${mediaPort} of 127\\.0\\.0\\.1 is already in use`),
  )
})

test('a server of this process listens on all addresses with a certificate given as PEM', async t => {
  const server = await createServer({
    tls: selfSignedCertificate(),
    http: { listen: '0.0.0.0:0', endpoint: 'localhost' },
    media: { listen: '127.0.0.1', port: 0, lanes: 0 },
    log: { level: 'silent' },
  })
  t.after(() => server.close())
  assert.match(server.url, /^wss:/)
})

test('media ports past the last one are refused with the highest that fits', async () => {
  const media = { listen: '127.0.0.1', port: 65_534, lanes: 3 }
  await assert.rejects(createServer({ media, log: { level: 'silent' } }), {
    name: 'ConfigError',
    message: 'media.port: expected at most 65533, because each of 3 lanes takes a port, found 65534',
  })
})

test('a node that has no IPv4 address for media warns at its start, another one does not', async t => {
  const eventsOf = async (announce: string[]) => {
    const lines: string[] = []
    const logSink = { write: (text: string) => void lines.push(text) }
    await serverOf(t, {
      media: { listen: '127.0.0.1', lanes: 0, port: 0, announce },
      log: { level: 'warn', format: 'json' },
      logSink,
    })
    return lines.map(line => JSON.parse(line).event)
  }
  assert.ok((await eventsOf(['2001:db8::1'])).includes('media.no_ipv4'))
  assert.ok(!(await eventsOf(['2001:db8::1', '203.0.113.1'])).includes('media.no_ipv4'))
  assert.ok(!(await eventsOf([])).includes('media.no_ipv4'))
})
