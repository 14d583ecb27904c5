// A cluster with a real NATS server: nodes that die, drain and return, NATS that is away, fronts that are replaced.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { NatsCoordinator } from '../../packages/server/src/cluster/nats-coordinator.ts'
import { ClusterBackend, ClusterScene, type ClusterUser, GUILD } from './cluster-scene.ts'
import { missingNats } from './nats-server.ts'
import { until, untilFits } from './until.ts'

const options = { skip: missingNats, timeout: 180_000 }

async function talking(t: TestContext, backend: ClusterBackend, channelId: string, firstUser: number) {
  const speaker = await backend.join(t, channelId, String(firstUser))
  const listener = await backend.join(t, channelId, String(firstUser + 1))
  speaker.talk()
  await until('sound', () => listener.frames.length > 10)
  return { speaker, listener }
}

const heardElsewhere = ({ frames }: ClusterUser, than: string, since: number) =>
  frames.find(({ endpoint, at }) => endpoint !== than && at > since)

test('kill −9 of a node: its calls continue on the other node', options, async t => {
  const scene = await ClusterScene.open(t)
  const nodes = [await scene.node('n1'), await scene.node('n2')]
  const front = await scene.front('f1')
  const backend = await ClusterBackend.connect(t, front.address)
  const { speaker, listener } = await talking(t, backend, '500', 6001)
  assert.equal(listener.endpoint, speaker.endpoint)
  const owner = nodes.find(({ address }) => address === listener.endpoint)!
  const killed = performance.now()
  owner.process.kill()
  await until('sound on the other node', () => heardElsewhere(listener, owner.address, killed) !== undefined)
  const silence = heardElsewhere(listener, owner.address, killed)!.at - killed
  t.diagnostic(`${Math.round(silence)} ms from kill −9 to sound on the other node`)
  const count = listener.frames.length
  await until('more frames', () => listener.frames.length > count + 50)
})

/** Users who never receive the grants of the other node, and stay on `owner`. Resolves when the front has moved both. */
async function movedAway(backend: ClusterBackend, users: readonly ClusterUser[], owner: string): Promise<void> {
  for (const user of users) user.stays = true
  const moved = new Set<string>()
  backend.client.on('granted', ({ userId, endpoint }) => void (endpoint !== owner && moved.add(userId)))
  await until('grants of the other node', () => moved.size === users.length)
}

test('a node that was cut off ends what was placed elsewhere when it returns, without any front', options, async t => {
  const scene = await ClusterScene.open(t)
  const nodes = [await scene.cuttableNode('n1'), await scene.cuttableNode('n2')]
  const front = await scene.front('f1')
  const backend = await ClusterBackend.connect(t, front.address)
  const { speaker, listener } = await talking(t, backend, '500', 6001)
  const owner = nodes.find(({ address }) => address === listener.endpoint)!
  const moved = movedAway(backend, [speaker, listener], owner.address)
  owner.cut()
  await moved
  const heard = listener.frames.length
  await until('sound from the node that is cut off', () => listener.frames.length > heard + 20)
  front.process.kill()
  await front.process.exit
  owner.heal()
  const healed = performance.now()
  await until('the end of the old connections', () => speaker.closes.length + listener.closes.length === 2)
  t.diagnostic(`${Math.round(performance.now() - healed)} ms from the end of the cut to the end of the moved channel`)
  assert.deepEqual([...speaker.closes, ...listener.closes], [4014, 4014])
  assert.match(owner.process.stdout, /"event":"cluster\.fenced"/)
})

test('a node that was stalled (SIGSTOP) ends what was moved when it continues', options, async t => {
  const scene = await ClusterScene.open(t)
  const nodes = [await scene.node('n1'), await scene.node('n2')]
  const front = await scene.front('f1')
  const backend = await ClusterBackend.connect(t, front.address)
  const { speaker, listener } = await talking(t, backend, '500', 6001)
  const owner = nodes.find(({ address }) => address === listener.endpoint)!
  const moved = movedAway(backend, [speaker, listener], owner.address)
  owner.process.signal('SIGSTOP')
  await moved
  owner.process.signal('SIGCONT')
  await until('the end of the old connections', () => speaker.closes.length + listener.closes.length === 2)
  assert.deepEqual([...speaker.closes, ...listener.closes], [4014, 4014])
})

test('SIGTERM of a node moves its calls one by one, and the process ends', options, async t => {
  const scene = await ClusterScene.open(t)
  const nodes = [await scene.node('n1'), await scene.node('n2')]
  const front = await scene.front('f1')
  const backend = await ClusterBackend.connect(t, front.address)
  const calls = [await talking(t, backend, '500', 6001), await talking(t, backend, '501', 6003)]
  const owner = nodes.find(({ address }) => address === calls[0]!.listener.endpoint)!
  const onOwner = calls.filter(({ listener }) => listener.endpoint === owner.address)
  const stopped = performance.now()
  owner.process.signal('SIGTERM')
  for (const { listener } of onOwner) {
    await until('sound elsewhere', () => heardElsewhere(listener, owner.address, stopped) !== undefined)
    const last = listener.frames.filter(({ endpoint }) => endpoint === owner.address).at(-1)!.at
    t.diagnostic(`${Math.round(heardElsewhere(listener, owner.address, stopped)!.at - last)} ms of silence`)
  }
  assert.equal(await owner.process.exit, 0)
})

test('without NATS calls continue and new channels open; afterwards they are registered', options, async t => {
  const scene = await ClusterScene.open(t)
  await scene.node('n1')
  const front = await scene.front('f1')
  const backend = await ClusterBackend.connect(t, front.address)
  const { listener } = await talking(t, backend, '500', 6001)
  await scene.nats.stop()
  scene.nats.forget()
  await front.process.says(/"event":"cluster\.disconnected"/)
  const before = listener.frames.length
  const other = await talking(t, backend, '501', 6003)
  await until('frames without NATS', () => listener.frames.length > before + 50)
  await scene.nats.start()
  await until('NATS', () => front.process.stdout.split('"cluster.connected"').length > 2)
  const coordinator = new NatsCoordinator({
    connection: { servers: scene.nats.url },
    prefix: 'parley',
    replicas: 1,
    refused: assert.fail,
  })
  t.after(() => coordinator.close())
  // NATS started empty: 500 was registered before, 501 was not.
  for (const channelId of ['500', '501'])
    await untilFits(
      `the placement of ${channelId}`,
      async () => {
        const found = await coordinator.find({ tenant: 'main', channelId })
        return found.kind === 'taken' ? found.placed?.record.node : undefined
      },
      node => node === 'n1',
    )
  // The node did not restart, and its channels stay where they are.
  const late = await backend.join(t, '501', '6005')
  assert.equal(late.endpoint, other.listener.endpoint)
  const count = listener.frames.length
  await until('frames after NATS returned', () => listener.frames.length > count + 20)
})

test('a backend continues on another front, which finds its channels where they are', options, async t => {
  const scene = await ClusterScene.open(t)
  await scene.node('n1')
  await scene.node('n2')
  const first = await scene.front('f1')
  const backend = await ClusterBackend.connect(t, first.address)
  const { listener, speaker } = await talking(t, backend, '500', 6001)
  first.process.kill()
  const second = await scene.front('f2')
  const again = await ClusterBackend.connect(t, second.address)
  const channel = await again.client.requestChannel({ guildId: '41771983423143941', channelId: '500' })
  assert.equal(channel.endpoint, speaker.endpoint)
  const third = await again.join(t, '500', '6003')
  assert.equal(third.endpoint, speaker.endpoint)
  await until('sound for the third user', () => third.frames.length > 10)
  const count = listener.frames.length
  await until('sound as before', () => listener.frames.length > count + 20)
})

test(
  'a backend on two fronts: each event arrives once, on the newest; each front knows what the other did',
  options,
  async t => {
    const scene = await ClusterScene.open(t)
    await scene.node('n1')
    await scene.node('n2')
    const [first, second] = [await scene.front('f1'), await scene.front('f2')]
    const older = await ClusterBackend.connect(t, first.address)
    const { listener, speaker } = await talking(t, older, '500', 6001)
    const newer = await ClusterBackend.connect(t, second.address)
    const events: string[] = []
    for (const [name, { client }] of Object.entries({ older, newer }))
      client.on('voiceStateDisconnected', ({ userId }) => void events.push(`${name} ${userId}`))
    const third = await newer.join(t, '500', '6003')
    assert.equal(third.endpoint, speaker.endpoint)
    // The first front let this user in, and the second one ends its voice state.
    newer.client.destroyVoiceState({ guildId: GUILD, channelId: '500', userId: '6001' })
    await until('the end of the speaker', () => speaker.closes.length > 0)
    await until('its event', () => events.length > 0)
    second.process.kill()
    await second.process.exit
    await listener.close()
    await until('the event of the listener', () => events.some(event => event.endsWith('6002')))
    assert.deepEqual(events, ['newer 6001', 'older 6002'])
  },
)

test(
  'parley cluster shows the nodes, drains one and ends that, and moves a channel; the metrics of the front follow',
  options,
  async t => {
    const scene = await ClusterScene.open(t)
    await scene.node('n1')
    await scene.node('n2')
    const { address, socket } = await scene.administeredFront('f1')
    const backend = await ClusterBackend.connect(t, address)
    const { listener } = await talking(t, backend, '500', 6001)
    const run = (...args: string[]) => scene.command('cluster', ...args, '--socket', socket)
    const listed = await run('ls', '--json')
    const { nodes, backends } = JSON.parse(listed)
    assert.deepEqual(nodes.map(({ node, state }: { node: string; state: string }) => [node, state]).sort(), [
      ['n1', 'alive'],
      ['n2', 'alive'],
    ])
    assert.deepEqual([backends[0].connected, backends[0].acts, backends[0].voice_states], [true, true, 2])
    const nodeOf = async () => {
      const { items } = JSON.parse(await scene.command('cluster', 'node', 'n1', '--json', '--socket', socket))
      return items.length === 1 ? 'n1' : 'n2'
    }
    const before = await nodeOf()
    const other = before === 'n1' ? 'n2' : 'n1'
    const from = listener.endpoint
    assert.equal(await run('move', '500', '--to', other), `channel 500 moves from ${before} to ${other}\n`)
    await until('the move', () => listener.endpoint !== from)
    assert.equal(await nodeOf(), other)
    assert.equal(await run('drain', other, '--deadline', '10m'), `node ${other} drains; its channels move\n`)
    await until('the drain', () => listener.endpoint === from)
    assert.equal(await run('undrain', other), `node ${other} accepts channels again\n`)
    const frames = listener.frames.length
    await until('sound after two moves', () => listener.frames.length > frames + 20)
    const metrics = await scene.command('cluster', 'ls', '--socket', socket).then(() => scene.metrics(socket))
    assert.match(metrics, /parley_front_nodes\{state="serving"\} 2/)
    assert.match(metrics, /parley_front_moves_total\{cause="operator"\} 1/)
    assert.match(metrics, /parley_front_moves_total\{cause="drain"\} 1/)
    assert.match(metrics, /parley_front_request_seconds_count\{request="voiceState"\} [1-9]/)
    await assert.rejects(run('drain', 'n9'), /no node n9 in the cluster/)
  },
)
