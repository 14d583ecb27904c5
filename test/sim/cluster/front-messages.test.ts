// Every message that a node sends to a backend, sent once by a node directly and once through a front: the backend receives the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LvspEvent, LvspEvents, LvspInfo } from '@parley/protocol'
import { ALL_CAPABILITIES, LvspBench, type LvspSocket } from '../../../packages/core/src/testing/lvsp-bench.ts'
import { ClusterSim, GUILD } from './cluster-sim.ts'

const CHANNEL = { channel_id: '500', guild_id: GUILD }
const REF = { channelId: '500', guildId: GUILD }
const USER = { ...CHANNEL, user_id: '1' }
const SESSION = { ...REF, userId: '1', sessionId: 'of-1', protocol: 'udp' as const }
const SOURCE = { ...REF, userId: '1', kind: 'camera' as const, state: 'live' as const, viewers: 1 }
const VIEW = {
  ...REF,
  userId: '2',
  senderId: '1',
  kind: 'screen' as const,
  layers: 3,
  wanted: 2,
  target: 1,
  current: 0,
  temporal: 1,
  reason: 'bandwidth' as const,
  bitrate: 300_000,
  estimate: 400_000,
}

/** One node and a backend, connected directly or through a front. */
interface World {
  /** What happens on the node. */
  readonly node: LvspBench
  /** A command of the backend. */
  command(type: number, data: object): void
  /** Another connection of the backend: to the node, or to another front. */
  connectAnother(): void
  closeAnother(): void
  readonly infos: { type: number; data: object }[]
}

type Case = { readonly cause: (world: World) => void } | { readonly onlyToFronts: true }

/** A message that is missing here does not compile; one that a front does not pass on fails. */
const CASES: Readonly<Record<LvspEvent, Case>> = {
  [LvspInfo.ChannelAssign]: { cause: ({ command }) => command(LvspInfo.ChannelRequest, CHANNEL) },
  [LvspInfo.VoiceStateDone]: { cause: ({ command }) => command(LvspInfo.TokenRefresh, USER) },
  [LvspInfo.Failure]: {
    cause: ({ command }) => {
      command(LvspInfo.ChannelDestroy, { channel_id: '999' })
      command(LvspInfo.VoiceStateDestroy, { ...USER, user_id: '7' })
      command(LvspInfo.VoiceStateUpdate, { ...USER, user_id: '7', mute: true })
      command(LvspInfo.TokenRefresh, { ...USER, user_id: '7' })
      command(LvspInfo.ChannelRequest, { ...CHANNEL, guild_id: '9' })
      command(99, {})
      command(LvspInfo.ChannelUpdate, {})
    },
  },
  [LvspInfo.VoiceStateConnected]: { cause: ({ node }) => node.lvsp.voiceStateConnected('main', SESSION) },
  [LvspInfo.VoiceStateDisconnected]: {
    cause: ({ node, command }) => {
      node.lvsp.voiceStateDisconnected('main', { ...SESSION, code: 4014, resumable: false })
      command(LvspInfo.VoiceStateDestroy, USER)
      node.lvsp.voiceStateDisconnected('main', { ...SESSION, sessionId: 'second', code: 1006, resumable: true })
    },
  },
  [LvspInfo.VoiceStateSpeaking]: {
    cause: ({ node }) => node.lvsp.speaking('main', { ...SESSION, speaking: 5, video: true }),
  },
  [LvspInfo.ChannelDave]: {
    cause: ({ node }) => node.lvsp.channelDave('main', { ...REF, version: 1, epoch: 7, members: 2 }),
  },
  [LvspInfo.ChannelDraining]: { cause: ({ node }) => node.lvsp.channelDraining('main', { ...REF, timeout: 9_000 }) },
  [LvspInfo.VideoSource]: {
    cause: ({ node }) => {
      node.lvsp.videoSource('main', SOURCE)
      node.lvsp.videoSource('main', { ...SOURCE, state: 'paused' })
      node.lvsp.videoSource('main', { ...SOURCE, state: 'ended', viewers: 0 })
    },
  },
  [LvspInfo.VideoView]: {
    cause: ({ node }) => {
      node.lvsp.videoView('main', VIEW)
      node.lvsp.videoView('main', { ...VIEW, temporal: undefined, reason: undefined, estimate: undefined })
    },
  },
  [LvspInfo.Receiver]: {
    cause: ({ connectAnother, closeAnother }) => {
      connectAnother()
      closeAnother()
    },
  },
  [LvspInfo.Stats]: {
    cause: ({ node, command }) => {
      Object.assign(node.usage('main').views, { best: 2, bandwidth: 1 })
      command(LvspInfo.Stats, {})
      command(LvspInfo.Stats, {})
    },
  },
  [LvspInfo.ChannelMirror]: { onlyToFronts: true },
  [LvspInfo.VoiceStateMirror]: { onlyToFronts: true },
}

function direct(): World {
  const node = new LvspBench()
  const capabilities = ALL_CAPABILITIES.filter(name => name !== 'front')
  const socket = node.backend(undefined, capabilities)
  let another: LvspSocket | undefined
  return {
    node,
    command: (type, data) => void socket.info(type, data),
    connectAnother: () => {
      another = node.backend(undefined, capabilities)
    },
    closeAnother: () => another?.drop(),
    get infos() {
      node.settle()
      return socket.ops(6)
    },
  }
}

function throughFront(): World {
  const sim = new ClusterSim(1, 1, 2)
  const [first, second] = sim.fronts
  const settled = () => {
    sim.nodes[0]!.bench.settle()
    sim.advance(200)
  }
  return {
    node: sim.nodes[0]!.bench,
    command: (type, data) => {
      settled()
      sim.backend.info(type, data)
      settled()
    },
    connectAnother: () => {
      sim.backend.connect(second!)
      settled()
    },
    closeAnother: () => {
      sim.backend.disconnect(second!)
      settled()
    },
    get infos() {
      settled()
      return sim.backend.infos.filter(({ front }) => front === first)
    },
  }
}

/** What differs between two nodes: secrets, addresses, what the whole node sends, its health. */
const comparable = ({ type, data }: { type: number; data: object }) => {
  const { token, endpoint, session_id, egress_bps, health, ...rest } = data as Record<string, unknown>
  return { type, data: JSON.parse(JSON.stringify(rest)), has: [token, endpoint].map(each => each !== undefined) }
}

/** The messages of the case, in the order of their arrival. */
function messagesOf(world: World, cause: (world: World) => void) {
  world.command(LvspInfo.ChannelRequest, CHANNEL)
  for (const user_id of ['1', '2']) world.command(LvspInfo.VoiceStateCreate, { ...CHANNEL, user_id })
  const before = world.infos.length
  cause(world)
  return world.infos.slice(before).map(comparable)
}

for (const [name, type] of Object.entries(LvspInfo)) {
  if (!(type in LvspEvents)) continue
  const entry = CASES[type as LvspEvent]
  if ('onlyToFronts' in entry) continue
  test(`a backend receives ${name} through a front as from a node`, () => {
    const expected = messagesOf(direct(), entry.cause)
    assert.ok(
      expected.some(message => message.type === type),
      'the node sends it',
    )
    assert.deepEqual(messagesOf(throughFront(), entry.cause), expected)
  })
}

test('a front offers its backends the capabilities of a node, except those between fronts and nodes', () => {
  const node = direct().node.open().ops(0)[0].capabilities as string[]
  const sim = new ClusterSim(1, 1, 1)
  const front = sim.fronts[0]!
  front.front.connectionOpened(99, { remoteAddress: '192.0.2.1' }, sim.now)
  const [hello] = front.front.takeEffects().flatMap(effect => (effect.kind === 'send' ? [String(effect.data)] : []))
  assert.deepEqual(
    JSON.parse(hello!).d.capabilities,
    node.filter(name => name !== 'front'),
  )
})

/** A channel on the first of two nodes, with a backend that was sent a live camera in it. */
function camera(fronts: number) {
  const sim = new ClusterSim(3, 2, fronts)
  sim.nodes[1]!.isDraining = true
  sim.announce(sim.nodes[1]!)
  sim.advance(100)
  sim.backend.info(LvspInfo.VoiceStateCreate, USER)
  sim.advance(500)
  const [node, other] = sim.nodes
  /** Sends an event of the node; it is on its way when this returns. */
  const report = (cause: (lvsp: LvspBench['lvsp']) => void) => {
    cause(node!.bench.lvsp)
    node!.bench.settle()
  }
  report(lvsp => lvsp.videoSource('main', SOURCE))
  sim.advance(100)
  const types = () => sim.backend.infos.splice(0).map(({ front, type, data }) => [front.id, type, data.state])
  assert.deepEqual(types().at(-1), ['f1', LvspInfo.VideoSource, 'live'])
  return { sim, node: node!, other: other!, report, types }
}

test('a front keeps and passes on no camera of a user who is not in the channel', () => {
  const { report, sim, types } = camera(1)
  report(lvsp => {
    for (let user = 100; user < 200; user++) lvsp.videoSource('main', { ...SOURCE, userId: String(user) })
  })
  sim.advance(100)
  assert.deepEqual(types(), [])
})

test('the cameras of a channel that moves end before its new grants', () => {
  const { sim, node, other, types } = camera(1)
  other.isDraining = false
  sim.announce(other)
  sim.advance(100)
  sim.kill(node)
  sim.advance(2_000)
  assert.deepEqual(types(), [
    ['f1', LvspInfo.VideoSource, 'ended'],
    ['f1', LvspInfo.ChannelAssign, undefined],
    ['f1', LvspInfo.VoiceStateDone, undefined],
  ])
})

test('a camera that ends as a front stops is reported by the next receiver', () => {
  const { sim, report, types } = camera(2)
  const second = sim.fronts[1]!
  sim.backend.connect(second)
  sim.advance(500)
  report(lvsp => lvsp.videoSource('main', { ...SOURCE, state: 'ended', viewers: 0 }))
  second.kill()
  sim.backend.lost(second)
  sim.advance(5_000)
  const ends = types().filter(([, type]) => type === LvspInfo.VideoSource)
  assert.deepEqual(ends, [['f1', LvspInfo.VideoSource, 'ended']])
})

test('a session that ends with its channel is reported', () => {
  const { sim, report, types } = camera(1)
  sim.backend.info(LvspInfo.ChannelDestroy, CHANNEL)
  report(lvsp => lvsp.voiceStateDisconnected('main', { ...SESSION, code: 4014, resumable: false }))
  sim.advance(500)
  assert.deepEqual(types(), [['f1', LvspInfo.VoiceStateDisconnected, undefined]])
  report(lvsp => lvsp.voiceStateDisconnected('main', { ...SESSION, sessionId: 'late', code: 4014, resumable: false }))
  sim.advance(500)
  assert.deepEqual(types(), [], 'the node has confirmed the end')
})

test('nodes send fronts nothing about video unless the backend wants it', () => {
  const { sim, node, report, types } = camera(1)
  assert.equal(node.bench.lvsp.receivesVideo('main'), true)
  sim.backend.disconnect(sim.fronts[0]!)
  sim.advance(100)
  sim.backend.connect(sim.fronts[0]!, ['events'])
  sim.advance(100)
  assert.equal(node.bench.lvsp.receivesVideo('main'), false)
  types()
  report(lvsp => lvsp.videoSource('main', { ...SOURCE, viewers: 2 }))
  sim.advance(100)
  assert.deepEqual(types(), [])
})
