// SYNC against a model: what is not listed is destroyed, what is created during it is kept.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LIMITS } from '../limits.ts'
import { ALL_CAPABILITIES, LvspBench, type LvspSocket, SECRET } from '../testing/lvsp-bench.ts'

const id = (max: number) => fc.integer({ min: 1, max }).map(String)
const Command = fc.record({
  do: fc.constantFrom('create', 'create', 'create', 'leave', 'destroy'),
  channel: id(5),
  user: id(4),
})
/** A part of a SYNC: channels with users. */
const Part = fc.dictionary(id(5), fc.uniqueArray(id(4), { maxLength: 4 }), { maxKeys: 4 })

class Model {
  readonly channels = new Map<string, Set<string>>()
  run(command: { do: string; channel: string; user: string }): void {
    const users = this.channels.get(command.channel) ?? new Set()
    if (command.do === 'destroy') this.channels.delete(command.channel)
    else if (command.do === 'leave') users.delete(command.user)
    else this.channels.set(command.channel, users.add(command.user))
  }
  get state(): string[] {
    return [...this.channels].map(([channel, users]) => `${channel}: ${[...users].sort()}`).sort()
  }
}

function run(backend: LvspSocket, command: { do: string; channel: string; user: string }): void {
  const user = { user_id: command.user, channel_id: command.channel }
  if (command.do === 'create') backend.info(3, user)
  else if (command.do === 'leave') backend.info(5, user)
  else backend.info(2, { channel_id: command.channel })
}

function stateOf(bench: LvspBench): string[] {
  const { channels, voiceStates } = bench.snapshot('main')
  return channels
    .map(({ channelId }) => {
      const users = voiceStates.filter(state => state.channelId === channelId).map(({ userId }) => userId)
      return `${channelId}: ${users.sort()}`
    })
    .sort()
}

test('a SYNC in parts leaves what it lists and what was created since it began', () => {
  fc.assert(
    fc.property(fc.array(Command), fc.array(fc.tuple(Part, fc.array(Command, { maxLength: 4 }))), (before, parts) => {
      const bench = new LvspBench()
      const backend = bench.backend(SECRET, ALL_CAPABILITIES)
      const model = new Model()
      for (const command of before) {
        run(backend, command)
        model.run(command)
      }
      const kept = new Model()
      for (const [part, commands] of parts) {
        const channels = Object.entries(part).map(([channel_id, users]) => ({
          channel_id,
          users: users.map(user_id => ({ user_id })),
        }))
        backend.info(21, { channels, more: true })
        for (const [channel, users] of Object.entries(part)) {
          if (!model.channels.has(channel)) continue
          const listed = kept.channels.get(channel) ?? new Set()
          kept.channels.set(channel, listed)
          for (const user of users) if (model.channels.get(channel)?.has(user)) listed.add(user)
        }
        for (const command of commands) {
          run(backend, command)
          model.run(command)
          kept.run(command)
        }
      }
      backend.info(21, { channels: [] })
      bench.advance(0)
      // Without a part the last message is the whole SYNC, and lists nothing.
      assert.deepEqual(stateOf(bench), kept.state)
    }),
  )
})

test('a large SYNC runs in slices, and later messages of its backend wait for it', () => {
  const bench = new LvspBench([
    { id: 'main', secrets: [SECRET] },
    { id: 'other', secrets: ['another'] },
  ])
  const backend = bench.backend(SECRET, ALL_CAPABILITIES)
  const count = 5 * LIMITS.workSlice
  for (let i = 0; i < count; i++) backend.info(3, { user_id: '7', channel_id: String(i) })
  const [{ token }] = backend.infos(4)
  backend.info(21, { channels: [] }).info(3, { user_id: '7', channel_id: '0' }).info(23, {})
  const left = bench.snapshot('main').channels.length
  assert.ok(left > count - 2 * LIMITS.workSlice, `${left} channels are left after the first slice`)
  assert.equal(backend.infos(23).length, 0)
  assert.equal(bench.backend('another').info(0, { channel_id: '1' }).infos(1).length, 1)
  bench.advance(0)
  assert.deepEqual(
    bench.snapshot('main').channels.map(({ channelId }) => channelId),
    ['0'],
  )
  assert.notEqual(backend.infos(4).at(-1).token, token)
  assert.equal(backend.infos(23)[0].channels, 1)
})

test('a heartbeat during a SYNC is acknowledged after the commands before it', () => {
  const bench = new LvspBench([{ id: 'main', secrets: [SECRET] }])
  const backend = bench.backend(SECRET, ALL_CAPABILITIES)
  for (let i = 0; i < 5 * LIMITS.workSlice; i++) backend.info(0, { channel_id: String(i) })
  backend.info(21, { channels: [] }).info(0, { channel_id: '1' }).send(4)
  assert.equal(backend.ops(5).length, 0)
  bench.advance(0)
  assert.equal(backend.ops(5).length, 1)
})

test('a SYNC whose connection closes before its last part destroys nothing', () => {
  const bench = new LvspBench()
  const backend = bench.backend(SECRET, ALL_CAPABILITIES).info(0, { channel_id: '1' })
  backend.info(21, { channels: [], more: true })
  backend.drop()
  assert.equal(bench.snapshot('main').channels.length, 1)
})
