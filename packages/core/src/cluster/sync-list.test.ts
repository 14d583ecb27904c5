// What a front keeps of a SYNC that is sent in parts, and never ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspFailure } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { FrontBench } from '../testing/front-bench.ts'
import { SyncList } from './sync-list.ts'

const part = (first: number, count: number, users: readonly string[] = []) =>
  Array.from({ length: count }, (_, index) => ({ channelId: String(first + index), userIds: users }))

test('a list of more channels than a tenant may have is refused', () => {
  const list = new SyncList(assert.fail)
  for (let first = 0; first < LIMITS.clusterChannels; first += 1_000) assert.ok(list.list(part(first, 1_000)).ok)
  const refused = list.list(part(LIMITS.clusterChannels, 1))
  assert.equal(!refused.ok && refused.reason.failure, LvspFailure.TooManyChannels)
})

test('a list of more users than a tenant may have is refused, also of one channel that is repeated', () => {
  const list = new SyncList(assert.fail)
  const users = Array.from({ length: 5_000 }, (_, index) => String(index))
  for (let listed = 0; listed < LIMITS.clusterVoiceStates; listed += users.length)
    assert.ok(list.list(part(1, 1, users)).ok)
  const refused = list.list(part(1, 1, users))
  assert.equal(!refused.ok && refused.reason.failure, LvspFailure.TooManyVoiceStates)
})

test('a channel in several parts is listed once, with the users of all', () => {
  const listed: unknown[] = []
  const list = new SyncList((channels, grace) => listed.push([...channels.values()], grace))
  list.list(part(1, 1, ['7']))
  list.list(part(1, 2, ['8']))
  list.finish(5_000)
  assert.deepEqual(listed, [
    [
      { channelId: '1', userIds: ['7', '8'] },
      { channelId: '2', userIds: ['8'] },
    ],
    5_000,
  ])
})

test('of two connections of a backend that list at once, the later list counts', () => {
  const bench = new FrontBench()
  const [first, second] = [bench.backend(), bench.backend()]
  second.info(0, { channel_id: '1' })
  first.info(21, { channels: [], more: true })
  second.info(21, { channels: [{ channel_id: '1', users: [] }], more: true })
  first.info(21, { channels: [] })
  assert.deepEqual(
    second.infos(17).map(({ code, in_reply_to }) => [code, in_reply_to.type]),
    [[LvspFailure.Unavailable, 21]],
  )
  second.info(21, { channels: [] })
  assert.deepEqual(
    bench.front.inspect().channels.map(({ channelId, stage }) => [channelId, stage]),
    [['1', 'open']],
  )
})
