// Bounds on what one backend may have on the node, and the FAILURE that names the bound.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspFailure } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { LvspBench, type LvspSocket, SECRET } from '../testing/lvsp-bench.ts'
import { connect, NodeBench } from '../testing/node-bench.ts'

function start(limits: {
  maxChannels?: number
  maxVoiceStates?: number
  maxChannelMembers?: number
  maxMemory?: number
}) {
  const bench = new LvspBench([
    { id: 'main', secrets: [SECRET], ...limits },
    { id: 'other', secrets: ['another'] },
  ])
  const backend = bench.backend(SECRET, ['failure'])
  return { bench, backend, other: bench.backend('another', ['failure']) }
}

const create = (backend: LvspSocket, user_id: number, channel_id: number) =>
  backend.info(3, { user_id: String(user_id), channel_id: String(channel_id) })

const failures = (backend: LvspSocket) => backend.infos(17).map(({ code, message }) => [code, message])

test('the channels of a backend are bounded', () => {
  const { bench, backend, other } = start({ maxChannels: 2 })
  for (let i = 0; i < 3; i++) backend.info(0, { channel_id: String(i) })
  create(backend, 7, 3)
  assert.deepEqual(
    failures(backend),
    [1, 2].map(() => [LvspFailure.TooManyChannels, 'the backend has the maximum of 2 channels']),
  )
  backend.info(2, { channel_id: '0' }).info(0, { channel_id: '2' })
  assert.equal(bench.snapshot('main').channels.length, 2)
  for (let i = 0; i < 3; i++) other.info(0, { channel_id: String(i) })
  assert.equal(bench.snapshot('other').channels.length, 3)
})

test('the voice states of a channel are bounded by the operator, and lower by the backend', () => {
  const { backend } = start({ maxChannelMembers: 3 })
  for (let user = 0; user < 4; user++) create(backend, user, 1)
  create(backend, 3, 2)
  backend.info(16, { channel_id: '2', channel_properties: { max_members: 2 } })
  create(backend, 4, 2)
  create(backend, 5, 2)
  // A user that is there already is not another one.
  create(backend, 4, 2)
  backend.info(16, { channel_id: '2', channel_properties: { max_members: 9 } })
  for (const user of [5, 6]) create(backend, user, 2)
  assert.deepEqual(
    failures(backend),
    [3, 2, 3].map(most => [LvspFailure.TooManyVoiceStates, `the channel has the maximum of ${most} voice states`]),
  )
})

test('the voice states of a backend are bounded over all its channels', () => {
  const { bench, backend } = start({ maxVoiceStates: 3 })
  for (let i = 0; i < 4; i++) create(backend, i, i % 2)
  assert.deepEqual(failures(backend), [
    [LvspFailure.TooManyVoiceStates, 'the backend has the maximum of 3 voice states'],
  ])
  create(backend, 0, 0)
  backend.info(5, { user_id: '0', channel_id: '0' })
  create(backend, 3, 1)
  backend.info(2, { channel_id: '1' })
  create(backend, 4, 0)
  assert.equal(failures(backend).length, 1)
  assert.equal(bench.snapshot('main').voiceStates.length, 2)
})

test('the memory of a backend is bounded, and released with what occupied it', () => {
  const maxMemory = 2 * LIMITS.channelMemory + LIMITS.voiceStateMemory
  const { bench, backend } = start({ maxMemory })
  create(backend, 1, 1)
  for (const channel_id of ['2', '3']) backend.info(0, { channel_id })
  create(backend, 2, 1)
  assert.deepEqual(
    failures(backend).map(([code]) => code),
    [LvspFailure.TooMuchMemory, LvspFailure.TooMuchMemory],
  )
  assert.match(String(failures(backend)[0]?.[1]), /maximum of 0 MiB of memory/)
  backend.info(2, { channel_id: '2' })
  create(backend, 2, 1)
  assert.equal(bench.snapshot('main').voiceStates.length, 2)
})

test('a channel holds a bounded number of voice states', () => {
  const { backend } = start({})
  for (let i = 0; i <= LIMITS.voiceStatesPerChannel; i++) create(backend, i, 1)
  assert.deepEqual(failures(backend), [
    [LvspFailure.TooManyVoiceStates, `the channel has the maximum of ${LIMITS.voiceStatesPerChannel} voice states`],
  ])
})

test('at the memory limit of their backend sessions keep fewer messages for resume, and release them when they end', () => {
  const room = 20 * 1024
  const maxMemory = LIMITS.channelMemory + 2 * (LIMITS.voiceStateMemory + LIMITS.sessionMemory) + room
  const bench = new NodeBench({ backends: [{ id: 'main', secrets: [SECRET], maxMemory }] })
  const backend = bench.backend()
  const [ana, ben] = [connect(bench, backend.join('1')), connect(bench, backend.join('2'))]
  const kept = () => bench.node.inspect().sessions.map(session => session.kept)
  for (let i = 0; i < 600; i++) ana.send(5, { speaking: i % 2 })
  assert.ok(kept()[1]! > 100 && kept()[1]! < 500, `${kept()} messages`)
  ben.drop(1000)
  ana.drop(1000)
  assert.equal(connect(bench, backend.join('3')).closeCode, undefined)
})

test('what is kept for RESUME counts as memory of the backend, leaves room for its channels, and is released', () => {
  const maxMemory = 4 * LIMITS.channelMemory
  const { bench, backend } = start({ maxMemory })
  const usage = bench.usage('main')
  const inspected = () => bench.control.inspect().find(each => each.backend === 'main')?.memory
  const assign = (channel: number) => backend.info(0, { channel_id: String(channel) })
  for (let i = 0; i < 500; i++) assign(1)
  assert.ok(usage.kept.used > 1_000 && usage.memory <= maxMemory, `${usage.kept.used} of ${maxMemory}`)
  assert.ok(usage.memory > maxMemory - 1_000, 'it uses the room that is left')
  assert.equal(inspected(), usage.memory)
  for (const channel of [2, 3, 4]) assign(channel)
  assert.deepEqual([failures(backend), usage.kept.used], [[], 0])
  assign(5)
  assert.equal(failures(backend)[0]?.[0], LvspFailure.TooMuchMemory)
  backend.info(2, { channel_id: '4' })
  assign(1)
  assert.ok(usage.kept.used > 0)
  backend.drop()
  bench.advance(LIMITS.lvspResumeWindow)
  assert.equal(usage.kept.used, 0)
})

test('messages that wait count as memory of the backend, which closes the connection of one too many, and are released', () => {
  const maxMemory = 8 * 1024 * 1024
  const { bench, other } = start({ maxMemory })
  const usage = bench.usage('main')
  const connections = Array.from({ length: 4 }, () => bench.backend(SECRET, ['failure', 'sync']))
  for (let i = 0; i < 10 * LIMITS.workSlice; i++) connections[0]!.info(0, { channel_id: String(i) })
  for (const connection of connections) connection.info(21, { channels: [] })
  const before = usage.memory
  const padding = 'x'.repeat(60_000)
  const fill = (connection: LvspSocket) => {
    for (let bytes = 0; bytes < 3_900_000 && connection.closeCode === undefined; bytes += padding.length)
      connection.info(0, { channel_id: '1', padding })
  }
  fill(connections[0]!)
  const waiting = usage.memory - before
  assert.ok(waiting > 3_800_000 && waiting < LIMITS.lvspWaitingBytes, `${waiting} bytes of one connection`)
  for (const connection of connections.slice(1)) fill(connection)
  assert.ok(usage.memory <= maxMemory + LIMITS.lvspWaitingBytes, `${usage.memory} bytes`)
  assert.deepEqual(
    connections.map(({ closeCode }) => closeCode),
    [undefined, undefined, 4000, 4000],
  )
  assert.equal(other.info(0, { channel_id: '1' }).infos(1).length, 1)
  connections[1]!.drop()
  assert.ok(usage.memory - before < LIMITS.lvspWaitingBytes, 'those of closed connections are released')
  bench.advance(0)
  assert.equal(usage.used, LIMITS.channelMemory)
  assert.ok(usage.memory < before, 'those that were processed are released')
})

test('as many messages as one connection may have waiting take no room from the channels of the backend', () => {
  const maxMemory = 3 * LIMITS.workSlice * LIMITS.channelMemory
  const { bench } = start({ maxMemory })
  const backend = bench.backend(SECRET, ['failure', 'sync'])
  for (let i = 0; i < 3 * LIMITS.workSlice; i++) backend.info(0, { channel_id: String(i) })
  backend.info(21, { channels: [] })
  const padding = 'x'.repeat(10_000)
  for (let i = 0; i < 3 * LIMITS.workSlice; i++) backend.info(0, { channel_id: String(1_000 + i), padding })
  bench.advance(0)
  assert.deepEqual(failures(backend), [])
  assert.equal(bench.snapshot('main').channels.length, 3 * LIMITS.workSlice)
})
