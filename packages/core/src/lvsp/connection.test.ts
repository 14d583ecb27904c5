// One backend connection: greeting, identify, resume, heartbeat, and every kind of invalid input.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { ALL_CAPABILITIES, LvspBench, SECRET, tokenFor } from '../testing/lvsp-bench.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }

test('an opened connection receives HELLO with a unique nonce', () => {
  const bench = new LvspBench()
  const [a, b] = [bench.open(), bench.open()]
  const { nonce, ...hello } = a.ops(0)[0]
  assert.deepEqual(hello, {
    heartbeat_interval: 5_000,
    server: { name: 'parley', version: '1.2.3' },
    capabilities: ALL_CAPABILITIES,
  })
  assert.match(nonce, /^[A-Za-z0-9]{10}$/)
  assert.notEqual(nonce, b.nonce)
})

test('a valid token makes a connection ready and attaches its backend', () => {
  const bench = new LvspBench()
  const backend = bench.backend(SECRET, ['events', 'telepathy'])
  const [ready] = backend.ops(3)
  assert.equal(ready.health, 0.75)
  assert.match(ready.session, /^[0-9a-f]{32}$/)
  assert.deepEqual(ready.capabilities, ['events'])
  assert.equal(ready.seq, 0)
  assert.equal(ready.resumed, undefined)
  backend.drop()
  assert.equal(bench.isDetached('main'), true)
  bench.backend()
  assert.equal(bench.isDetached('main'), false)
})

test('a wrong token closes as authentication failure and is noted without the token', () => {
  const bench = new LvspBench()
  const socket = bench.open()
  socket.send(1, { token: tokenFor('wrong', socket.nonce) })
  assert.equal(socket.closeCode, 4001)
  assert.deepEqual(socket.story(), ['0'])
  const note = bench.notes.find(({ event }) => event === 'lvsp.authentication_failed')
  assert.ok(note !== undefined)
  assert.ok(!JSON.stringify(bench.notes).includes(tokenFor('wrong', socket.nonce)))
})

test('a token for the nonce of another connection is rejected', () => {
  const bench = new LvspBench()
  const other = bench.open()
  const socket = bench.open()
  socket.send(1, { token: tokenFor(SECRET, other.nonce) })
  assert.equal(socket.closeCode, 4001)
})

for (const [what, d] of Object.entries({
  'no data': undefined,
  'no token': {},
  'a number': { token: 5 },
  'an empty token': { token: '' },
  'an overlong token': { token: 'x'.repeat(513) },
  'an array': [],
  'too many capabilities': { token: 'x', capabilities: Array(65).fill('a') },
}))
  test(`IDENTIFY and RESUME with ${what} close as authentication failure`, () => {
    const bench = new LvspBench()
    assert.equal(bench.open().send(1, d).closeCode, 4001)
    assert.equal(bench.open().send(2, d).closeCode, 4001)
  })

test('a connection that does not identify within thirty seconds is closed', () => {
  const bench = new LvspBench()
  const socket = bench.open()
  bench.advance(29_999)
  assert.equal(socket.closeCode, undefined)
  bench.advance(1)
  assert.equal(socket.closeCode, 4001)
})

test('after five wrong tokens HELLO to that address is delayed by five seconds', () => {
  const bench = new LvspBench()
  for (let i = 0; i < 5; i++) bench.open().send(1, { token: 'wrong' })
  const held = bench.open()
  assert.deepEqual(held.story(), [])
  assert.deepEqual(bench.open(undefined, '192.0.2.77').story(), ['0'])
  bench.advance(4_999)
  assert.deepEqual(held.story(), [])
  bench.advance(1)
  assert.deepEqual(held.story(), ['0'])
  held.send(1, { token: tokenFor(SECRET, held.nonce) })
  assert.deepEqual(held.story(), ['0', '3'])
})

test('a heartbeat is answered with health, before and after READY', () => {
  const bench = new LvspBench()
  const socket = bench.open().send(4, { s: 0 })
  assert.deepEqual(socket.ops(5), [{ health: 0.75 }])
  const backend = bench.backend().sendText('{"op":4}').sendText('{"op":4,"d":null,"s":null}')
  assert.deepEqual(backend.ops(5), [{ health: 0.75 }, { health: 0.75 }])
})

for (const [health, sent] of [
  [Number.NaN, 0],
  [Infinity, 0],
  [-3, 0],
  [7, 1],
  [0.123456, 0.123],
] as const)
  test(`node health ${health} is sent as ${sent}`, () => {
    const bench = new LvspBench()
    bench.health = health
    assert.equal(bench.backend().ops(3)[0].health, sent)
  })

test('a missing heartbeat closes the connection only if heartbeats are required', () => {
  const bench = new LvspBench([
    { id: 'main', secrets: [SECRET] },
    { id: 'strict', secrets: ['strict secret'], requireHeartbeat: true },
  ])
  const [lenient, strict, beating] = [bench.backend(), bench.backend('strict secret'), bench.backend('strict secret')]
  for (let elapsed = 0; elapsed < 60_000; elapsed += 5_000) {
    bench.advance(5_000)
    beating.send(4, {})
  }
  assert.equal(lenient.closeCode, undefined)
  assert.equal(strict.closeCode, 4000)
  assert.equal(beating.closeCode, undefined)
})

for (const [what, text] of Object.entries({
  'text that is not JSON': 'hello',
  nothing: '',
  'half a message': '{"op":4',
  'an array': '[]',
  'a number': '5',
  null: 'null',
  'a string': '"x"',
}))
  test(`${what} closes as decode error, before and after READY`, () => {
    const bench = new LvspBench()
    assert.equal(bench.open().sendText(text).closeCode, 4002)
    const backend = bench.backend().sendText(text)
    assert.equal(backend.closeCode, 4002)
    assert.equal(bench.isDetached('main'), true)
  })

test('a binary message closes as decode error', () => {
  const text = new TextEncoder().encode('{"op":4,"d":{}}')
  assert.equal(new LvspBench().backend().sendText(text).closeCode, 4002)
})

test('a message of 1 MiB closes as decode error, one of 64 KiB does not', () => {
  const padded = (size: number) => `{"op":4,"d":{"x":"${'x'.repeat(size - 21)}"}}`
  const backend = new LvspBench().backend()
  assert.equal(backend.sendText(padded(LIMITS.jsonMessage - 10)).ops(5).length, 1)
  assert.equal(backend.sendText(padded(1024 * 1024)).closeCode, 4002)
})

test('JSON nested ten thousand levels deep fails validation without an exception', () => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
  const bench = new LvspBench()
  const backend = bench.backend(SECRET, ['failure'])
  backend.sendText(`{"op":6,"d":{"type":0,"data":${deep}}}`)
  backend.sendText(`{"op":6,"d":{"type":0,"data":{"channel_id":${deep}}}}`)
  backend.sendText(`{"op":6,"d":{"type":99,"data":{"guild_id":"1","x":${deep}}}}`)
  backend.sendText(`{"op":6,"d":${deep}}`)
  backend.sendText(`{"op":4,"d":${deep}}`)
  assert.equal(backend.closeCode, undefined)
  assert.deepEqual(
    backend.infos(17).map(({ code, in_reply_to }) => [code, in_reply_to]),
    [
      [1, { type: 0, data: {} }],
      [1, { type: 0, data: {} }],
      [2, { type: 99, data: { guild_id: '1' } }],
    ],
  )
})

for (const message of [
  '{}',
  '{"op":"6"}',
  '{"op":6.5}',
  '{"op":99}',
  '{"op":-1}',
  '{"op":0,"d":{}}',
  '{"op":3,"d":{}}',
  '{"op":5}',
  '{"op":6}',
  '{"op":6,"d":{"type":"0","data":{}}}',
  '{"__proto__":{"op":4}}',
])
  test(`${message} is ignored, before and after READY`, () => {
    const bench = new LvspBench()
    const socket = bench.open().sendText(message)
    const backend = bench.backend().sendText(message)
    assert.deepEqual(socket.story(), ['0'])
    assert.deepEqual(backend.story(), ['0', '3'])
    assert.deepEqual([socket.closeCode, backend.closeCode], [undefined, undefined])
  })

test('an INFO before READY changes nothing', () => {
  const bench = new LvspBench()
  bench.open().info(0, CHANNEL)
  assert.deepEqual(bench.snapshot('main').channels, [])
})

test('IDENTIFY and RESUME on a live connection are ignored', () => {
  const bench = new LvspBench()
  const backend = bench.backend()
  const token = tokenFor(SECRET, backend.nonce)
  backend.send(1, { token }).send(2, { token, seq: 0 }).send(1, { token: 'wrong' })
  assert.deepEqual(backend.story(), ['0', '3'])
  assert.equal(backend.closeCode, undefined)
})

test('a backend that exceeds the message rate beyond its burst is closed; one below it is not', () => {
  const bench = new LvspBench()
  const backend = bench.backend()
  for (let second = 0; second < 20; second++) {
    for (let i = 0; i < 2_000; i++) backend.connection.receive('{"op":4}', bench.now)
    bench.advance(1_000)
  }
  bench.settle(backend.connection)
  assert.equal(backend.closeCode, undefined)
  assert.equal(backend.ops(5).length, 40_000)
  for (let i = 0; i <= LIMITS.lvspInfoBurst; i++) backend.connection.receive('{"op":4}', bench.now)
  bench.settle(backend.connection)
  assert.equal(backend.closeCode, 4000)
  assert.equal(backend.closeReason, 'too many messages')
})

test('notes about invalid messages are rate-limited', () => {
  const bench = new LvspBench()
  const backend = bench.backend()
  const before = bench.notes.length
  for (let i = 0; i < 1_000; i++) backend.info(77, {})
  assert.equal(bench.notes.length - before, LIMITS.lvspNoteBurst)
  bench.advance(1_000)
  backend.info(77, {})
  assert.equal(bench.notes.at(-1)?.fields?.unnoted, 1_000 - LIMITS.lvspNoteBurst)
})

test('an internal error closes the connection as general error with a note, and the node continues', () => {
  const bench = new LvspBench()
  const backend = bench.backend()
  bench.control.assignChannel = () => {
    throw new Error('injected fault')
  }
  backend.info(0, CHANNEL)
  assert.equal(backend.closeCode, 4000)
  assert.equal(backend.closeReason, 'internal error')
  const note = bench.notes.find(({ level }) => level === 'error')
  assert.match(String(note?.fields?.stack), /injected fault/)
  assert.deepEqual(bench.backend().story(), ['0', '3'])
})

test('a closed connection sends and processes nothing', () => {
  const bench = new LvspBench()
  const socket = bench.open().sendText('x')
  socket.sendText('{"op":4}')
  bench.advance(60_000)
  assert.deepEqual(socket.story(), ['0'])
  assert.equal(socket.connection.deadline, Infinity)
})

test('a backend that connects like Litecord is noted with the setting to configure', () => {
  const bench = new LvspBench()
  const socket = bench.open('Python/3.11 websockets/10.4')
  socket.send(1, { token: tokenFor(SECRET, socket.nonce) })
  const note = bench.notes.find(({ event }) => event === 'lvsp.looks_like_litecord')
  assert.match(String(note?.fields?.hint), /dialect = "litecord"/)
})

test('a Python backend that negotiates capabilities is not taken for Litecord', () => {
  const bench = new LvspBench()
  const socket = bench.open('Python/3.12 websockets/13.1')
  socket.send(1, { token: tokenFor(SECRET, socket.nonce), capabilities: ['failure'] })
  assert.ok(!bench.notes.some(({ event }) => event === 'lvsp.looks_like_litecord'))
})
