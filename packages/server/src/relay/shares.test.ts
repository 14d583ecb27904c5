// What the connections of one backend and of one address may take of a relay.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Shares } from './shares.ts'

const BOUNDS = { connections: 6, connectionsPerBackend: 3, bytes: 1_000, bytesPerBackend: 500, bytesPerAddress: 100 }

test('a backend with its share is refused, and another one is not', () => {
  const shares = new Shares(() => BOUNDS)
  const open = (backend: string) => {
    const share = shares.open('192.0.2.1')!
    const isAssigned = share.assign(backend)
    if (!isAssigned) share.close()
    return { share, isAssigned }
  }
  const first = [open('a'), open('a'), open('a')]
  assert.deepEqual(
    first.map(({ isAssigned }) => isAssigned),
    [true, true, true],
  )
  assert.equal(open('a').isAssigned, false)
  assert.equal(open('b').isAssigned, true)
  first[0]!.share.close()
  assert.equal(open('a').isAssigned, true)
})

test('clients that have not authenticated have one share', () => {
  const shares = new Shares(() => BOUNDS)
  const strangers = Array.from({ length: 3 }, (_, index) => shares.open(`192.0.2.${index}`)!)
  assert.equal(shares.open('192.0.2.9'), undefined)
  for (const each of strangers) assert.equal(each.assign('a'), true)
  for (let opened = 0; opened < 3; opened++) shares.open('192.0.2.9')!.assign('b')
  assert.equal(shares.open('192.0.2.9'), undefined, 'six in all')
})

test('a connection has its share from the check on, so that several that are being opened do not pass the bound', () => {
  const shares = new Shares(() => ({ ...BOUNDS, connections: 2 }))
  const dialing = [shares.open('192.0.2.1'), shares.open('192.0.2.2')]
  assert.equal(shares.open('192.0.2.3'), undefined)
  dialing[0]!.close()
  assert.ok(shares.open('192.0.2.3'), 'a node that cannot be reached returns the share')
})

test('bounds follow a reload: what is open stays', () => {
  let bounds = { ...BOUNDS, connectionsPerBackend: 6, bytesPerBackend: 1_000 }
  const shares = new Shares(() => bounds)
  const open = Array.from({ length: 4 }, () => shares.open('192.0.2.1')!)
  for (const each of open) assert.equal(each.assign('a'), true)
  const stranger = shares.open('192.0.2.2')!
  stranger.add(60)
  open[0]!.add(90)
  // A second backend.
  bounds = { ...BOUNDS, bytesPerBackend: 50 }
  assert.equal(stranger.assign('a'), false)
  assert.equal(stranger.assign('b'), true)
  assert.ok(stranger.isCrowded && open[0]!.isCrowded)
  assert.equal(shares.open('192.0.2.3')?.assign('a'), false)
})

test('unsent bytes are bounded by address, by backend and in all', () => {
  const shares = new Shares(() => BOUNDS)
  const connections = Array.from({ length: 6 }, (_, index) => {
    const share = shares.open(`192.0.2.${index >> 1}`)!
    share.assign(index < 3 ? 'a' : 'b')
    return share
  })
  const crowded = () => connections.map(each => each.isCrowded)
  connections[0]!.add(101)
  assert.deepEqual(crowded(), [true, true, false, false, false, false], 'the two of one address')
  connections[2]!.add(400)
  assert.deepEqual(crowded().slice(0, 3), [true, true, true], 'one backend')
  assert.deepEqual(crowded().slice(4), [false, false])
  connections[4]!.add(500)
  assert.ok(crowded().every(Boolean), 'all')
  connections[4]!.add(-500)
  connections[2]!.close()
  connections[2]!.add(999)
  connections[0]!.add(-101)
  assert.deepEqual(crowded(), [false, false, false, false, false, false])
  for (const each of connections) each.close()
  assert.equal(shares.size, 0)
})
