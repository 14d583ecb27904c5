// Splitting a SYNC into messages.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspCommands, LvspInfo } from '@parley/protocol'
import fc from 'fast-check'
import { type SyncedChannel, syncParts } from './sync-parts.ts'

test('a backend without channels sends one empty part', () => {
  assert.deepEqual(syncParts([]), [{ channels: [] }])
})

test('the parts name every channel and user, and each fits into a message', () => {
  const crowd = (size: number) => Array.from({ length: size }, (_, i) => String(2n ** 63n + BigInt(i)))
  const Channel = fc.record({ users: fc.nat(1_300), hasGuild: fc.boolean() })
  fc.assert(
    fc.property(fc.array(Channel, { maxLength: 30 }), fc.nat(1_500), (large, empty) => {
      const channels: SyncedChannel[] = [
        ...large.map(({ users, hasGuild }, i) => ({
          channelId: String(i),
          guildId: hasGuild ? '9'.repeat(19) : undefined,
          userIds: crowd(users),
        })),
        ...Array.from({ length: empty }, (_, i) => ({ channelId: `${10 ** 18 + i * 1_000}`, userIds: [] })),
      ]
      const parts = syncParts(channels)
      const named = new Map<string, string[]>()
      for (const [i, part] of parts.entries()) {
        assert.equal(part.more, i < parts.length - 1 ? true : undefined)
        assert.ok(LvspCommands[LvspInfo.Sync].safeParse(part).success)
        assert.ok(JSON.stringify({ op: 6, d: { type: 21, data: part } }).length < 65_536)
        for (const { channel_id, users } of part.channels)
          named.set(channel_id, [...(named.get(channel_id) ?? []), ...users.map(user => user.user_id)])
      }
      assert.deepEqual(named, new Map(channels.map(({ channelId, userIds }) => [channelId, [...userIds]])))
    }),
    { numRuns: 30 },
  )
})
