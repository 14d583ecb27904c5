// Unidentified connections: the limits per address and in total, and which connection is closed at a limit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { NodeBench } from '../testing/node-bench.ts'

test('a thousand bots on one address that connect at once are all accepted', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const credentials = Array.from({ length: 1_000 }, (_, i) => backend.join(String(i), String(5_000 + (i >> 3))))
  const sockets = credentials.map(() => bench.client('8', '192.0.2.7'))
  for (const [i, { channel_id: _, ...identify }] of credentials.entries()) sockets[i]!.send(0, identify)
  assert.deepEqual([...new Set(sockets.map(socket => socket.closeCode))], [undefined])
  assert.equal(bench.node.sizes.sessions, 1_000)
  assert.equal(bench.node.inspect().greetings, 0)
})

test('a connection above the limit of its address is closed, one from another address is not', () => {
  const bench = new NodeBench()
  const sockets = Array.from({ length: LIMITS.greetingsPerAddress }, () => bench.client('8', '192.0.2.7'))
  assert.equal(bench.client('8', '192.0.2.7').closeCode, VoiceClose.RateLimited)
  assert.equal(bench.client('8', '192.0.2.8').closeCode, undefined)
  sockets[0]!.drop()
  assert.equal(bench.client('8', '192.0.2.7').closeCode, undefined)
})

test('all addresses of an IPv6 /64 share one limit', () => {
  const bench = new NodeBench()
  const sockets = Array.from({ length: LIMITS.greetingsPerAddress }, (_, i) => bench.client('8', `2001:db8::${i + 1}`))
  assert.equal(bench.client('8', '2001:0db8:0:0:1::').closeCode, VoiceClose.RateLimited)
  assert.equal(bench.client('8', '2001:db8:0:1::1').closeCode, undefined)
  sockets[0]!.drop()
  assert.equal(bench.client('8', '2001:db8::ffff').closeCode, undefined)
})

test('a connection above the total limit replaces the oldest, and closed connections do not count', () => {
  const bench = new NodeBench()
  const sockets = Array.from({ length: LIMITS.greetings }, (_, i) =>
    bench.client('8', `2001:db8:0:${(i >> 3).toString(16)}::1`),
  )
  assert.equal(sockets[0]!.closeCode, undefined)
  const newest = bench.client('8', '192.0.2.8')
  assert.equal(newest.closeCode, undefined)
  assert.equal(sockets[0]!.closeCode, VoiceClose.RateLimited)
  assert.equal(sockets[1]!.closeCode, undefined)
  for (const socket of [newest, ...sockets]) socket.drop()
  assert.equal(bench.node.inspect().greetings, 0)
})

test('a connection that replaces one of its own address is counted once', () => {
  const bench = new NodeBench()
  const oldest = bench.client('8', '192.0.2.7')
  const others = Array.from({ length: LIMITS.greetings - 1 }, (_, i) =>
    bench.client('8', `2001:db8:0:${(i >> 3).toString(16)}::1`),
  )
  const newest = bench.client('8', '192.0.2.7')
  assert.equal(oldest.closeCode, VoiceClose.RateLimited)
  for (const socket of [newest, oldest, ...others]) socket.drop()
  const sockets = Array.from({ length: LIMITS.greetingsPerAddress }, () => bench.client('8', '192.0.2.7'))
  assert.equal(sockets.at(-1)!.closeCode, undefined)
})
