// Collecting the parts of a SYNC.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { SyncList } from './sync-list.ts'

const users = (...ids: string[]) => ids.map(user_id => ({ user_id }))

test('parts are merged, also those of one channel', () => {
  const list = new SyncList()
  assert.ok(list.add([{ channel_id: '5', guild_id: '1', users: users('7') }]))
  assert.ok(
    list.add([
      { channel_id: '5', users: users('8') },
      { channel_id: '6', users: [] },
    ]),
  )
  assert.deepEqual(list.channels(), [
    { channelId: '5', guildId: '1', userIds: ['7', '8'] },
    { channelId: '6', guildId: undefined, userIds: [] },
  ])
})

test('a list with too many channels or users is rejected', () => {
  const channels = new SyncList()
  const part = (from: number) => Array.from({ length: 1_000 }, (_, i) => ({ channel_id: String(from + i), users: [] }))
  for (let i = 0; i < LIMITS.channelsPerBackend; i += 1_000) assert.ok(channels.add(part(i)))
  assert.ok(!channels.add([{ channel_id: 'one more', users: [] }]))

  const many = new SyncList()
  const crowd = users(...Array.from({ length: 5_000 }, (_, i) => String(i)))
  for (let i = 0; i < LIMITS.lvspSyncUsers; i += 5_000) assert.ok(many.add([{ channel_id: '5', users: crowd }]))
  assert.ok(!many.add([{ channel_id: '5', users: users('one more') }]))
})
