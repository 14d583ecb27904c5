// Settings that change while the node runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspInfo, VoiceClose } from '@parley/protocol'
import { connect, NodeBench, PLAIN_NODE, SECRET } from '../testing/node-bench.ts'
import type { NodeSettings } from './settings.ts'

const SETTINGS: NodeSettings = {
  ...PLAIN_NODE,
  strictOpcodes: false,
  dave: 'allowed',
  backends: [{ id: 'main', secrets: [SECRET] }],
}

function configured(bench: NodeBench, change: Partial<NodeSettings>): void {
  bench.input(now => bench.node.operator.configure({ ...SETTINGS, ...change }, now))
}

test('new sessions receive the new address, and sessions lost from now on wait for the new time', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('7'))
  configured(bench, { announce: ['203.0.113.9'], resumeWindow: 1_000 })
  const ben = connect(bench, backend.join('8'))
  assert.equal(ben.last(2).ip, '203.0.113.9')
  assert.equal(ana.closeCode, undefined)
  ana.drop()
  bench.advance(1_001)
  assert.deepEqual(
    bench.node.inspect().sessions.map(({ userId }) => userId),
    ['8'],
  )
})

test('a policy that requires encryption ends sessions without it, and refuses new ones', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = connect(bench, backend.join('7'))
  configured(bench, { dave: 'required' })
  assert.equal(ana.closeCode, VoiceClose.EncryptionRequired)
  assert.equal(connect(bench, backend.join('8')).closeCode, VoiceClose.EncryptionRequired)
})

test('a removed secret authenticates no longer, and an invalid list changes nothing', () => {
  const bench = new NodeBench()
  assert.throws(
    () => configured(bench, { minVersion: 9, backends: [{ id: 'main', secrets: [] }] }),
    /one or two secrets/,
  )
  assert.equal(bench.client('8').closeCode, undefined)
  configured(bench, { backends: [{ id: 'main', secrets: ['another secret'] }] })
  assert.equal(bench.backend().socket.closeCode !== undefined, true)
  assert.equal(bench.backend('another secret').socket.closeCode, undefined)
})

test('the channel token resumes no session once it is not accepted any more', () => {
  for (const channelTokenAuth of [true, false]) {
    const bench = new NodeBench()
    const backend = bench.backend()
    const identify = backend.join('7')
    const { token } = backend.info(0, { channel_id: '500', guild_id: '100' }).infos(1).at(-1)
    connect(bench, { ...identify, token }).drop()
    configured(bench, { channelTokenAuth })
    const { closeCode } = bench.client().send(7, { ...identify, token })
    assert.equal(closeCode, channelTokenAuth ? undefined : VoiceClose.AuthenticationFailed)
  }
})

test('a lower limit refuses what comes next and keeps what is there', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  backend.join('7', '500')
  backend.join('8', '501')
  configured(bench, { backends: [{ id: 'main', secrets: [SECRET], maxChannels: 1 }] })
  assert.equal(backend.tryJoin('9', '502', '100'), undefined)
  assert.equal(backend.infos(LvspInfo.Failure).length > 0, true)
  assert.equal(bench.node.inspect().channels.length, 2)
})

test('a channel has the lower of the bit rates of the operator and the backend, also after a reload', () => {
  const limited = (limits: object) => ({ backends: [{ id: 'main', secrets: [SECRET], ...limits }] })
  const bench = new NodeBench(limited({ maxChannelBitrate: 8_000, maxMemberBitrate: 0 }))
  const backend = bench.backend()
  let seen = 0
  /** Since the last call. */
  const limits = () => {
    const commands = bench.commands('limitBitrate').slice(seen)
    seen += commands.length
    return commands.map(({ member, channel }) => [member, channel])
  }
  connect(bench, backend.join('7'))
  assert.deepEqual(limits(), [[0, 8_000]])
  const ref = { channel_id: '500', guild_id: '100' }
  const update = (channel_properties: object) => backend.info(LvspInfo.ChannelUpdate, { ...ref, channel_properties })
  update({ max_bitrate: 9_000, max_member_bitrate: 5_000 })
  update({ max_bitrate: 6_000 })
  update({ max_bitrate: 0, max_member_bitrate: 0 })
  assert.deepEqual(limits(), [
    [5_000, 8_000],
    [5_000, 6_000],
    [0, 8_000],
  ])
  configured(bench, limited({ maxMemberBitrate: 3_000 }))
  configured(bench, limited({}))
  assert.deepEqual(limits(), [
    [3_000, 0],
    [0, 0],
  ])
})
