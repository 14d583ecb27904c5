// Traces, transcripts and expectations of a client on a test server.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RawBot } from '../../testing/raw-bot.ts'
import { RawVoice } from '../../testing/raw-voice.ts'
import { createTestServer } from '../test-server.ts'
import { readTraceLine, traceLine } from './trace-lines.ts'
import { TranscriptBuilder } from './transcript.ts'

const LOUNGE = '1300000000000000002'
const FRAME = Uint8Array.of(0x78, 9, 9, 9)
const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)

async function talking(t: TestContext, { seed = 1, faults = '' } = {}) {
  const server = await createTestServer({ seed, voice: { dave: 'off' } })
  t.after(() => server.close())
  const bot = await RawBot.login(t, server, `ana.fault:${faults}`)
  const voice = await RawVoice.join(t, server, bot, LOUNGE)
  return { server, bot, voice, ana: server.user('ana') }
}

test('the transcript of a correct client has no broken rule', async t => {
  const { voice, ana } = await talking(t)
  voice.send(5, { speaking: 1, delay: 0, ssrc: voice.ready.ssrc })
  await ana.expect('speaking')
  for (let frame = 0; frame < 3; frame++) voice.say(FRAME)
  for (let frame = 0; frame < 5; frame++) voice.say(SILENCE)
  await ana.expect('audio', { count: 3 })
  await ana.expect('silence', { within: '5s' })
  await ana.expect('joined')
  await ana.expect('rules')
  const [stream] = ana.transcript.streams
  assert.deepEqual(
    [stream?.packets, stream?.missing, stream?.timestampJumps, stream?.talkspurts, stream?.lastSequence],
    [8, 0, 0, 1, 7],
  )
  assert.deepEqual(
    ana.transcript.opcodes.map(({ name }) => name),
    ['Identify', 'SelectProtocol', 'Speaking'],
  )
})

test('the transcript names each broken rule in one sentence', async t => {
  const { voice, ana, server } = await talking(t)
  voice.say(FRAME, 5)
  voice.say(FRAME, 9)
  voice.say(FRAME, 8)
  await ana.expect('audio', { count: 3 })
  const datagram = server.trace.events('ana').findLast(event => event.kind === 'datagram' && event.rtp !== undefined)
  assert.ok(datagram?.kind === 'datagram')
  voice.udp.send(datagram.raw, voice.ready.port, '127.0.0.1')
  voice.udp.send(Buffer.concat([datagram.raw.subarray(0, 12), Buffer.alloc(30)]), voice.ready.port, '127.0.0.1')
  voice.send(13, {})
  await ana.expect('audio', { count: 4 })
  const rules = () => new Set(ana.transcript.violations.map(({ rule }) => rule))
  for (let count = 0; !rules().has('known-opcodes') || !rules().has('transport-encryption'); count++) {
    voice.send(3, { t: count })
    await voice.next('an acknowledgement', () => voice.received.filter(({ op }) => op === 6).length > count)
  }
  assert.deepEqual([...rules()].sort(), ['known-opcodes', 'new-nonces', 'transport-encryption'])
  const [stream] = ana.transcript.streams
  assert.deepEqual([stream?.missing, stream?.reordered], [3, 2])
  await assert.rejects(
    ana.expect('rules'),
    /^ExpectationError: ana: expected no broken rule; it used nonce \d+ twice with one key; count it up/,
  )
})

test('audio without Speaking is a broken rule after half a second, and so is a missing end of a talkspurt', () => {
  const broken: string[] = []
  const builder = new TranscriptBuilder(({ rule }) => broken.push(rule))
  const rtp = { ssrc: 5, timestamp: 0, payloadType: 120, marker: false, payload: 4, isSilence: false, isDave: false }
  const datagram = {
    kind: 'datagram',
    from: 'client',
    type: 'rtp',
    length: 40,
    fate: 'sent',
    by: [],
    user: '1',
  } as const
  const bytes = new Uint8Array(16)
  builder.add({
    kind: 'message',
    from: 'node',
    op: 2,
    name: 'Ready',
    data: { ssrc: 5 },
    fate: 'sent',
    by: [],
    at: 0,
    user: '1',
  })
  for (let n = 0; n < 50; n++) {
    if (n === 30) assert.deepEqual(broken, ['speaking-first'])
    const numbers = { ...rtp, sequence: n, timestamp: n * 960 }
    builder.add({ ...datagram, at: n * 20, raw: bytes, plain: bytes, rtp: numbers })
  }
  assert.deepEqual(
    builder.view(1_100).violations.map(({ rule }) => rule),
    ['speaking-first'],
  )
  assert.deepEqual(
    builder.view(3_000).violations.map(({ rule }) => rule),
    ['speaking-first', 'silence-frames'],
  )
})

test('an expectation that is not met says what the client did and should have done', async t => {
  const { ana } = await talking(t)
  await assert.rejects(ana.expect('speaking', { within: 20 }), {
    message:
      'ana: expected Speaking (op 5) (at least 1 message) within 0.02 s; it sent Identify, SelectProtocol. Expected behaviour: a client sends Speaking before its first audio (docs/voice-gateway.md#speaking)',
  })
  await assert.rejects(ana.expect('speaking', { within: 'soon' }), RangeError)
  await ana.expect('stays', { within: 30 })
})

test('stays fails as soon as the connection is lost, and later expectations see what happened', async t => {
  const { ana, server, voice } = await talking(t)
  const stays = ana.expect('stays', { within: '10s' })
  server.dropVoice('ana')
  await assert.rejects(stays, /expected a connected client/)
  await voice.closed()
  await ana.expect('disconnected')
  server.kick('ana')
  await ana.expect('left')
})

test('strict closes the connection of a client that breaks a rule, with the rule as reason', async t => {
  const { voice } = await talking(t, { faults: 'strict' })
  voice.say(FRAME, 1)
  // A packet that no key opens.
  voice.udp.send(Uint8Array.of(0x80, 120, ...Array(40).fill(7)), voice.ready.port, '127.0.0.1')
  assert.equal(await voice.closed(), 4020)
})

test('a trace is readable, and its lines keep every event', async t => {
  const { server, voice, ana } = await talking(t, { faults: 'extra-fields' })
  for (let frame = 0; frame < 3; frame++) voice.say(FRAME)
  await ana.expect('audio', { count: 3 })
  const text = server.trace.text('ana')
  assert.match(text, /main gateway: VOICE_SERVER_UPDATE/)
  assert.match(text, /← {2}op 8 Hello \[changed by extra-fields\] {2}\{"v":8/)
  assert.match(text, /→ {2}op 0 Identify {2}.*"token":"\(secret\)"/)
  assert.match(text, /rtp frame ssrc \d+ seq 0 ts 0 4 bytes {2}× 3, until [\d.]+ seq 2/)
  const events = server.trace.events()
  const lines = server.trace.lines().trimEnd().split('\n')
  assert.deepEqual(
    lines.map(line => readTraceLine(line)).map(event => traceLine(event!)),
    events.map(event => traceLine(event)),
  )
  assert.doesNotMatch(lines.join(), /"token":"(?!\(secret\))/)
  assert.equal(readTraceLine('{'), undefined)
  const html = server.trace.html()
  assert.match(html, /<td>ana<\/td><td>→<\/td><td><code>op 0 Identify/)
  server.trace.clear('ana')
  assert.deepEqual(server.trace.events('ana'), [])
})

test('pcapng has blocks whose lengths add up, and the plain packets', async t => {
  const { server, voice, ana } = await talking(t)
  voice.say(FRAME)
  await ana.expect('audio')
  const bytes = server.trace.pcapng()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const types: number[] = []
  for (let offset = 0; offset < bytes.length; offset += view.getUint32(offset + 4)) {
    const length = view.getUint32(offset + 4)
    assert.equal(view.getUint32(offset + length - 4), length)
    types.push(view.getUint32(offset))
  }
  assert.deepEqual(types.slice(0, 3), [0x0a0d0d0a, 1, 6])
  assert.ok(Buffer.from(bytes).includes(Buffer.from(FRAME)))
  assert.ok(!Buffer.from(server.trace.pcapng('ana', true)).includes(Buffer.from(FRAME)))
  assert.match(Buffer.from(bytes).toString('latin1'), /user \d+, aead_aes256_gcm_rtpsize, key [0-9a-f]{64}/)
})

test('the same seed and the same client yield the same trace, byte for byte, and another seed another', async t => {
  const run = async (seed: number) => {
    const { server, voice, ana } = await talking(t, { seed })
    server.fault('ana', 'udp-loss:30%,udp-duplicate:20%,udp-corrupt:10%')
    voice.send(5, { speaking: 1, delay: 0, ssrc: voice.ready.ssrc })
    await ana.expect('speaking')
    for (let frame = 0; frame < 50; frame++) voice.say(FRAME)
    await ana.expect('audio', { count: 50 })
    return server.trace.stableLines('ana')
  }
  const first = await run(7)
  assert.ok(first.split('\n').length > 60)
  assert.equal(await run(7), first)
  assert.notEqual(await run(8), first)
})
