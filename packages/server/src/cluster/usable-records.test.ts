// Records that name no address are dropped with a reason, and those behind them arrive.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeRecord } from '@parley/protocol'
import { Recorder } from '../../../../test/contract/cluster-records.ts'
import { nodeRecord } from '../../../core/src/testing/node-record.ts'
import { MemoryCoordinator } from './memory-coordinator.ts'
import { usableRecords } from './usable-records.ts'

const UNUSABLE: readonly Partial<NodeRecord>[] = [
  { gateway: 'wss://n1.internal:84430/' },
  { gateway: 'wss://n1.internal/#fragment' },
  { gateway: 'wss://user:password@n1.internal/' },
  { gateway: 'wss://' },
  { lvsp: 'ws://n1 internal/lvsp' },
  { lvsp: 'ws://10.0.0.256/lvsp' },
  { lvsp: 'wss://n1.internal/lvsp#' },
  { endpoint: 'n1.internal:99999' },
  { endpoint: 'n1 internal' },
  { endpoint: 'user@n1.internal' },
]

test('a record whose addresses cannot be connected to is dropped with a reason', () => {
  for (const changes of UNUSABLE) {
    const record = NodeRecord.parse(nodeRecord('bad', changes))
    const recorder = new Recorder()
    const coordinator = new MemoryCoordinator()
    coordinator.watch(usableRecords(recorder))
    coordinator.announce(record)
    coordinator.announce(nodeRecord('good', { gateway: 'wss://n1.internal:8443/', endpoint: '[2001:db8::1]:443' }))
    assert.deepEqual([...recorder.nodes.keys()], ['good'], JSON.stringify(changes))
    assert.equal(recorder.malformedReasons.length, 1)
    assert.match(recorder.malformedReasons[0] ?? '', /^node bad: (?:lvsp|gateway|endpoint) is not /)
    assert.doesNotMatch(recorder.malformedReasons[0] ?? '', /password/)
  }
})

test('a listener that fails at one record receives the next', () => {
  const recorder = new Recorder()
  const listener = usableRecords({
    ...recorder,
    nodeAnnounced: record => {
      if (record.id === 'bad') throw new Error('no room')
      recorder.nodeAnnounced(record)
    },
    malformed: reason => recorder.malformed(reason),
  } as Recorder)
  for (const id of ['bad', 'good']) listener.nodeAnnounced(nodeRecord(id))
  assert.deepEqual([[...recorder.nodes.keys()], recorder.malformedReasons], [['good'], ['node bad: no room']])
})
