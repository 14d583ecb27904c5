// What a front keeps of a node that lists channels and voice states without end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { TenantChannels } from './front-channel.ts'
import { Mirror, type MirroredChannel, type MirroredVoiceState } from './mirror.ts'
import type { Placer } from './placer.ts'

const GUILD = '100'

/** A front that reads what the node `n1` lists; it places nothing. */
function listing() {
  const tenant = new TenantChannels()
  const lost: string[] = []
  const placer = { observe() {}, endElsewhere() {}, check() {} } as unknown as Placer
  const mirror = new Mirror({
    tenant: () => tenant,
    placer,
    acts: () => false,
    adoptsTokens: () => false,
    lost: ({ ref }) => lost.push(ref.channelId),
    opened() {},
  })
  mirror.lost('n1', 'main')
  const channel = (channelId: string, changes: Partial<MirroredChannel> = {}) =>
    mirror.channel('n1', 'main', {
      channelId,
      guildId: GUILD,
      token: 'token',
      epoch: 1,
      properties: {},
      isEnded: false,
      ...changes,
    })
  const user = (channelId: string, userId: string, changes: Partial<MirroredVoiceState> = {}) =>
    mirror.voiceState('n1', 'main', {
      channelId,
      guildId: GUILD,
      userId,
      token: 'token',
      sessionId: `session of ${userId} in ${channelId}`,
      connected: true,
      restrictions: {},
      isEnded: false,
      ...changes,
    })
  return { tenant, mirror, channel, user, lost }
}

test('a node that lists and ends channels without end leaves nothing', () => {
  const { tenant, mirror, channel, user } = listing()
  for (let index = 0; index < 1_000; index++) {
    channel(String(index))
    user(String(index), '1')
    user(String(index), '2')
    user(String(index), '2', { isEnded: true })
    channel(String(index), { isEnded: true })
  }
  assert.deepEqual([mirror.listed, tenant.size, tenant.seats], [0, 0, 0])
})

test('a node that lists more than a tenant may have is ignored', () => {
  const { tenant, mirror, channel, user } = listing()
  channel('1')
  user('1', '1')
  Object.defineProperty(tenant, 'size', { value: LIMITS.clusterChannels })
  Object.defineProperty(tenant, 'seats', { value: LIMITS.clusterVoiceStates })
  for (let index = 2; index < 1_000; index++) {
    channel(String(index))
    user('1', String(index))
    user(String(index), '1')
  }
  assert.equal(mirror.listed, 2)
})

test('what a node has listed when it is ready stays, and the rest ends', () => {
  const { tenant, mirror, channel, user } = listing()
  for (const id of ['1', '2']) {
    channel(id)
    user(id, '1')
    user(id, '2')
  }
  mirror.ready('n1', 'main', 'all', false)
  mirror.lost('n1', 'main')
  channel('2')
  user('2', '2')
  mirror.ready('n1', 'main', 'all', false)
  assert.equal(mirror.listed, 0)
  assert.deepEqual(
    Array.from(tenant.all, ({ ref, seats }) => [ref.channelId, ...seats.keys()]),
    [['2', '2']],
  )
})

test('what another process of the node does not list is lost, unless its record is to say so', () => {
  for (const isRestarted of [true, false]) {
    const { tenant, mirror, channel, lost } = listing()
    for (const id of ['1', '2']) channel(id)
    mirror.ready('n1', 'main', 'all', false)
    mirror.lost('n1', 'main')
    channel('2')
    mirror.ready('n1', 'main', 'otherSession', isRestarted)
    assert.deepEqual(lost, isRestarted ? ['1'] : [])
    assert.equal(tenant.size, 2)
  }
})
