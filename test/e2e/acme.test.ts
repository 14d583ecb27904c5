// A node that obtains its certificate from a real certificate authority, Pebble: both challenges, renewal, and what goes wrong.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { get } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { VoiceClient } from '@parley/client'
import { App, configOf, createDemoBackend } from '@parley/server'
import { FrontApp } from '../../packages/server/src/cluster/front/front-app.ts'
import { MemoryCoordinator, SharedMemory } from '../../packages/server/src/cluster/memory-coordinator.ts'
import { SERVER_LIMITS } from '../../packages/server/src/limits.ts'
import { missingPebble, PebbleServer } from './pebble-server.ts'
import { until, untilFits } from './until.ts'

const TEST = { skip: missingPebble, timeout: 300_000 }
const SECRET = 'the secret of the backend of the ACME tests'
const DOMAIN = 'voice.example.org'
const ADDRESS = '127.0.0.1'

type Settings = ReturnType<PebbleServer['settings']> & { challenge?: 'http-01' | 'tls-alpn-01'; http_listen?: string }

/** A node on loopback; `events` are its log entries. */
async function start(t: TestContext, acme: Settings & object, port = 0) {
  const lines: string[] = []
  const app = await App.start(
    configOf({
      http: { listen: `127.0.0.1:${port}`, endpoint: port === 0 ? DOMAIN : `${ADDRESS}:${port}` },
      media: { listen: '127.0.0.1', port: 0, lanes: 0 },
      log: { level: 'info', format: 'json' },
      backend: [{ secret: SECRET }],
      acme,
    }),
    { logSink: { write: (text: string) => lines.push(text) > 0 } as never },
  )
  t.after(() => app.close())
  const listening = Number(new URL(app.url.replace(/^ws/, 'http')).port)
  const events = (name: string) =>
    lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(({ event }) => event === name)
  return { app, port: listening, events }
}

/** The certificate that a client gets, if it trusts `root`; the code of the error if it does not. */
async function presented(port: number, root: string, servername = DOMAIN): Promise<X509Certificate | string> {
  const name = servername === ADDRESS ? {} : { servername }
  const socket = connect({ host: ADDRESS, port, ca: root, ...name })
  try {
    await once(socket, 'secureConnect')
    return new X509Certificate(socket.getPeerCertificate().raw)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  } finally {
    socket.destroy()
  }
}

/** Waits for a certificate that `root` trusts; a failed attempt is the message of the error. */
async function certified(
  node: Awaited<ReturnType<typeof start>>,
  root: string,
  name = DOMAIN,
): Promise<X509Certificate> {
  const look = async () => {
    const [failure] = node.events('acme.failed')
    return failure === undefined ? presented(node.port, root, name) : `failed: ${failure.reason}`
  }
  const found = await untilFits('the certificate', look, each => isTrusted(each) || String(each).startsWith('failed'))
  if (typeof found === 'string') throw new Error(found)
  return found
}

const isTrusted = (found: X509Certificate | string) => typeof found !== 'string'

test('a node obtains a certificate for a domain and an address on its own listener', TEST, async t => {
  const pebble = await PebbleServer.start(t)
  const settings = pebble.settings([DOMAIN, ADDRESS])
  const node = await start(t, settings, pebble.tlsPort)
  const { port, events } = node
  const root = await pebble.root()
  await certified(node, root)
  for (const name of [DOMAIN, ADDRESS]) {
    const leaf = (await presented(port, root, name)) as X509Certificate
    assert.equal(leaf.subjectAltName, `DNS:${DOMAIN}, IP Address:${ADDRESS}`)
    // An address requires the short-lived profile: days, not months.
    assert.ok(Date.parse(leaf.validTo) - Date.now() < 7 * 86_400_000)
  }
  assert.equal(events('tls.reloaded')[0]?.names, `${DOMAIN} ${ADDRESS}`)
  assert.deepEqual(readdirSync(settings.storage).sort(), ['account-key.pem', 'certificate.pem'])
  for (const name of readdirSync(settings.storage))
    assert.equal(statSync(join(settings.storage, name)).mode & 0o777, 0o600)
})

test('a front obtains a certificate on its own listener', TEST, async t => {
  const pebble = await PebbleServer.start(t)
  const config = configOf({
    http: { listen: `${ADDRESS}:${pebble.tlsPort}`, endpoint: DOMAIN },
    cluster: { nats: ['nats://127.0.0.1:4222'], id: 'f1' },
    backend: [{ secret: SECRET }],
    acme: pebble.settings([DOMAIN, ADDRESS]),
  })
  const lines: string[] = []
  const sink = { write: (text: string) => lines.push(text) > 0 }
  const front = await FrontApp.start(config, new MemoryCoordinator(new SharedMemory()), sink as never)
  t.after(() => front.close())
  assert.equal(front.lvspUrl, `wss://${ADDRESS}:${pebble.tlsPort}/lvsp`)
  const root = await pebble.root()
  const found = await untilFits('the certificate', () => presented(pebble.tlsPort, root), isTrusted)
  assert.equal((found as X509Certificate).subjectAltName, `DNS:${DOMAIN}, IP Address:${ADDRESS}`)
  assert.deepEqual(await readiness(pebble.tlsPort), [503, 'no node accepts channels\n'])
  assert.ok(lines.some(line => line.includes('tls.reloaded')))
})

test(
  'the listener of HTTP-01 is open while a challenge is pending, and the node is ready with the certificate',
  TEST,
  async t => {
    const pebble = await PebbleServer.start(t, { refusedNonces: 30 })
    const http_listen = `${ADDRESS}:${pebble.httpPort}`
    const { port, app } = await start(t, { ...pebble.settings([DOMAIN, ADDRESS]), challenge: 'http-01', http_listen })
    const root = await pebble.root()
    await untilFits('the certificate', () => presented(port, root), isTrusted)
    assert.deepEqual(await readiness(port), [200, 'ready\n'])
    assert.ok(app.certificate?.until !== undefined)
    const socket = connect({ host: ADDRESS, port: pebble.httpPort })
    const [error] = await once(socket, 'error')
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
  },
)

test('a certificate is renewed while a call goes on: no frame is lost, no connection closes', TEST, async t => {
  const pebble = await PebbleServer.start(t, { validity: 15 })
  const node = await start(t, pebble.settings([ADDRESS]), pebble.tlsPort)
  const { port, app, events } = node
  const ca = await pebble.root()
  const first = await certified(node, ca, ADDRESS)
  const backend = await createDemoBackend({ lvspUrl: app.lvspUrl, secret: SECRET, ca })
  t.after(() => backend.close())
  const bots = [await joined(t, backend, ca), await joined(t, backend, ca)] as const
  const closes: number[] = []
  for (const { client } of bots) client.on('closed', ({ code }) => closes.push(code))
  for (const { client } of bots) client.on('disconnected', () => closes.push(0))
  const sent: string[] = []
  const isRenewed = () => events('tls.reloaded').length >= 2
  const talk = bots[0].client.play(frames(sent, isRenewed))
  const next = await untilFits(
    'the renewed certificate',
    () => presented(port, ca, ADDRESS),
    found => isTrusted(found) && (found as X509Certificate).serialNumber !== first.serialNumber,
  )
  await talk
  await until('the last frame', () => bots[1].heard.includes(sent.at(-1)!))
  assert.deepEqual(
    bots[1].heard.filter(frame => sent.includes(frame)),
    sent,
  )
  assert.deepEqual(closes, [])
  assert.ok(isTrusted(next))
  assert.ok(events('acme.failed').length === 0, JSON.stringify(events('acme.failed')))
})

test('a name that the authority refuses, and one that it cannot verify, are named with the reason', TEST, async t => {
  const pebble = await PebbleServer.start(t, { blocked: ['blocked.example.org'] })
  const cases = [
    [['blocked.example.org'], /blocked\.example\.org.*\(rejectedIdentifier\)/],
    // No listener answers at the port where Pebble connects.
    [[DOMAIN], /voice\.example\.org was not validated by tls-alpn-01: Failed to connect .*\(unauthorized\)/],
  ] as const
  for (const [names, reason] of cases) {
    const { app, events } = await start(t, pebble.settings(names))
    await until('the failure', () => events('acme.failed').length > 0)
    const [failure] = events('acme.failed')
    assert.match(String(failure?.reason), reason)
    assert.equal(failure?.failures, 1)
    assert.ok(Number(failure?.retry) >= 120)
    assert.equal(app.certificate?.until, undefined)
    assert.match(app.certificate?.error ?? '', reason)
  }
})

test('a node starts without its authority, says so, and stops while it waits for an answer', TEST, async t => {
  const pebble = await PebbleServer.start(t)
  const settings = pebble.settings([DOMAIN])
  await pebble.stop()
  const { app, port, events } = await start(t, settings)
  await until('the failure', () => events('acme.failed').length > 0)
  assert.match(String(events('acme.failed')[0]?.reason), /cannot be reached: ECONNREFUSED/)
  assert.deepEqual(await readiness(port), [503, 'no certificate yet\n'])
  await app.close()

  const held = new Set<Socket>()
  const silent = createServer(socket => void held.add(socket)).listen(0, ADDRESS)
  t.after(() => silent.close())
  await once(silent, 'listening')
  const { port: slow } = silent.address() as { port: number }
  const waiting = await start(t, { ...settings, directory: `https://127.0.0.1:${slow}/dir` })
  await until('the request', () => held.size > 0)
  const before = performance.now()
  await waiting.app.close()
  assert.ok(performance.now() - before < SERVER_LIMITS.acmeRequestTimeout, 'it waits for no answer')
  assert.deepEqual(waiting.events('acme.failed'), [])
  for (const socket of held) socket.destroy()
})

test('a restarted node uses the stored certificate, also while the authority is down', TEST, async t => {
  const pebble = await PebbleServer.start(t)
  const settings = pebble.settings([DOMAIN])
  const first = await start(t, settings, pebble.tlsPort)
  const root = await pebble.root()
  const before = await certified(first, root)
  await first.app.close()
  await pebble.stop()
  const { port, app } = await start(t, settings, pebble.tlsPort)
  const after = await presented(port, root)
  assert.equal((after as X509Certificate).serialNumber, before.serialNumber)
  await until('the next attempt', () => app.certificate?.next_attempt !== undefined)
  assert.equal(app.certificate?.failures, 0)
})

test('an account is bound to an external one', TEST, async t => {
  const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'
  const pebble = await PebbleServer.start(t, { external: ['kid-1', key] })
  const plain = await start(t, pebble.settings([DOMAIN]))
  await until('the failure', () => plain.events('acme.failed').length > 0)
  assert.match(String(plain.events('acme.failed')[0]?.reason), /set acme\.eab_key_id/)
  await plain.app.close()
  const eab_hmac_file = pebble.write('eab.key', `${key}\n`)
  const bound = { ...pebble.settings([DOMAIN]), eab_key_id: 'kid-1', eab_hmac_file }
  await certified(await start(t, bound, pebble.tlsPort), await pebble.root())
})

/** Status and text of /readyz, whatever the certificate. */
async function readiness(port: number): Promise<[status: number | undefined, text: string]> {
  const request = get({ host: ADDRESS, port, path: '/readyz', rejectUnauthorized: false, agent: false })
  const [response] = await once(request, 'response')
  let text = ''
  for await (const part of response) text += part
  return [response.statusCode, text]
}

/** A bot in the call, and the frames that it received, in hex. */
async function joined(t: TestContext, backend: Awaited<ReturnType<typeof createDemoBackend>>, ca: string) {
  const { endpoint, server_id, channel_id, user_id, session_id, token } = await backend.join()
  const client = new VoiceClient({
    ...{ endpoint, serverId: server_id, channelId: channel_id, userId: user_id, sessionId: session_id, token },
    tls: { ca },
  })
  t.after(() => client.close())
  const heard: string[] = []
  client.on('frame', ({ payload }) => heard.push(Buffer.from(payload).toString('hex')))
  await client.connect()
  return { client, heard }
}

/** Numbered frames until the condition holds, and 50 more; `sent` has them in hex. */
function* frames(sent: string[], isOver: () => boolean): Generator<Buffer> {
  for (let left = 50; left > 0; ) {
    const frame = Buffer.alloc(20, 0x78)
    frame.writeUInt32BE(sent.length, 4)
    sent.push(frame.toString('hex'))
    if (isOver()) left--
    yield frame
  }
}
