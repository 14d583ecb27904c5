// What a node that refuses a channel, or its users, does to a channel that was open: nothing ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspFailure } from '@parley/protocol'
import { type Asked, FrontBench, granted, refusedWith } from '../testing/front-bench.ts'
import { nodeRecord } from '../testing/node-record.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const user = (user_id: string) => ({ ...CHANNEL, user_id })

/** A channel with two users on `n1`. */
function onFirst(properties = {}) {
  const bench = new FrontBench()
  const backend = bench.backend()
  backend.info(0, { ...CHANNEL, channel_properties: properties })
  for (const id of ['1', '2']) backend.info(3, user(id))
  assert.equal(node(bench), 'n1')
  bench.commands.length = 0
  return { bench, backend }
}

const node = ({ front }: FrontBench) => front.inspect().channels[0]?.node
const stage = ({ front }: FrontBench) => front.inspect().channels[0]?.stage
const users = ({ front }: FrontBench) => front.inspect().backends[0]?.voiceStates
const ended = ({ commands }: FrontBench) =>
  commands.flatMap(({ node, command: { kind } }) => (kind === 'destroyChannel' ? [node] : []))

/** These nodes refuse the requests of a kind with this code. */
function refuse(bench: FrontBench, nodes: readonly string[], kind: Asked['request']['kind'], code: LvspFailure): void {
  const isOfNode = code !== LvspFailure.ChannelConflict
  bench.answer = ({ node, request }) =>
    nodes.includes(node) && request.kind === kind ? refusedWith(code, isOfNode) : granted(node)
}

function drain(bench: FrontBench, id: string): void {
  bench.front.nodeAnnounced(nodeRecord(id, { state: 'draining' }), bench.now)
  bench.advance(1_000)
}

/** Its port is closed, and later again open. */
function die(bench: FrontBench, id: string): void {
  bench.probed = probed => (probed === id ? 'refused' : 'alive')
  bench.front.linkLost(id, bench.now)
  bench.settle()
}

for (const code of [LvspFailure.TooMuchMemory, LvspFailure.ChannelConflict]) {
  test(`a draining node: a target that refuses with ${code} is passed over`, () => {
    const { bench } = onFirst()
    refuse(bench, ['n2'], 'channel', code)
    drain(bench, 'n1')
    assert.deepEqual([node(bench), stage(bench), users(bench)], ['n3', 'open', 2])
  })

  test(`a draining node: the channel stays where all others refuse it with ${code}`, () => {
    const { bench, backend } = onFirst()
    refuse(bench, ['n2', 'n3'], 'channel', code)
    drain(bench, 'n1')
    assert.deepEqual([node(bench), stage(bench), users(bench)], ['n1', 'open', 2])
    assert.ok(!ended(bench).includes('n1'), 'the call on its node goes on')
    assert.deepEqual(backend.infos(17), [])
  })

  test(`a node dies: the channel waits while all others refuse it with ${code}`, () => {
    const { bench, backend } = onFirst()
    refuse(bench, ['n2', 'n3'], 'channel', code)
    die(bench, 'n1')
    assert.deepEqual([stage(bench), users(bench)], ['stranded', 2])
    assert.deepEqual(backend.infos(17), [])
    bench.answer = ({ node }) => granted(node)
    bench.advance(2_000)
    assert.deepEqual([node(bench), stage(bench), users(bench)], ['n2', 'open', 2])
  })
}

for (const code of [LvspFailure.TooManyVoiceStates, LvspFailure.TooMuchMemory, LvspFailure.Unavailable]) {
  test(`a node that refuses a user of a moved channel with ${code}: the channel moves on with all its users`, () => {
    const { bench, backend } = onFirst()
    refuse(bench, ['n2'], 'voiceState', code)
    drain(bench, 'n1')
    assert.deepEqual([node(bench), stage(bench), users(bench)], ['n3', 'open', 2])
    assert.deepEqual(backend.infos(17), [])
    assert.deepEqual(
      backend.infos(4).map(({ endpoint, user_id }) => `${user_id} ${endpoint}`),
      ['1 n1', '2 n1', '1 n3', '2 n3'],
    )
    assert.deepEqual(ended(bench), ['n1', 'n2'])
  })

  test(`a user of a moved channel that every other node refuses with ${code} is refused`, () => {
    const { bench, backend } = onFirst()
    refuse(bench, ['n2', 'n3'], 'voiceState', code)
    drain(bench, 'n1')
    assert.deepEqual(
      backend.infos(17).map(each => [each.code, each.in_reply_to.data.user_id]),
      ['1', '2'].map(id => [code, id]),
    )
  })
}

test('a channel that the operator moved returns where no other node accepts its users', () => {
  const { bench, backend } = onFirst()
  refuse(bench, ['n2', 'n3'], 'voiceState', LvspFailure.TooManyVoiceStates)
  assert.equal(bench.front.moveChannel('main', '500', 'n2'), 'moving')
  bench.advance(1_000)
  assert.deepEqual([node(bench), stage(bench), users(bench)], ['n1', 'open', 2])
  assert.deepEqual(backend.infos(17), [])
})

test('a channel that cannot move on stays, and asks again for the users that were refused', () => {
  const { bench, backend } = onFirst()
  bench.answer = ({ node, request }) => {
    if (node === 'n3') return refusedWith(LvspFailure.TooMuchMemory, true)
    const isRefused = node === 'n2' && request.kind === 'voiceState' && request.request.userId === '2'
    return isRefused ? refusedWith(LvspFailure.TooManyVoiceStates, true) : granted(node)
  }
  drain(bench, 'n1')
  assert.deepEqual([node(bench), stage(bench), users(bench)], ['n2', 'open', 1])
  assert.deepEqual(
    backend.infos(17).map(each => [each.code, each.in_reply_to.data.user_id]),
    [[LvspFailure.TooManyVoiceStates, '2']],
  )
})

test('a user above the bound of the channel moves no channel', () => {
  const { bench, backend } = onFirst({ max_members: 1 })
  bench.answer = ({ node, request }) => {
    const isRefused = node !== 'n1' && request.kind === 'voiceState' && request.request.userId === '2'
    return isRefused ? refusedWith(LvspFailure.TooManyVoiceStates, true) : granted(node)
  }
  drain(bench, 'n1')
  assert.equal(node(bench), 'n2')
  assert.equal(backend.infos(17).length, 1)
})

test('the first user of a channel makes it leave full nodes; a further one is refused', () => {
  const { bench, backend } = onFirst()
  refuse(bench, ['n1', 'n2'], 'voiceState', LvspFailure.TooManyVoiceStates)
  backend.info(3, user('3'))
  assert.equal(node(bench), 'n1')
  assert.deepEqual(
    backend.infos(17).map(({ code }) => code),
    [LvspFailure.TooManyVoiceStates],
  )
  backend.info(3, { guild_id: '200', channel_id: '600', user_id: '3' })
  assert.equal(bench.front.inspect().channels[1]?.node, 'n3')
  assert.equal(backend.infos(4).at(-1).endpoint, 'n3')
  assert.equal(backend.infos(17).length, 1)
})

test('a new channel that every node refuses is refused', () => {
  const bench = new FrontBench()
  const backend = bench.backend()
  refuse(bench, ['n1', 'n2', 'n3'], 'channel', LvspFailure.TooMuchMemory)
  backend.info(0, CHANNEL)
  assert.deepEqual(
    backend.infos(17).map(({ code }) => code),
    [LvspFailure.Unavailable],
  )
  assert.deepEqual(bench.front.inspect().channels, [])
})
