// The voice client session against a scripted node, on a virtual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose, VoiceOp } from '@parley/protocol'
import { DESCRIPTION, INTERVAL, KEY, MODE, READY, SessionScript } from '../../testing/session-script.ts'

test('a session identifies, selects UDP and receives mode and key', () => {
  const script = new SessionScript()
  assert.deepEqual(script.take(), [{ kind: 'connect', version: 9 }])
  script.open()
  assert.deepEqual(script.sent(), [
    {
      op: VoiceOp.Identify,
      d: {
        server_id: '100',
        channel_id: '500',
        user_id: '7',
        session_id: 'session',
        token: 'token',
        max_dave_protocol_version: 0,
      },
    },
  ])
  script.receive(VoiceOp.Hello, { v: 9, heartbeat_interval: INTERVAL }).receive(VoiceOp.Ready, READY)
  assert.deepEqual(script.take(), [
    { kind: 'ready', ready: { ssrc: 4001, ip: '203.0.113.10', port: 50004, modes: [MODE], streams: [] } },
  ])
  script.session.select({ protocol: 'udp', address: '198.51.100.7', port: 40112, mode: MODE })
  assert.deepEqual(script.sent(), [
    { op: VoiceOp.SelectProtocol, d: { protocol: 'udp', data: { address: '198.51.100.7', port: 40112, mode: MODE } } },
  ])
  script.receive(VoiceOp.SessionDescription, DESCRIPTION, 1)
  const [output] = script.take()
  assert.equal(output?.kind, 'description')
  assert.equal(output.description.protocol, 'udp')
  assert.deepEqual(output.description.key, Uint8Array.from(KEY))
  assert.equal(script.session.state, 'live')
})

const SELECTION = { protocol: 'webrtc', sdp: 'a=ice-ufrag:abcd', codecs: [], audioSsrc: 77 } as const

test('a session selects WebRTC with an offer, receives the SDP answer, and declares the SSRC that it chose', () => {
  const script = new SessionScript()
    .open()
    .receive(VoiceOp.Hello, { v: 9, heartbeat_interval: INTERVAL })
    .receive(VoiceOp.Ready, READY)
  script.take()
  script.session.setSpeaking(1)
  assert.equal(script.session.select(SELECTION), true)
  const { sdp, codecs } = SELECTION
  assert.deepEqual(script.sent(), [
    { op: VoiceOp.SelectProtocol, d: { protocol: 'webrtc', data: sdp, sdp, codecs: [...codecs] } },
  ])
  script.receive(VoiceOp.SessionDescription, { sdp: 'm=audio 50004 ICE/SDP\n', audio_codec: 'opus' }, 1)
  const [output, speaking] = script.take()
  assert.deepEqual(output, {
    kind: 'description',
    description: {
      protocol: 'webrtc',
      sdp: 'm=audio 50004 ICE/SDP\n',
      audioCodec: 'opus',
      videoCodec: undefined,
      mediaSessionId: undefined,
      daveVersion: 0,
    },
  })
  assert.equal(speaking?.kind, 'send')
  assert.deepEqual(JSON.parse(`${speaking.data}`), { op: VoiceOp.Speaking, d: { speaking: 1, delay: 0, ssrc: 77 } })
})

test('a Session Description whose SDP is empty or too long fails the connection', () => {
  for (const sdp of ['', 'a'.repeat(4_097)]) {
    const script = new SessionScript()
      .open()
      .receive(VoiceOp.Hello, { v: 9, heartbeat_interval: INTERVAL })
      .receive(VoiceOp.Ready, READY)
    script.session.select(SELECTION)
    script.take()
    script.receive(VoiceOp.SessionDescription, { sdp })
    assert.deepEqual(script.kinds(), ['undecodable', 'close', 'closed'])
  }
})

test('channel_id is sent from version 9 only', () => {
  const script = new SessionScript({ version: 8 })
  assert.deepEqual(script.take(), [{ kind: 'connect', version: 8 }])
  const identify = script.open().sent()[0]?.d as Record<string, unknown>
  assert.equal('channel_id' in identify, false)
})

test('versions below 4 and above 9 are refused', () => {
  for (const version of [3, 10, 8.5]) assert.throws(() => new SessionScript({ version }), RangeError)
})

test('a lost connection is resumed after the newest number received, in JSON or binary', () => {
  const script = new SessionScript().live().receive(VoiceOp.ClientsConnect, { user_ids: ['8'] }, 2)
  script.session.messageReceived(Uint8Array.of(0x01, 0x00, 25, 1, 2, 3), script.now)
  script.close(1006).take()
  assert.deepEqual(script.advance(250).take(), [{ kind: 'connect', version: 9 }])
  assert.deepEqual(script.open().sent(), [
    {
      op: VoiceOp.Resume,
      d: { server_id: '100', channel_id: '500', session_id: 'session', token: 'token', seq_ack: 256 },
    },
  ])
  script.receive(VoiceOp.Hello, { v: 9, heartbeat_interval: INTERVAL }).receive(VoiceOp.Resumed, null)
  script.receive(VoiceOp.ClientDisconnect, { user_id: '8' }, 257)
  assert.deepEqual(script.take(), [{ kind: 'resumed' }, { kind: 'userDisconnected', userId: '8' }])
  assert.equal(script.session.seq, 257)
  assert.equal(script.session.state, 'live')
})

test('a refused resume starts a new session without the members of the old one', () => {
  const script = new SessionScript()
    .live()
    .receive(VoiceOp.ClientsConnect, { user_ids: ['8'] }, 2)
    .close(1006)
    .advance(250)
    .open()
  script.take()
  script.close(VoiceClose.SessionInvalid, 'unknown session')
  const [lost] = script.take()
  const reason = 'unknown session'
  assert.deepEqual(lost, { kind: 'disconnected', code: 4006, reason, next: 'identify', wait: 500, attempt: 2 })
  assert.deepEqual(script.advance(500).take(), [
    { kind: 'userDisconnected', userId: '8' },
    { kind: 'connect', version: 9 },
  ])
  assert.equal(script.open().sent()[0]?.op, VoiceOp.Identify)
  assert.equal(script.session.seq, 0)
})

test('before version 8 a resume clears the members, because a snapshot follows', () => {
  const script = new SessionScript({ version: 7 }).live().receive(VoiceOp.ClientsConnect, { user_ids: ['8', '9'] })
  script.close(1006).advance(250).open().receive(VoiceOp.Hello, { v: 7, heartbeat_interval: INTERVAL }).take()
  script.receive(VoiceOp.Resumed, null).receive(VoiceOp.ClientsConnect, { user_ids: ['9'] })
  assert.deepEqual(
    Array.from(script.session.members, member => member.userId),
    ['9'],
  )
})

test('each close code leads to its reaction', () => {
  const expected = {
    resume: [1000, 1001, 1006, 4000, 4015],
    identify: [4001, 4002, 4003, 4005, 4006, 4009],
    stop: [4004, 4011, 4012, 4014, 4016, 4017, 4020, 4021, 4022],
  }
  for (const [next, codes] of Object.entries(expected))
    for (const code of codes) {
      const script = new SessionScript().live()
      script.take()
      const [output] = script.close(code).take()
      assert.equal(output?.kind === 'disconnected' ? output.next : 'stop', next, String(code))
    }
})

test('a first connection that fails ends the session, whatever the code', () => {
  for (const code of [1006, VoiceClose.SessionInvalid, VoiceClose.ServerCrashed]) {
    const script = new SessionScript().open()
    script.take()
    assert.deepEqual(script.close(code, 'why').take(), [{ kind: 'closed', code, reason: 'why' }])
    assert.equal(script.session.deadline, Infinity)
  }
})

test('consecutive attempts of an outage wait longer, up to their limit', () => {
  const script = new SessionScript({ attempts: 4 }).live()
  script.take()
  const waits: number[] = []
  for (script.close(1006); script.session.state !== 'closed'; script.close(1006)) {
    for (const output of script.take()) if (output.kind === 'disconnected') waits.push(output.wait)
    script.advance(script.session.deadline - script.now)
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000])
  assert.deepEqual(script.kinds(), ['connect', 'closed'])
})

/** The outage ends: the session resumes. */
const resume = (script: SessionScript) =>
  script
    .advance(script.session.deadline - script.now)
    .open()
    .receive(VoiceOp.Hello, { v: 9, heartbeat_interval: 600_000 })
    .receive(VoiceOp.Resumed, null)

test('attempts are counted per outage', () => {
  const script = new SessionScript({ attempts: 1 }).live()
  for (let loss = 0; loss < 5; loss++) {
    resume(script.close(1006)).advance(1_000)
    assert.equal(script.session.state, 'live')
  }
})

test('a client reconnects as long as it is not closed, every half minute at last', () => {
  const script = new SessionScript({ random: () => 1 }).live()
  let wait = 0
  for (let attempt = 1; attempt <= 100; attempt++) {
    script.take()
    const [output] = script.close(1006).take()
    assert.ok(output?.kind === 'disconnected')
    assert.equal(output.attempt, attempt)
    wait = output.wait
    script.advance(wait)
  }
  assert.equal(wait, 30_000)
  script.session.close()
  assert.equal(script.session.deadline, Infinity)
})

test('delays continue to grow over outages that follow within half a minute, and restart after a stable session', () => {
  const script = new SessionScript({ random: () => 1 }).live()
  const waitAfter = (time: number) => {
    script.advance(time).take()
    const [output] = script.close(1006).take()
    assert.ok(output?.kind === 'disconnected')
    resume(script)
    return output.wait
  }
  assert.deepEqual([0, 100, 29_000, 31_000, 0].map(waitAfter), [500, 1_000, 2_000, 500, 1_000])
})

test('after a 4015 the session resumes, and identifies if the node refuses the resume with it', () => {
  const script = new SessionScript().live().close(VoiceClose.ServerCrashed, 'lane lost')
  script.advance(script.session.deadline - script.now).open()
  assert.equal(script.sent().at(-1)?.op, VoiceOp.Resume)
  script.take()
  const [output] = script.close(VoiceClose.ServerCrashed, 'draining').take()
  assert.equal(output?.kind === 'disconnected' && output.next, 'identify')
})

test('a resume that is interrupted, or not answered, is tried again', () => {
  const script = new SessionScript().live().close(1006)
  for (const interrupt of [() => script.close(1006), () => script.advance(20_000)]) {
    script.advance(script.session.deadline - script.now).open()
    assert.equal(script.sent().at(-1)?.op, VoiceOp.Resume)
    script.take()
    interrupt()
    const output = script.take().find(({ kind }) => kind === 'disconnected')
    assert.equal(output?.kind === 'disconnected' && output.next, 'resume')
  }
})

test('a silent node fails the connection after 20 seconds at every step', () => {
  const silent = [
    new SessionScript(),
    new SessionScript().open(),
    new SessionScript()
      .open()
      .receive(VoiceOp.Hello, { v: 9, heartbeat_interval: INTERVAL * 9 })
      .receive(VoiceOp.Ready, READY),
  ]
  for (const script of silent) {
    script.take()
    assert.deepEqual(script.advance(19_999).take(), [])
    assert.deepEqual(script.advance(1).kinds(), ['close', 'closed'])
  }
})

test('members are found by user and by SSRC, with speaking, video, flags and platform', () => {
  const script = new SessionScript().live().receive(VoiceOp.ClientsConnect, { user_ids: ['8', '9'] })
  const video = { user_id: '9', audio_ssrc: 21, video_ssrc: 22, rtx_ssrc: 23, streams: [{ ssrc: 22, rtx_ssrc: 23 }] }
  script.receive(VoiceOp.Speaking, { user_id: '8', ssrc: 11, speaking: 1 }).receive(VoiceOp.Video, video)
  script
    .receive(VoiceOp.ClientFlags, { user_id: '8', flags: 2 })
    .receive(VoiceOp.ClientPlatform, { user_id: '8', platform: 1 })
  const { members } = script.session
  assert.deepEqual(members.get('8'), { userId: '8', ssrc: 11, speaking: 1, flags: 2, platform: 1 })
  assert.equal(members.bySsrc(11)?.userId, '8')
  assert.deepEqual(
    [21, 22, 23].map(ssrc => members.bySsrc(ssrc)?.userId),
    ['9', '9', '9'],
  )
  script.receive(VoiceOp.Video, { user_id: '9', audio_ssrc: 21, video_ssrc: 0 })
  assert.deepEqual(
    [21, 22].map(ssrc => members.bySsrc(ssrc)?.userId),
    ['9', undefined],
  )
  script.receive(VoiceOp.ClientDisconnect, { user_id: '9' })
  assert.equal(members.bySsrc(21), undefined)
  assert.equal(members.size, 1)
})

test('a user announced by op 5 only is connected too; boolean speaking is a flag', () => {
  const script = new SessionScript().live()
  script.take()
  assert.deepEqual(script.receive(VoiceOp.Speaking, { user_id: '8', ssrc: 11, speaking: true }).take(), [
    { kind: 'userConnected', userId: '8' },
    { kind: 'speaking', userId: '8', ssrc: 11, speaking: 1 },
  ])
})

test('ids as 64-bit integers keep their digits', () => {
  const script = new SessionScript().live()
  script.session.messageReceived('{"op":11,"d":{"user_ids":[18446744073709551615]},"seq":2}', script.now)
  assert.equal(script.session.members.get('18446744073709551615')?.userId, '18446744073709551615')
})

test('codecs are sent to the node if there are any', () => {
  const script = new SessionScript().live()
  script.take()
  const codecs = [{ name: 'VP8', type: 'video', payload_type: 101, rtx_payload_type: 102 }] as const
  const address = { address: '198.51.100.7', port: 40_112, mode: MODE }
  script.session.select({ protocol: 'udp', ...address, codecs })
  assert.deepEqual(script.sent(), [
    { op: VoiceOp.SelectProtocol, d: { protocol: 'udp', data: address, codecs: [...codecs] } },
  ])
})

test('wants are numbers by SSRC, and one for all others', () => {
  const script = new SessionScript().live()
  script.take()
  const wants = new Map([[4002, 50]])
  const data = { any: 100, 4002: 50, pixelCounts: { 4002: 921_600.5 } }
  assert.deepEqual(script.receive(VoiceOp.MediaSinkWants, data).take(), [
    { kind: 'wants', any: 100, wants, pixelCounts: new Map([[4002, 921_600]]) },
  ])
})

test('speaking is declared once, kept over a resume, and declared again after Identify', () => {
  const script = new SessionScript()
  script.session.setSpeaking(1)
  script.live()
  const speaking = { op: VoiceOp.Speaking, d: { speaking: 1, delay: 0, ssrc: 4001 } }
  assert.deepEqual(script.sent().at(-1), speaking)
  script.session.setSpeaking(1)
  assert.deepEqual(script.sent(), [])
  script.close(1006).advance(250).open().receive(VoiceOp.Resumed, null)
  assert.deepEqual(
    script.sent().map(message => message.op),
    [VoiceOp.Resume],
  )
  script.close(VoiceClose.SessionInvalid).advance(500).live()
  assert.deepEqual(script.sent().at(-1), speaking)
})

test('unknown opcodes, unused opcodes and unknown members are ignored', () => {
  const script = new SessionScript().live()
  script.take()
  for (const op of [10, 16, 17, 19, 99, -1]) script.receive(op, { anything: [1] })
  script.receive(VoiceOp.ClientsConnect, { user_ids: [], more: true })
  assert.deepEqual(script.take(), [])
})

test('an undecodable message is reported and ignored', () => {
  const script = new SessionScript().live()
  script.take()
  const bad = ['{', '[]', '{"op":"8"}', '{"op":5,"d":{}}', '{"op":11,"d":{"user_ids":[true]}}', '{"op":15,"d":4}']
  for (const text of bad) script.session.messageReceived(text, script.now)
  script.session.messageReceived(Uint8Array.of(0, 1), script.now)
  assert.deepEqual(script.kinds(), Array(7).fill('undecodable'))
  assert.equal(script.session.state, 'live')
})

test('a Session Description without a complete key fails the connection', () => {
  const script = new SessionScript()
    .open()
    .receive(VoiceOp.Hello, { v: 9, heartbeat_interval: INTERVAL })
    .receive(VoiceOp.Ready, READY)
  script.take()
  script.receive(VoiceOp.SessionDescription, { ...DESCRIPTION, secret_key: KEY.slice(1) })
  assert.deepEqual(script.kinds(), ['undecodable', 'close', 'closed'])
})

test('a closed session sends 1000 once and accepts no input', () => {
  const script = new SessionScript().live()
  script.take()
  script.session.close()
  script.session.close()
  assert.deepEqual(script.take(), [
    { kind: 'close', code: 1000, reason: 'left' },
    { kind: 'closed', code: 1000, reason: 'left' },
  ])
  script.receive(VoiceOp.ClientsConnect, { user_ids: ['8'] }).close(1006)
  assert.equal(script.session.command(VoiceOp.MediaSinkWants, { any: 0 }), false)
  assert.deepEqual(script.take(), [])
})
