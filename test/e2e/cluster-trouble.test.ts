// Trouble between the processes of a cluster while users talk: stalled fronts, partial cuts, a slow NATS, one that is away for long, returns
// older, or empty. No call is affected, new channels open, and NATS has every placement again within ten seconds.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { NatsCoordinator } from '../../packages/server/src/cluster/nats-coordinator.ts'
import { parley } from './admin-command.ts'
import { ClusterBackend, ClusterScene, type ClusterUser } from './cluster-scene.ts'
import { CutProxy } from './cut-proxy.ts'
import { missingNats } from './nats-server.ts'
import { until, untilFits } from './until.ts'

/** Frames of 20 ms. Five seconds are longer than three heartbeats and a probe, after which a node could count as dead. */
const SECOND = 50
const FIVE_SECONDS = 250
const REBUILT = 10_000

interface ListedNode {
  node: string
  state: string
  channels: number
  placed: number
}

/** Two nodes with a call on each, and a front. Everything reaches NATS through a proxy. */
class Trouble {
  readonly scene: ClusterScene
  readonly calls: ClusterUser[] = []
  /** Channels in which a user has been. */
  #channels = 0
  readonly #t: TestContext

  constructor(t: TestContext, scene: ClusterScene) {
    this.#t = t
    this.scene = scene
  }

  /** A user in a channel of its own who talks, and one who listens. */
  async call(backend: ClusterBackend): Promise<ClusterUser> {
    const channelId = String(500 + this.#channels)
    const first = 6_001 + 2 * this.#channels++
    const speaker = await backend.join(this.#t, channelId, String(first))
    const listener = await backend.join(this.#t, channelId, String(first + 1))
    speaker.talk()
    await until('sound', () => listener.frames.length > 10)
    this.calls.push(speaker, listener)
    return listener
  }

  get channelIds(): string[] {
    return Array.from({ length: this.#channels }, (_, index) => String(500 + index))
  }

  /** Resolves when each listener has received so many frames; none has reconnected or moved. */
  async undisturbed(frames: number): Promise<void> {
    const listeners = this.calls.filter((_, index) => index % 2 === 1)
    const before = listeners.map(each => each.frames.length)
    const endpoints = this.calls.map(each => each.endpoint)
    await until('sound in each call', () =>
      listeners.every((each, index) => each.frames.length >= before[index]! + frames),
    )
    assert.deepEqual(
      this.calls.map(each => each.endpoint),
      endpoints,
    )
    assert.deepEqual(
      this.calls.flatMap(each => each.closes),
      [],
    )
  }

  /** Each channel is on one node: nodes report as many as the front has placed there. */
  async consistent(socket: string): Promise<void> {
    const count = this.#channels
    await untilFits(
      'each channel on one node',
      async () => JSON.parse(await parley(socket, 'parley cluster ls --json')).nodes as ListedNode[],
      nodes =>
        nodes.length === 2 &&
        nodes.every(({ state, channels, placed }) => state === 'alive' && channels === placed) &&
        nodes.reduce((sum, { channels }) => sum + channels, 0) === count,
    )
  }
}

test('trouble between the processes of a cluster affects no call', { skip: missingNats, timeout: 240_000 }, async t => {
  const scene = await ClusterScene.open(t)
  const { nats } = scene
  const slow = await CutProxy.open(t, nats.port)
  const via = { PARLEY_CLUSTER_NATS: `127.0.0.1:${slow.port}` }
  const first = await scene.cuttableNode('n1', slow.port)
  const second = await scene.cuttableNode('n2', slow.port)
  const { address, socket, process: front } = await scene.administeredFront('f1', via)
  const backend = await ClusterBackend.connect(t, address)
  const trouble = new Trouble(t, scene)
  await trouble.consistent(socket)
  while (new Set(trouble.calls.map(({ endpoint }) => endpoint)).size < 2) await trouble.call(backend)

  await t.test('a stalled front (SIGSTOP) does what it was asked when it continues', async () => {
    front.signal('SIGSTOP')
    const answer = trouble.call(backend)
    await trouble.undisturbed(2 * SECOND)
    front.signal('SIGCONT')
    await answer
    await trouble.consistent(socket)
  })

  await t.test('a node without NATS keeps its calls: it answers the front', async () => {
    first.nats.cut()
    await trouble.undisturbed(FIVE_SECONDS)
    const before = await trouble.call(backend)
    assert.ok(before.endpoint !== '')
    first.nats.heal()
    await trouble.consistent(socket)
  })

  for (const direction of ['toTarget', 'fromTarget'] as const)
    await t.test(`a node that the front does not reach keeps its calls (cut: ${direction})`, async () => {
      second.lvsp.cut(direction)
      await trouble.undisturbed(3 * SECOND)
      const listener = await trouble.call(backend)
      assert.equal(listener.endpoint, first.address)
      second.lvsp.heal()
      await trouble.consistent(socket)
    })

  await t.test('a slow NATS (2 s): new channels open without it', async () => {
    slow.delay = 2_000
    await trouble.call(backend)
    await trouble.undisturbed(2 * SECOND)
    slow.delay = 0
    await trouble.consistent(socket)
  })

  const registry = new NatsCoordinator({
    connection: { servers: nats.url },
    prefix: 'parley',
    replicas: 1,
    refused: assert.fail,
  })
  t.after(() => registry.close())

  /** What happens to NATS while it is away; a new channel opens before it returns. */
  const away = async (t: TestContext, frames: number, change: () => void) => {
    await nats.stop()
    change()
    await trouble.undisturbed(frames)
    await trouble.call(backend)
    await nats.start()
    const started = performance.now()
    const lacking = async () => {
      const found = await Promise.all(trouble.channelIds.map(channelId => registry.find({ tenant: 'main', channelId })))
      return found.filter(outcome => outcome.kind === 'unavailable' || outcome.placed === undefined).length
    }
    await untilFits('every placement', lacking, count => count === 0)
    const rebuilt = performance.now() - started
    t.diagnostic(`${trouble.channelIds.length} placements after ${Math.round(rebuilt)} ms`)
    assert.ok(rebuilt < REBUILT, `${rebuilt} ms`)
    await trouble.undisturbed(SECOND / 2)
    await trouble.consistent(socket)
  }
  await t.test('NATS returns as it was', t => away(t, FIVE_SECONDS, () => nats.save()))
  await t.test('NATS returns as it was before the last channel', t => away(t, SECOND, () => nats.rollBack()))
  await t.test('NATS returns empty', t => away(t, SECOND, () => nats.forget()))
})
