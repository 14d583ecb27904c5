// What a resume restores: sequence numbers, replay, state, and the receiving connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LIMITS } from '../limits.ts'
import { ALL_CAPABILITIES, LvspBench, type LvspSocket, SECRET, tokenFor } from '../testing/lvsp-bench.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const USER = { ...CHANNEL, user_id: '7' }

interface ResumeFields {
  seq?: number
  session?: string
  capabilities?: string[]
}

function resume(bench: LvspBench, fields: ResumeFields = {}, secret = SECRET): LvspSocket {
  const socket = bench.open()
  return socket.send(2, { token: tokenFor(secret, socket.nonce), ...fields })
}

test('a resume with a sequence number receives the missed messages unmodified, then READY', () => {
  const bench = new LvspBench()
  const first = bench.backend()
  first
    .info(0, CHANNEL)
    .info(3, USER)
    .info(3, { ...USER, user_id: '8' })
  first.drop()
  const second = resume(bench, { seq: 1, session: first.ops(3)[0].session })
  assert.deepEqual(second.story(), ['0', '6/4', '6/4', '3'])
  assert.deepEqual(second.received.slice(1, 3), first.received.slice(3))
  assert.deepEqual(second.ops(3), [{ ...first.ops(3)[0], resumed: 'replay', seq: 3 }])
})

test('a resume that missed nothing receives only READY', () => {
  const bench = new LvspBench()
  bench.backend().info(0, CHANNEL).drop()
  const second = resume(bench, { seq: 1 })
  assert.deepEqual(second.story(), ['0', '3'])
  assert.equal(second.ops(3)[0].resumed, 'replay')
})

const withoutReplay: [string, ResumeFields][] = [
  ['without a sequence number', {}],
  ['with a sequence number that was never sent', { seq: 4 }],
  ['with the highest sequence number', { seq: Number.MAX_SAFE_INTEGER }],
  ['of an unknown session', { seq: 1, session: 'unknown' }],
]
for (const [what, fields] of withoutReplay)
  test(`a resume ${what} receives the whole state with new sequence numbers, then READY`, () => {
    const bench = new LvspBench()
    const first = bench.backend().info(0, CHANNEL).info(3, USER).info(0, { channel_id: '9' })
    first.drop()
    const second = resume(bench, fields)
    assert.deepEqual(second.story(), ['0', '6/1', '6/1', '6/4', '3'])
    assert.deepEqual(second.seqs(), [4, 5, 6])
    assert.equal(second.ops(3)[0].resumed, 'state')
    assert.deepEqual([...second.infos(1), ...second.infos(4)], [...first.infos(1), ...first.infos(4)])
  })

test('a resume of a backend without state receives an empty state', () => {
  const bench = new LvspBench()
  const socket = resume(bench, { seq: 17, session: 'from before a restart' })
  assert.deepEqual(socket.story(), ['0', '3'])
  assert.equal(socket.ops(3)[0].resumed, 'state')
  assert.equal(bench.isDetached('main'), false)
})

test('a resume while the old connection is open closes the old one', () => {
  const bench = new LvspBench()
  const old = bench.backend()
  const fresh = resume(bench, { seq: 0 })
  assert.equal(old.closeCode, 4000)
  assert.equal(bench.isDetached('main'), false)
  fresh.info(0, CHANNEL)
  assert.equal(fresh.infos(1).length, 1)
})

test('only the newest connection of a backend receives messages; after its loss the previous one does', () => {
  const bench = new LvspBench()
  const [older, newer] = [bench.backend(), bench.backend()]
  older.info(0, CHANNEL)
  assert.deepEqual([older.seqs(), newer.seqs()], [[], [1]])
  newer.drop()
  older.info(3, USER)
  assert.deepEqual(older.seqs(), [2])
  assert.equal(bench.isDetached('main'), false)
})

test('a connection that another one supersedes is warned, and notified when it receives again', () => {
  const bench = new LvspBench()
  const superseded = () => bench.notes.filter(({ event }) => event === 'lvsp.superseded')
  const older = bench.backend(SECRET, ['receiver'])
  const newer = bench.backend(SECRET, ['receiver']).info(0, CHANNEL)
  assert.deepEqual(older.received.at(-1), { op: 6, d: { type: 25, data: { receives: false } } })
  assert.deepEqual(
    superseded().map(({ fields }) => [fields?.connection, fields?.by, fields?.backend]),
    [[older.id, newer.id, 'main']],
  )
  newer.drop()
  assert.deepEqual(older.infos(25), [{ receives: false }, { receives: true }])
  older.info(0, { channel_id: '9' })
  assert.deepEqual(older.received.at(-1).s, 2)
  const resumed = resume(bench, { seq: 0, capabilities: ['receiver'] })
  assert.deepEqual(resumed.story(), ['0', '6/1', '6/1', '3'])
  assert.equal(superseded().length, 1)
})

test('a superseded connection without the receiver capability is sent nothing', () => {
  const bench = new LvspBench()
  const older = bench.backend()
  bench.backend()
  assert.deepEqual(older.story(), ['0', '3'])
})

test('a replayed token of IDENTIFY does not resume the session', () => {
  for (const backend of [{}, { dialect: 'litecord' as const }, { draftResume: true }]) {
    const bench = new LvspBench([{ id: 'main', secrets: [SECRET], ...backend }])
    const socket = bench.backend().info(0, CHANNEL)
    const captured = tokenFor(SECRET, socket.nonce)
    assert.equal(bench.open().send(2, { token: captured, seq: 0 }).closeCode, 4001)
    assert.equal(socket.closeCode, undefined)
  }
})

test('with draftResume a litecord backend resumes with the token of its last IDENTIFY until the session ends', () => {
  const bench = new LvspBench([
    { id: 'main', secrets: [SECRET], dialect: 'litecord', legacyAssign: true, draftResume: true },
  ])
  const first = bench.backend().info(0, CHANNEL)
  const draftToken = tokenFor(SECRET, first.nonce)
  first.drop()
  const second = bench.open().send(2, { token: draftToken.toUpperCase(), seq: 0 })
  assert.deepEqual(second.story(), ['0', '6/1', '3'])
  second.drop()
  bench.advance(LIMITS.lvspResumeWindow)
  assert.equal(bench.open().send(2, { token: draftToken, seq: 0 }).closeCode, 4001)
})

test('a session ends exactly ten minutes after its last connection closes', () => {
  const bench = new LvspBench()
  const first = bench.backend().info(0, CHANNEL)
  first.drop()
  bench.advance(LIMITS.lvspResumeWindow - 1)
  const second = resume(bench, { seq: 0 })
  assert.equal(second.ops(3)[0].resumed, 'replay')
  bench.advance(LIMITS.lvspResumeWindow * 2)
  second.drop()
  bench.advance(LIMITS.lvspResumeWindow)
  assert.deepEqual(bench.lvsp.inspect().sessions, [])
  const third = resume(bench, { seq: 1, session: first.ops(3)[0].session })
  assert.equal(third.ops(3)[0].resumed, 'state')
  assert.notEqual(third.ops(3)[0].session, first.ops(3)[0].session)
  assert.deepEqual(third.info(0, CHANNEL).seqs(), [1])
})

test('events without a connected backend are replayed on resume', () => {
  const bench = new LvspBench()
  const event = { userId: '7', channelId: '500', guildId: '100', sessionId: 'x', protocol: 'udp' } as const
  bench.lvsp.voiceStateConnected('main', event)
  bench.backend(SECRET, ['events']).drop()
  bench.lvsp.voiceStateConnected('main', event)
  const resumed = resume(bench, { seq: 0, capabilities: ['events'] })
  assert.deepEqual(resumed.infos(18), [{ ...USER, session_id: 'x', protocol: 'udp' }])
})

test('a replay omits messages of capabilities that the new connection did not negotiate', () => {
  const bench = new LvspBench()
  const first = bench.backend(SECRET, ['failure']).info(99, {}).info(0, CHANNEL)
  first.drop()
  const second = resume(bench, { seq: 0 })
  assert.deepEqual(second.story(), ['0', '6/1', '3'])
  assert.deepEqual(second.seqs(), [2])
})

test('a large state is sent in slices: other backends are served in between, READY follows, then INFO that waited', () => {
  const bench = new LvspBench([
    { id: 'main', secrets: [SECRET] },
    { id: 'other', secrets: ['another'] },
  ])
  const first = bench.backend()
  const count = 4 * LIMITS.workSlice
  for (let i = 0; i < count; i++) first.info(3, { ...USER, user_id: String(i), channel_id: String(i) })
  const granted = first.infos(4)
  first.drop()
  const second = resume(bench, { session: first.ops(3)[0].session })
  second.info(0, CHANNEL)
  assert.ok(second.received.length <= LIMITS.workSlice + 1, `${second.received.length} messages in the first slice`)
  assert.equal(bench.backend('another').info(0, CHANNEL).infos(1).length, 1)
  bench.advance(0)
  assert.deepEqual(second.infos(4), granted)
  assert.equal(second.infos(1).length, count + 1)
  assert.deepEqual(second.story().slice(-2), ['3', '6/1'])
  assert.equal(second.ops(3)[0].resumed, 'state')
})

test('a connection that closes while its state is sent leaves no work behind', () => {
  const bench = new LvspBench()
  const first = bench.backend()
  for (let i = 0; i < 4 * LIMITS.workSlice; i++) first.info(0, { channel_id: String(i) })
  first.drop()
  const second = resume(bench)
  second.drop()
  assert.equal(second.connection.deadline, Infinity)
  const third = resume(bench)
  bench.advance(0)
  assert.equal(third.infos(1).length, 4 * LIMITS.workSlice)
})

test('a backend that sends too much before READY is closed', () => {
  const bench = new LvspBench()
  const first = bench.backend()
  for (let i = 0; i < 4 * LIMITS.workSlice; i++) first.info(0, { channel_id: String(i) })
  first.drop()
  const second = resume(bench)
  const padding = 'x'.repeat(60_000)
  for (let i = 0; i * padding.length < LIMITS.lvspWaitingBytes; i++) second.info(0, { ...CHANNEL, padding })
  assert.equal(second.closeCode, 4000)
  assert.match(second.closeReason, /before READY/)
})

test('heartbeats that wait for READY count for the bound on what waits', () => {
  const bench = new LvspBench()
  const first = bench.backend()
  for (let i = 0; i < 4 * LIMITS.workSlice; i++) first.info(0, { channel_id: String(i) })
  first.drop()
  const second = resume(bench)
  const padding = 'x'.repeat(60_000)
  for (let i = 0; i * padding.length < LIMITS.lvspWaitingBytes; i++) second.send(4, { padding })
  assert.deepEqual([second.closeCode, bench.usage('main').waiting.used], [4000, 0])
})

test('a resume from before the replay buffer receives the whole state', () => {
  const bench = new LvspBench()
  const first = bench.backend().info(0, CHANNEL)
  for (let i = 0; i < LIMITS.lvspReplayMessages; i++) first.info(0, CHANNEL)
  first.drop()
  assert.equal(resume(bench, { seq: 0 }).ops(3)[0].resumed, 'state')
  const [session] = bench.lvsp.inspect().sessions
  assert.equal(session?.kept, LIMITS.lvspReplayMessages)
})

/**
 * Steps of a backend: send a request; lose the connection after reading only some of the pending messages, and resume
 * from the last one read.
 */
const Step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('ask' as const), channel: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('event' as const), channel: fc.constant(0) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose' as const), channel: fc.integer({ min: 0, max: 6 }) }) },
)

test('across any losses and resumes a backend receives every message once and in order', () => {
  fc.assert(
    fc.property(fc.array(Step, { maxLength: 60 }), steps => {
      const bench = new LvspBench()
      const sent: string[] = []
      const read: string[] = []
      let socket = bench.backend(SECRET, ['events'])
      const session: string = socket.ops(3)[0].session
      let from = 2
      const readUpTo = (count: number) => {
        for (const message of socket.received.slice(from, from + count))
          if (message.op === 6) read.push(JSON.stringify(message))
        from += count
      }
      const record = () => {
        socket.onText = text => sent.push(text)
      }
      record()
      for (const step of steps) {
        if (step.do === 'ask') socket.info(0, { channel_id: String(step.channel) })
        if (step.do === 'event') bench.lvsp.speaking('main', { userId: '7', channelId: '1', speaking: 1, video: false })
        bench.settle()
        if (step.do !== 'lose') continue
        readUpTo(step.channel)
        socket.drop()
        const seq = read.length === 0 ? 0 : JSON.parse(read.at(-1)!).s
        socket = bench.open()
        socket.send(2, { token: tokenFor(SECRET, socket.nonce), seq, session, capabilities: ['events'] })
        assert.equal(socket.ops(3)[0].resumed, 'replay')
        from = 1
        record()
      }
      readUpTo(Infinity)
      const messages = read.map(text => JSON.parse(text))
      assert.deepEqual(
        messages.map(({ s }) => s),
        messages.map((_, i) => i + 1),
      )
      assert.deepEqual(read, sent)
    }),
  )
})

test('a resume from any sequence number receives the complete rest of the stream or the whole state', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 30 }), fc.nat(60), (count, seq) => {
      const bench = new LvspBench()
      const first = bench.backend()
      for (let i = 0; i < count; i++) first.info(0, { channel_id: String(i % 7) })
      first.drop()
      const second = resume(bench, { seq })
      const known = seq <= count
      assert.equal(second.ops(3)[0].resumed, known ? 'replay' : 'state')
      const expected = known
        ? first.received.slice(2 + seq)
        : [...new Map(first.infos(1).map(data => [data.channel_id, data])).values()].map((data, i) => ({
            ...{ op: 6, s: count + 1 + i },
            d: { type: 1, data },
          }))
      assert.deepEqual(second.received.slice(1, -1), expected)
    }),
  )
})

test('a front that resumes is sent what it missed before RECEIVER, and each message once', () => {
  const bench = new LvspBench()
  const capabilities = ALL_CAPABILITIES
  const front = (name: string) => {
    const socket = bench.open()
    return socket.send(1, { token: tokenFor(SECRET, socket.nonce), capabilities, front: name })
  }
  const first = front('f1').info(31, { connected: true })
  const { session, seq } = first.ops(3)[0]
  const other = front('f2').info(31, { connected: true })
  other.info(0, CHANNEL)
  const last = first.seqs().at(-1)
  assert.deepEqual(first.infos(25).at(-1), { receives: false })
  first.drop()
  other.info(3, USER).info(31, { connected: false }).info(0, { channel_id: '501' })
  const again = bench.open()
  again.send(2, { token: tokenFor(SECRET, again.nonce), capabilities, front: 'f1', session, seq: last ?? seq })
  const seqs = again.seqs()
  assert.ok(seqs.length > 2)
  assert.deepEqual(
    seqs,
    seqs.map((_, index) => last! + 1 + index),
  )
  assert.deepEqual(again.infos(25), [{ receives: true }])
  assert.equal(again.received.filter(({ op }) => op === 6).at(-1).d.type, 25)
})
