// Whole calls on the virtual clock: join, talk, mute, move, resume and address change, over good and lossy links.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeDiscoveryRequest, LEGACY_MODES, MODERN_MODES } from '@parley/protocol'
import { SimCall, type SimClient } from './sim-call.ts'

/** Connected clients of one channel, each with a verified media address. */
async function callOf(count: number, ...[options, seed, weather]: Parameters<typeof SimCall.create>) {
  const call = await SimCall.create(options, seed, weather)
  const modes = options?.legacyModes ? [...MODERN_MODES, ...LEGACY_MODES] : MODERN_MODES
  const clients = Array.from({ length: count }, (_, index) =>
    call.client(call.backend.join(String(index + 1)), { mode: modes[index % modes.length] }),
  )
  call.advance(3_000)
  assert.ok(clients.every(client => client.isLive))
  return { call, clients }
}

function say(call: SimCall, client: SimClient, texts: readonly string[]): void {
  for (const text of texts) {
    client.say(text)
    call.advance(20)
  }
}

const texts = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix} ${index}`)

const users = (client: SimClient) => [...client.session.members].map(({ userId }) => userId).sort()

function close(call: SimCall): void {
  call.backend.info(21, { channels: [] })
  call.advance(60_000)
  assert.deepEqual(call.router.inspect(), emptyLane)
  const { sessions, channels, lanes } = call.bench.node.inspect()
  assert.deepEqual([sessions, channels, lanes.map(lane => lane.peers)], [[], [], [0]])
}
let emptyLane: object
test.before(async () => {
  emptyLane = (await SimCall.create()).router.inspect()
})

test('every client receives every other client byte for byte, each in its own encryption mode', async () => {
  const { call, clients } = await callOf(7, { legacyModes: true })
  for (const [index, client] of clients.entries()) {
    client.speak()
    say(call, client, texts(`client ${index}`, 10))
  }
  for (const listener of clients)
    for (const [index, speaker] of clients.entries())
      assert.deepEqual(listener.texts(speaker), listener === speaker ? [] : texts(`client ${index}`, 10))
  assert.ok(clients.every(client => client.unopened === 0))
  close(call)
})

test('a server-muted speaker ends with five silence frames and is forwarded again after the unmute', async () => {
  const { call, clients } = await callOf(2)
  const [ana, ben] = clients as [SimClient, SimClient]
  say(call, ana, ['before'])
  call.backend.info(6, { user_id: '1', channel_id: '500', mute: true })
  say(call, ana, texts('muted', 10))
  call.backend.info(6, { user_id: '1', channel_id: '500', mute: false })
  say(call, ana, ['after'])
  const silence = new TextDecoder().decode(Uint8Array.of(0xf8, 0xff, 0xfe))
  assert.deepEqual(ben.texts(ana), ['before', silence, silence, silence, silence, silence, 'after'])
  assert.deepEqual(
    ben.received.map(frame => frame.sequence),
    [0, 1, 2, 3, 4, 5, 11],
  )
  close(call)
})

test('a deafened listener receives nothing, and a listener with want 0 for a speaker does not receive that speaker', async () => {
  const { call, clients } = await callOf(3)
  const [ana, ben, cleo] = clients as [SimClient, SimClient, SimClient]
  call.backend.info(6, { user_id: '2', channel_id: '500', deaf: true })
  cleo.session.command(15, { any: 100, [ana.ssrc]: 0 })
  say(call, ben, ['from ben'])
  say(call, ana, ['from ana'])
  assert.deepEqual([ben.texts(), cleo.texts()], [[], ['from ben']])
  close(call)
})

test('on a lossy link, received packets are unmodified and none is delivered twice', async () => {
  const weather = { loss: 0.1, duplicates: 0.1, latency: 20, jitter: 60 }
  const { call, clients } = await callOf(4, {}, 7, weather)
  for (const [index, client] of clients.entries()) say(call, client, texts(`client ${index}`, 200))
  call.advance(1_000)
  for (const listener of clients)
    for (const [index, speaker] of clients.entries()) {
      if (listener === speaker) continue
      const received = listener.texts(speaker)
      const sent = texts(`client ${index}`, 200)
      assert.ok(received.every(text => sent.includes(text)))
      assert.equal(new Set(received).size, received.length)
      assert.ok(received.length > 140 && received.length < 190, `${received.length} of 200 at 19 % loss`)
    }
  close(call)
})

test('a replayed packet is delivered once', async () => {
  const { call, clients } = await callOf(2, {}, 3, { loss: 0, duplicates: 1, latency: 5, jitter: 0 })
  const [ana, ben] = clients as [SimClient, SimClient]
  call.weather = { ...call.weather, duplicates: 1 }
  ana.say('once')
  call.weather = { ...call.weather, duplicates: 0 }
  call.advance(100)
  assert.deepEqual(ben.texts(), ['once'])
  close(call)
})

test('media continues while the TCP connection is lost, and a resumed client receives the joins it missed', async () => {
  const { call, clients } = await callOf(2)
  const [ana, ben] = clients as [SimClient, SimClient]
  ana.cut()
  say(call, ben, ['while away'])
  const cleo = call.client(call.backend.join('3'))
  call.advance(20_000)
  assert.ok(ana.isLive && cleo.isLive)
  assert.ok(ana.outputs.some(output => output.kind === 'resumed'))
  assert.deepEqual(ana.texts(), ['while away'])
  assert.deepEqual(users(ana), ['2', '3'])
  say(call, ana, ['back'])
  assert.deepEqual([ben.texts(ana), cleo.texts(ana)], [['back'], ['back']])
  close(call)
})

test('media follows a changed client address after the first authenticated packet from it', async () => {
  const { call, clients } = await callOf(2)
  const [ana, ben] = clients as [SimClient, SimClient]
  say(call, ben, ['at the old address'])
  ana.rebind('198.51.100.99')
  const lost = ana.texts().length
  say(call, ana, ['from the new address'])
  say(call, ben, ['at the new address'])
  assert.equal(lost, 1)
  assert.deepEqual(ana.texts(), ['at the old address', 'at the new address'])
  assert.deepEqual(ben.texts(), ['from the new address'])
  close(call)
})

test('forged packets do not change the address of a client', async () => {
  const { call, clients } = await callOf(2)
  const [ana, ben] = clients as [SimClient, SimClient]
  const thief = { ip: '192.0.2.66', port: 6_666 }
  let stolen = 0
  call.listen(thief, () => stolen++)
  const forged = new Uint8Array(60)
  forged.set([0x80, 0x78, 0, 99])
  new DataView(forged.buffer).setUint32(8, ana.ssrc)
  for (let sent = 0; sent < 500; sent++) {
    call.toNode(forged, thief)
    call.advance(5)
  }
  say(call, ben, ['still for ana'])
  assert.equal(stolen, 0)
  assert.deepEqual(ana.texts(), ['still for ana'])
  close(call)
})

test('a speaker is forwarded despite a flood of forged packets and discovery requests from the same IP address', async () => {
  const { call, clients } = await callOf(2)
  const [ana, ben] = clients as [SimClient, SimClient]
  const neighbour = { ip: '203.0.113.77', port: 6_666 }
  const forged = new Uint8Array(60)
  forged.set([0x80, 0x78, 0, 99])
  new DataView(forged.buffer).setUint32(8, ana.ssrc)
  const words: string[] = []
  for (let spoken = 0; spoken < 50; spoken++) {
    for (let sent = 0; sent < 10; sent++) call.toNode(forged, neighbour)
    call.toNode(encodeDiscoveryRequest(ana.ssrc), neighbour)
    call.advance(10)
    words.push(`word ${spoken}`)
    say(call, ana, words.slice(-1))
  }
  say(call, ben, ['still for ana'])
  assert.deepEqual(ben.texts(), words)
  assert.deepEqual(ana.texts(), ['still for ana'])
  close(call)
})

test('a moved client leaves its old channel, and no media crosses between the channels', async () => {
  const { call, clients } = await callOf(3)
  const [ana, ben, cleo] = clients as [SimClient, SimClient, SimClient]
  const credentials = call.backend.join('3', '501')
  call.advance(100)
  assert.equal(cleo.session.state, 'closed')
  const moved = call.client(credentials)
  call.advance(1_000)
  say(call, ana, ['in 500'])
  say(call, moved, ['in 501'])
  assert.deepEqual([ben.texts(), moved.texts()], [['in 500'], []])
  assert.deepEqual(users(ana), ['2'])
  close(call)
})

test('calls continue without the backend, and empty channels are collected', async () => {
  const { call, clients } = await callOf(2)
  const [ana, ben] = clients as [SimClient, SimClient]
  call.backend.join('9', '900')
  call.backend.socket.drop()
  call.advance(11 * 60_000)
  assert.deepEqual(call.bench.node.inspect().channels.length, 1)
  say(call, ana, ['still here'])
  assert.deepEqual(ben.texts(), ['still here'])
  ana.leave()
  ben.leave()
  call.advance(11 * 60_000)
  assert.deepEqual(call.bench.node.inspect().channels, [])
  assert.deepEqual(call.router.inspect(), emptyLane)
})

test('with an orphan grace period, calls end that long after the backend is lost', async () => {
  const { call, clients } = await callOf(2, { orphanGrace: 60_000 })
  call.backend.socket.drop()
  call.advance(59_000)
  assert.ok(clients.every(client => client.isLive))
  call.advance(2_000)
  assert.ok(clients.every(client => client.session.state === 'closed'))
  assert.deepEqual(call.router.inspect(), emptyLane)
})

test('a reconnected backend finds its channels, and SYNC removes the voice states that it does not list', async () => {
  const { call, clients } = await callOf(2)
  const [ana, ben] = clients as [SimClient, SimClient]
  call.backend.socket.drop()
  call.advance(5_000)
  const again = call.bench.backend()
  again.info(21, { channels: [{ channel_id: '500', guild_id: '100', users: [{ user_id: '1' }] }] })
  call.advance(1_000)
  assert.deepEqual([ana.isLive, ben.session.state], [true, 'closed'])
})
