// What a node announces to its cluster: its capacity once its lanes have measured it, or as configured; and its load.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LvspClient } from '@parley/client'
import type { LoadReport, NodeRecord } from '@parley/protocol'
import { App } from '../app.ts'
import { configOf } from '../config/config.ts'
import { Native } from '../lane/engine/native-calls.ts'
import { MemoryCoordinator, SharedMemory } from './memory-coordinator.ts'
import { NodeMember } from './node-member.ts'

const loaded = await Native.load()

const SECRET = 'the secret of the backend in this test'

/** A node with one lane, and what a front receives of it until `fits` holds. */
async function announced(
  t: TestContext,
  cluster: { packets_per_second?: number },
  fits: (record: NodeRecord | undefined, report: LoadReport | undefined) => boolean,
  before = async (_app: App) => {},
) {
  const config = configOf({
    http: { listen: '127.0.0.1:0' },
    media: { listen: '127.0.0.1', port: 0, lanes: 1 },
    log: { level: 'silent' },
    cluster: { nats: ['127.0.0.1'], id: 'n1', ...cluster },
    backend: [{ secret: SECRET }],
  })
  const shared = new SharedMemory()
  const app = await App.start(config)
  t.after(() => app.close())
  await before(app)
  let record: NodeRecord | undefined
  let report: LoadReport | undefined
  await new Promise<void>(resolve => {
    const check = () => fits(record, report) && resolve()
    new MemoryCoordinator(shared).watch({
      nodeAnnounced(each) {
        record = each
        check()
      },
      loadReported(each) {
        report = each
        check()
      },
      nodeWithdrawn() {},
      availabilityChanged() {},
      malformed: assert.fail,
    })
    const member = new NodeMember(app, config, new MemoryCoordinator(shared))
    t.after(() => member.leave())
  })
  return { record, report }
}

test('a node announces what its lanes can send as soon as they have measured it', {
  skip: !loaded.ok && loaded.reason,
}, async t => {
  const { record } = await announced(t, {}, each => each?.packets !== undefined)
  assert.ok(record!.packets! > 5_000)
  assert.equal(new URL(record!.gateway!).pathname, '/')
})

test('a configured capacity is announced at once, and an idle node reports no load of packets', async t => {
  const { record, report } = await announced(t, { packets_per_second: 123_456 }, (_, each) => (each?.load ?? 1) < 0.9)
  assert.equal(record!.packets, 123_456)
  // On a busy machine the first reports may name its load instead.
  assert.ok(report!.load < 0.9)
})

test('a node reports the highest epoch that fronts have sent for each backend, also of a channel that ended', async t => {
  const epoch = 1_800_000_000_000
  const place = async (app: App) => {
    const front = new LvspClient({ url: app.lvspUrl, secret: SECRET, front: 'f1', allowPlaintext: true })
    t.after(() => front.close())
    await front.connect()
    const channel = { channelId: '500', guildId: '100' }
    await front.requestChannel(channel, {}, { epoch })
    front.destroyChannel(channel)
    await front.requestChannel({ ...channel, channelId: '501' }, {}, { epoch: epoch - 1 })
  }
  const { report } = await announced(t, {}, (_, each) => each !== undefined, place)
  assert.deepEqual(report!.epochs, { main: epoch })
})
