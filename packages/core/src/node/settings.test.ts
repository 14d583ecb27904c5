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
