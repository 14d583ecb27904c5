// DAVE through a whole node: sequence numbers and resume, versions, backend policy and events, rejected clients.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { VoiceClose } from '@parley/protocol'
import { type BenchBackend, connect, NodeBench, SECRET, select } from '../../packages/core/src/testing/node-bench.ts'
import { DaveyMember, run } from '../dave/davey-member.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const FRAME = Buffer.from([0xfc, 1, 2, 3, 4, 5, 6, 7])

/** `dave` is the channel's DAVE property; undefined for the node's default. */
function callOf(count: number, dave?: string) {
  const bench = new NodeBench()
  const backend = bench.backend(undefined, ['events', 'dave'])
  if (dave !== undefined) backend.info(16, { ...CHANNEL, channel_properties: { dave } })
  const members: DaveyMember[] = []
  const join = (user: number, options = {}) => {
    const member = new DaveyMember(bench, backend.join(String(user)), options)
    members.push(member)
    return member
  }
  for (let user = 1; user <= count; user++) join(user)
  run(bench, members)
  return { bench, backend, members, join }
}

function assertHeard(members: readonly DaveyMember[], isSealed = true) {
  for (const { client: from } of members) {
    assert.deepEqual(from.thrown, [])
    const sealed = from.encrypt(FRAME)
    assert.equal(!sealed.equals(FRAME), isSealed)
    for (const { client: to } of members)
      if (to !== from) assert.deepEqual(to.decrypt(from.userId, sealed), FRAME, `${from.userId} to ${to.userId}`)
  }
}

const lastState = (backend: BenchBackend) => {
  const { protocol_version, epoch, members } = backend.infos(24).at(-1)
  return [protocol_version, epoch, members]
}

test('three clients of a node share a group, and the backend is notified of its state', () => {
  const { backend, members, bench } = callOf(3)
  assertHeard(members)
  assert.deepEqual(backend.infos(24).at(-1), { ...CHANNEL, protocol_version: 1, epoch: 2, members: 3 })
  members[2]!.drop()
  bench.advance(31_000)
  run(bench, members.slice(0, 2))
  assertHeard(members.slice(0, 2))
  assert.deepEqual(lastState(backend), [1, 3, 2])
})

test('a backend that reconnects without a resume receives the DAVE state of each call again', () => {
  const { bench, backend } = callOf(3)
  backend.socket.drop()
  const socket = bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.200' })
  const token = createHmac('sha256', SECRET).update(socket.last(0).nonce).digest('hex')
  socket.send(2, { token, capabilities: ['dave'] })
  const states = socket.ops(6).filter(({ d }) => d.type === 24)
  assert.deepEqual(
    states.map(({ d }) => d.data),
    [{ ...CHANNEL, protocol_version: 1, epoch: 2, members: 3 }],
  )
})

test('JSON and binary messages share one sequence', () => {
  const { members } = callOf(3)
  for (const { seqs } of members)
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
    )
})

test('a joining client receives Session Description, then the external sender, then the members', () => {
  const { bench, members, join } = callOf(1)
  const ben = join(2)
  assert.deepEqual(
    ben.client.inbox.map(({ op }) => op),
    [8, 2, 4, 25, 11, 5],
  )
  run(bench, members)
  assertHeard(members)
})

test('a resume replays two missed epochs in order, after Resumed', () => {
  const { bench, members, join } = callOf(3)
  const [, , away] = members
  away!.drop()
  const others = members.slice(0, 2)
  others.push(join(4))
  run(bench, others)
  others.push(join(5))
  run(bench, others)
  assertHeard(others)
  away!.resume()
  assert.deepEqual(
    away!.client.inbox.slice(0, 2).map(({ op }) => op),
    [8, 9],
  )
  run(bench, members)
  assert.equal(away!.closeCode, undefined)
  assertHeard(members)
})

test('a resume does not replay acknowledged binary messages', () => {
  const { bench, members } = callOf(2)
  const [ana] = members
  const before = ana!.client.seen.length
  ana!.drop()
  ana!.resume()
  run(bench, members)
  assert.deepEqual(ana!.client.seen.slice(before), ['8', '9'])
  ana!.drop()
  ana!.resume(ana!.seqs.at(-1)! - 1)
  assert.deepEqual(
    ana!.client.inbox.map(({ op }) => op),
    [8, 9, 22],
  )
})

test('a client that resumes after the window is closed and joins as a new member', () => {
  const { bench, members, join } = callOf(3)
  const [ana, ben, cyn] = members
  cyn!.drop()
  bench.advance(31_000)
  run(bench, [ana!, ben!])
  cyn!.resume()
  assert.equal(cyn!.closeCode, VoiceClose.SessionInvalid)
  const again = join(3)
  run(bench, [ana!, ben!, again])
  assertHeard([ana!, ben!, again])
})

test('below version 8 DAVE messages are not numbered, and members of all versions share a group', () => {
  const { bench, members, join } = callOf(1)
  members.splice(1, 2, join(2, { version: '4' }), join(3, { version: '7' }))
  run(bench, members)
  assertHeard(members)
  assert.deepEqual([members[1]!.seqs, members[2]!.seqs], [[], []])
  const raw = bench.client('4')
  const { channel_id: _, ...identify } = bench.backend().join('4')
  raw.send(0, { ...identify, max_dave_protocol_version: 1 })
  select(raw)
  const binary = raw.raw.find(data => typeof data !== 'string')
  assert.deepEqual(binary?.slice(0, 1), Uint8Array.of(25), 'the opcode comes first')
  assert.ok(raw.received.every(({ seq }) => seq === undefined))
})

test('a member below version 8 that resumes is removed and added in one epoch, whatever it missed', () => {
  for (const change of ['none', 'join', 'leave'] as const) {
    const { bench, members, join } = callOf(3)
    const old = join(4, { version: '4' })
    run(bench, members)
    assertHeard(members)
    old.drop()
    const others = members.filter(member => member !== old)
    if (change === 'join') others.push(join(5))
    if (change === 'leave') others.splice(2, 1)[0]!.socket.drop(1000)
    run(bench, others)
    assertHeard(others)
    const before = old.client.seen.length
    old.resume()
    run(bench, [...others, old])
    assert.deepEqual(
      old.client.seen.slice(before).filter(op => ['9', '24', '25'].includes(op)),
      ['9', '24', '25'],
    )
    assertHeard([...others, old])
    assert.equal(old.client.invalids, 0)
  }
})

test('a member below version 8 that missed the end of the encryption, or its start, follows after its resume', () => {
  const { bench, backend, members, join } = callOf(2)
  const old = join(4, { version: '4' })
  run(bench, members)
  const setDave = (dave: string) => backend.info(16, { ...CHANNEL, channel_properties: { dave } })
  const missing = (change: () => void) => {
    old.drop()
    change()
    run(bench, members.slice(0, 2), 6_000)
    old.resume()
    run(bench, members, 6_000)
  }
  missing(() => setDave('off'))
  assert.equal(old.client.version, 0)
  assertHeard(members, false)
  missing(() => setDave('allowed'))
  assertHeard(members)
})

test('the last member of a call that resumes below version 8 has a group of its own, which the next member joins', () => {
  const { bench, members, join } = callOf(1)
  const old = join(2, { version: '4' })
  run(bench, members)
  old.drop()
  members[0]!.socket.drop(1000)
  run(bench, [])
  old.resume()
  run(bench, [old])
  const ben = join(3)
  run(bench, [old, ben])
  assertHeard([old, ben])
})

test('a member that resumes at another gateway version rejoins the group', () => {
  for (const [first, second] of [
    ['8', '7'],
    ['4', '9'],
  ] as const) {
    const { bench, members, join } = callOf(2)
    const mover = join(3, { version: first })
    run(bench, members)
    mover.drop()
    mover.version = second
    mover.resume()
    run(bench, members)
    assert.equal(mover.closeCode, undefined)
    assertHeard(members)
  }
})

test('a client that identifies again replaces its old leaf', () => {
  const { bench, members, join } = callOf(3)
  const again = join(3)
  assert.equal(members[2]!.closeCode, VoiceClose.SessionInvalid)
  run(bench, [members[0]!, members[1]!, again])
  assertHeard([members[0]!, members[1]!, again])
})

test('a client of gateway version 7 without DAVE downgrades the call until it leaves', () => {
  const { bench, backend, members, join } = callOf(2)
  const old = connect(bench, backend.join('9'), '7')
  assert.equal(old.last(4).dave_protocol_version, 0)
  run(bench, members)
  assertHeard(members, false)
  assert.deepEqual(lastState(backend).slice(0, 1), [0])
  old.drop(1000)
  run(bench, members, 5_000)
  assertHeard(members)
  run(bench, [...members, join(5)])
  assert.equal(lastState(backend)[2], 3)
})

test('in a channel that requires DAVE, a client without DAVE is closed with 4017 on Identify', () => {
  const { bench, members, join } = callOf(2, 'required')
  assert.equal(join(9, { daveVersion: 0 }).closeCode, VoiceClose.EncryptionRequired)
  assert.equal(join(10, { version: '7', daveVersion: 0 }).closeCode, VoiceClose.EncryptionRequired)
  assert.equal(join(11, { version: '4' }).closeCode, undefined)
  run(bench, members)
  assertHeard([...members.slice(0, 2), members[4]!])
})

/** For each member in join order: whether the route drops unencrypted audio. */
function sealedOnly(bench: NodeBench, count: number): boolean[] {
  const ssrcs = bench.commands('addPeer').map(({ ssrcs: [first] }) => first)
  const last = (ssrc: number) => bench.commands('setRoute').findLast(route => route.ssrc === ssrc)
  return ssrcs.slice(0, count).map(ssrc => last(ssrc).sealedOnly === true)
}

test('a channel that requires DAVE drops unencrypted audio from the first member on', () => {
  const { bench, members, join } = callOf(1, 'required')
  assert.deepEqual(sealedOnly(bench, 1), [true])
  run(bench, [...members, join(2)])
  assert.deepEqual(sealedOnly(bench, 2), [true, true])
})

test('a channel that starts to require DAVE drops unencrypted audio once the call is encrypted', () => {
  const { bench, backend, members, join } = callOf(2)
  assert.deepEqual(sealedOnly(bench, 2), [false, false])
  backend.info(16, { ...CHANNEL, channel_properties: { dave: 'required' } })
  assert.deepEqual(sealedOnly(bench, 2), [true, true])
  backend.info(16, { ...CHANNEL, channel_properties: { dave: 'allowed' } })
  assert.deepEqual(sealedOnly(bench, 2), [false, false])
  const old = join(9, { daveVersion: 0 })
  run(bench, members)
  backend.info(16, { ...CHANNEL, channel_properties: { dave: 'required' } })
  assert.equal(old.closeCode, VoiceClose.EncryptionRequired)
  assert.deepEqual(sealedOnly(bench, 2), [false, false], 'the remaining members still send unencrypted audio')
  run(bench, members.slice(0, 2), 6_000)
  assert.deepEqual(sealedOnly(bench, 2), [true, true])
})

test('a client rejected at Select Protocol because its channel now requires DAVE leaves no state behind', () => {
  const { bench, backend } = callOf(0)
  const old = bench.client('8')
  const { channel_id: _, ...identify } = backend.join('9')
  old.send(0, identify)
  backend.info(16, { ...CHANNEL, channel_properties: { dave: 'required' } })
  select(old)
  assert.equal(old.closeCode, VoiceClose.EncryptionRequired)
  const [channel] = bench.node.inspect().channels
  assert.deepEqual(channel!.dave.users, [])
})

test('in a channel with DAVE off, clients receive version 0', () => {
  const { backend, members } = callOf(2, 'off')
  assertHeard(members, false)
  assert.ok(members.every(({ client }) => client.version === 0))
  assert.deepEqual(backend.infos(24), [])
})

test('a stage channel is unencrypted unless the backend sets its DAVE property', () => {
  const bench = new NodeBench()
  const backend = bench.backend(undefined, ['dave'])
  backend.info(16, { ...CHANNEL, channel_properties: { kind: 'stage' } })
  assert.equal(new DaveyMember(bench, backend.join('1')).socket.closeCode, undefined)
  assert.equal(bench.node.inspect().sessions.length, 1)
  backend.info(16, { ...CHANNEL, channel_properties: { dave: 'allowed' } })
  const members = [2, 3].map(user => new DaveyMember(bench, backend.join(String(user))))
  run(bench, members, 5_000)
  assert.equal(backend.infos(24).length > 0, true)
})

test('a backend can change the DAVE policy during a call', () => {
  const { bench, backend, members } = callOf(3)
  backend.info(16, { ...CHANNEL, channel_properties: { dave: 'off' } })
  run(bench, members)
  assertHeard(members, false)
  backend.info(16, { ...CHANNEL, channel_properties: { bitrate: 64_000 } })
  run(bench, members)
  assertHeard(members, false)
  backend.info(16, { ...CHANNEL, channel_properties: { dave: 'required' } })
  run(bench, members, 6_000)
  assertHeard(members)
})

test('a second Select Protocol makes the client rejoin the same group', () => {
  const { bench, members } = callOf(3)
  members[1]!.socket.send(1, {
    protocol: 'udp',
    data: { address: '192.0.2.1', port: 40_001, mode: 'aead_aes256_gcm_rtpsize' },
  })
  run(bench, members)
  assertHeard(members)
})

test('a binary opcode that clients must not send is closed with 4001, an empty message with 4002', () => {
  const { members } = callOf(2)
  members[0]!.socket.sendText(new Uint8Array([27, 0]))
  assert.equal(members[0]!.closeCode, VoiceClose.UnknownOpcode)
  members[1]!.socket.sendText(new Uint8Array())
  assert.equal(members[1]!.closeCode, VoiceClose.DecodeError)
})

test('a stream without its own channel uses the channel id minus one as its group id', () => {
  const bench = new NodeBench()
  const backend = bench.backend(undefined, ['dave'])
  backend.info(16, { channel_id: '701', guild_id: null, channel_properties: { kind: 'stream', owner_id: '1' } })
  const members = ['1', '2'].map(user => {
    const credentials = backend.join(user, '701', null)
    return new DaveyMember(bench, { ...credentials, channel_id: '700' })
  })
  run(bench, members)
  assertHeard(members)
})

test('no group state remains after the last member leaves', () => {
  const { bench, members } = callOf(3)
  for (const member of members) member.socket.drop(1000)
  bench.advance(60_000)
  assert.equal(bench.node.inspect().deadlines, 0)
})

test('a channel that ends with pending proposals releases its group', () => {
  const { bench, backend, members, join } = callOf(3)
  join(4)
  run(bench, members, 60)
  backend.info(2, CHANNEL)
  bench.advance(60_000)
  assert.ok(members.every(({ closeCode }) => closeCode === VoiceClose.Disconnected))
  assert.equal(bench.node.inspect().channels.length, 0)
  assert.equal(bench.node.inspect().deadlines, 0)
})

test('a client does not escape the limit of op 31 by a second Identify', () => {
  const { members, bench } = callOf(3)
  const [mallory] = members
  const report = (member: DaveyMember) => {
    for (let count = 0; count < 3; count++) member.socket.send(31, { transition_id: 0 })
  }
  report(mallory!)
  const again = new DaveyMember(bench, mallory!.credentials)
  run(bench, [again, ...members.slice(1)], 1_000)
  assert.deepEqual([mallory!.closeCode, again.closeCode], [4006, undefined])
  report(again)
  assert.equal(again.closeCode, 4020)
})
