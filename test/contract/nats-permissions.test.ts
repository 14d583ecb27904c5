// The configuration of NATS that docs/cluster.md shows, run as it is printed: TLS, a key for each process, and what each may not do.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Kvm } from '@nats-io/kv'
import { connect, nkeyAuthenticator, nkeys } from '@nats-io/transport-node'
import { nodeRecord } from '../../packages/core/src/testing/node-record.ts'
import type { NatsCoordinator } from '../../packages/server/src/cluster/nats-coordinator.ts'
import { openCoordinator } from '../../packages/server/src/cluster/open-coordinator.ts'
import { missingNats, NatsServer } from '../e2e/nats-server.ts'
import { CERTIFICATE, CERTIFICATE_FILE, KEY_FILE } from '../e2e/trust.ts'
import { until } from '../e2e/until.ts'
import { loadReport, Recorder } from './cluster-records.ts'

const CONFIGURATION = new URL('../../deploy/nats/nats-server.conf', import.meta.url)
const USERS = ['n1', 'n2', 'f1'] as const
type User = (typeof USERS)[number]

class Secured {
  readonly server: NatsServer
  readonly #folder: string
  readonly #seeds: ReadonlyMap<User, string>
  readonly #t: TestContext

  private constructor(t: TestContext, server: NatsServer, folder: string, seeds: ReadonlyMap<User, string>) {
    this.#t = t
    this.server = server
    this.#folder = folder
    this.#seeds = seeds
  }

  /** The printed configuration, with paths, port and keys of this test. */
  static async start(t: TestContext): Promise<Secured> {
    const folder = mkdtempSync(join(tmpdir(), 'parley-nats-conf-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const pairs = new Map(USERS.map(user => [user, nkeys.createUser()]))
    let text = readFileSync(CONFIGURATION, 'utf8')
    const replace = (what: string, by: string) => {
      assert.ok(text.includes(what), `${what} in the configuration`)
      text = text.replaceAll(what, by)
    }
    // Port and store are those of `NatsServer`.
    replace('  store_dir: "/var/lib/nats"\n', '')
    replace('/etc/nats/cert.pem', CERTIFICATE_FILE)
    replace('/etc/nats/key.pem', KEY_FILE)
    for (const [user, pair] of pairs) replace(`NKEY-OF-${user.toUpperCase()}`, pair.getPublicKey())
    const file = join(folder, 'nats-server.conf')
    writeFileSync(file, text)
    const server = await NatsServer.start(t, ['-c', file])
    const seeds = new Map([...pairs].map(([user, pair]) => [user, Buffer.from(pair.getSeed()).toString()]))
    return new Secured(t, server, folder, seeds)
  }

  /** The coordinator of a process with the settings of docs/cluster.md. */
  async coordinator(user: User): Promise<{ coordinator: NatsCoordinator; recorder: Recorder }> {
    const file = join(this.#folder, `${user}.seed`)
    writeFileSync(file, `${this.#seeds.get(user)}\n`, { mode: 0o600 })
    const cluster = { nats: [this.server.url], id: user, prefix: 'parley', replicas: 1, nats_credentials: file }
    const coordinator = openCoordinator({ ...cluster, nats_ca: CERTIFICATE_FILE } as Parameters<
      typeof openCoordinator
    >[0])
    this.#t.after(() => coordinator.close())
    const recorder = new Recorder()
    coordinator.watch(recorder)
    await until(`the coordinator of ${user}`, () => coordinator.isAvailable)
    return { coordinator, recorder }
  }

  /** A plain connection with the key of a process. */
  async connection(user: User) {
    const connection = await connect({
      servers: this.server.url,
      tls: { ca: CERTIFICATE.toString() },
      authenticator: nkeyAuthenticator(Buffer.from(this.#seeds.get(user) ?? '')),
      inboxPrefix: `_INBOX.${user}`,
    })
    this.#t.after(() => connection.close())
    return connection
  }
}

test('with the permissions of the documentation a cluster works', { skip: missingNats }, async t => {
  const secured = await Secured.start(t)
  const [n1, n2, front] = [
    await secured.coordinator('n1'),
    await secured.coordinator('n2'),
    await secured.coordinator('f1'),
  ]
  n1.coordinator.announce(nodeRecord('n1'))
  n2.coordinator.announce(nodeRecord('n2'))
  await until('both records', () => front.recorder.nodes.size === 2 && n1.recorder.nodes.size === 2)
  assert.equal(await n1.coordinator.report(loadReport('n1', 0.5)), true)
  await until('the report', () => front.recorder.loads.get('n1') === 0.5)
  const key = { tenant: 'main', channelId: '500' }
  const placed = await front.coordinator.place(key, { schema: 1, node: 'n1', epoch: 4 })
  assert.equal(placed.kind, 'placed')
  const found = await n1.coordinator.find(key)
  assert.equal(found.kind === 'taken' && found.placed?.record.epoch, 4)
  n1.coordinator.obey('n1', ({ order }) => order === 'drain')
  n2.coordinator.answer('n2', ({ user }) => user === '7')
  const drained = () => front.coordinator.order('n1', { order: 'drain' })
  let isDone: boolean | undefined
  for (let tries = 0; isDone === undefined && tries < 20; tries++) isDone = await drained()
  assert.equal(isDone, true)
  assert.equal(await n1.coordinator.ask({ schema: 1, server: '1', user: '7' }), 'n2')
  assert.equal(await front.coordinator.ask({ schema: 1, server: '1', user: '7' }), 'n2')
  await n2.coordinator.withdraw('n2')
  await until('the withdrawal', () => !front.recorder.nodes.has('n2'))
})

test('a node may not write the record of another, place channels, or order nodes', { skip: missingNats }, async t => {
  const secured = await Secured.start(t)
  const [n1, front] = [await secured.coordinator('n1'), await secured.coordinator('f1')]
  n1.coordinator.announce(nodeRecord('n1'))
  await until('the record', () => front.recorder.nodes.has('n1'))
  const intruder = await secured.connection('n2')
  const kvm = new Kvm(intruder)
  const nodes = await kvm.open('parley_nodes')
  const placements = await kvm.open('parley_place')
  const forged = JSON.stringify(nodeRecord('n1', { lvsp: 'ws://192.0.2.66/lvsp' }))
  await nodes.put('n2', JSON.stringify(nodeRecord('n2')))
  await assert.rejects(nodes.put('n1', forged), /permissions violation/i)
  await assert.rejects(nodes.delete('n1'), /permissions violation/i)
  await assert.rejects(placements.put('main.500', '{"schema":1,"node":"n2","epoch":9}'), /permissions violation/i)
  await assert.rejects(intruder.request('parley.order.n1', '{"schema":1,"order":"drain"}'), /permissions violation/i)
  await assert.rejects(intruder.request('$JS.API.STREAM.DELETE.KV_parley_place', ''), /permissions violation/i)
  await assert.rejects(intruder.request('$JS.API.STREAM.PURGE.KV_parley_nodes', ''), /permissions violation/i)
  // A front places channels, and writes no node.
  const asFront = await secured.connection('f1')
  const ofFront = await new Kvm(asFront).open('parley_nodes')
  await assert.rejects(ofFront.put('n1', forged), /permissions violation/i)
  assert.equal(front.recorder.nodes.get('n1')?.lvsp, nodeRecord('n1').lvsp)
})

test('without a key, or with one that the server does not know, a process is refused', {
  skip: missingNats,
}, async t => {
  const secured = await Secured.start(t)
  const options = { servers: secured.server.url, tls: { ca: CERTIFICATE.toString() } }
  await assert.rejects(connect(options), /authorization violation/i)
  const unknown = nkeyAuthenticator(nkeys.createUser().getSeed())
  await assert.rejects(connect({ ...options, authenticator: unknown }), /authorization violation/i)
})
