// The faults of a user: triggers, sources, bounds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULTS, type FaultName } from './faults/fault-table.ts'
import { UserFaults } from './faults/user-faults.ts'

function recorded() {
  const done: string[] = []
  const faults = new UserFaults({ act: (name, value) => done.push(`${name} ${value}`), began() {} })
  return { done, faults }
}

test('conditions last until they are cleared, and a repeated token adds its faults once', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { done, faults } = recorded()
  const words = 'no-heartbeat-ack,silent-ws@5s,drop-ws@1s,close-ws:4017@2s,unknown-opcode,endpoint-move@3s'
  faults.addOnce(words)
  faults.addOnce(words)
  assert.equal(faults.value('no-heartbeat-ack'), 1_000_000)
  t.mock.timers.tick(10_000)
  assert.deepEqual(done, [])
  faults.sessionStarted()
  t.mock.timers.tick(4_000)
  assert.deepEqual(done, ['unknown-opcode 0', 'drop-ws 0', 'close-ws 4017', 'endpoint-move 0'])
  assert.equal(faults.value('silent-ws'), undefined)
  t.mock.timers.tick(1_000)
  assert.equal(faults.value('silent-ws'), 0)
  faults.clear()
  assert.ok(faults.isEmpty)
})

test('a fault starts with its event, its packet, or a time after its event', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { done, faults } = recorded()
  faults.add('close-ws:4006@after:resume,drop-ws@packet:3,unknown-opcode@after:speaking+1s')
  faults.happened('client 7')
  for (let packet = 0; packet < 2; packet++) faults.happened('packet')
  assert.deepEqual(done, ['close-ws 4006'])
  faults.happened('packet')
  faults.happened('client 5')
  assert.deepEqual(done, ['close-ws 4006', 'drop-ws 0'])
  t.mock.timers.tick(1_000)
  assert.equal(done.at(-1), 'unknown-opcode 0')
})

test('a fault with a number of occurrences ends after them', () => {
  const { faults } = recorded()
  faults.add('discovery-lost:2')
  assert.deepEqual(
    [1, 2, 3].map(() => faults.take('discovery-lost')),
    [true, true, false],
  )
})

test('the faults of one source are cleared alone', () => {
  const { faults } = recorded()
  faults.add('udp-loss:1%', 'channel')
  faults.add('udp-jitter')
  faults.clear('channel')
  assert.deepEqual([faults.value('udp-loss'), faults.value('udp-jitter')], [undefined, 50])
})

test('faults of a source are replaced as a whole, or not at all', () => {
  const { faults } = recorded()
  faults.add(Array(30).fill('drop-ws').join())
  faults.replace('udp-loss:1%,udp-jitter', 'channel')
  faults.replace('udp-loss:2%,udp-jitter', 'channel')
  assert.throws(() => faults.replace('udp-loss,udp-jitter,silent-ws', 'channel'), /at most 32/)
  assert.equal(faults.value('udp-loss'), 2)
})

test('each fault has a meaning, and a user has a bounded number of them', () => {
  assert.ok(Object.keys(FAULTS).length >= 40)
  for (const [name, { meaning }] of Object.entries(FAULTS)) assert.ok(meaning.length > 10, name)
  const { faults } = recorded()
  faults.add(Array(32).fill('drop-ws').join())
  assert.throws(() => faults.add('drop-ws'), /at most 32/)
})

test('each fault that loses, delays, repeats or changes messages has a number that is used', () => {
  for (const [name, { message, parameter }] of Object.entries(FAULTS))
    if (message?.effect === 'lose' || message?.effect === 'late') assert.ok(parameter, name as FaultName)
})
