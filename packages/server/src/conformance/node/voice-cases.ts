// Cases of a node: the voice gateway, which a case joins with the voice state that it has created over LVSP.
import { LvspInfo, VoiceClose, VoiceOp } from '@parley/protocol'
import { type CheckedCase, expect } from '../checked-case.ts'
import type { LvspProbe } from './lvsp-probe.ts'
import type { NodeUnderTest, VoiceAccess } from './node-under-test.ts'
import { UdpProbe, VoiceProbe } from './voice-probe.ts'

/** Beyond what a double holds: libraries send random 64-bit nonces. */
const NONCE = '9223372036854775807'
const VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9]

interface Joining {
  lvsp: LvspProbe
  access: VoiceAccess
  voice: VoiceProbe
}

/** A voice state, and a voice connection that has not identified. */
async function joining(node: NodeUnderTest, version?: number, ...capabilities: string[]): Promise<Joining> {
  const lvsp = await node.ready(...capabilities)
  const access = await node.access(lvsp, node.channel())
  return { lvsp, access, voice: node.opened(await VoiceProbe.open(node.target, access, version)) }
}

/** A member of the channel, with media. */
async function joined(node: NodeUnderTest, version?: number, ...capabilities: string[]) {
  const scene = await joining(node, version, ...capabilities)
  const { ready, udp } = await scene.voice.join()
  node.opened(udp)
  return { ...scene, ready, udp }
}

/** Another member of the same channel. */
async function another(node: NodeUnderTest, { lvsp, access }: Joining): Promise<VoiceProbe> {
  const channel = { channel_id: access.channelId, guild_id: access.guildId }
  const voice = node.opened(await VoiceProbe.open(node.target, await node.access(lvsp, channel)))
  node.opened((await voice.join()).udp)
  return voice
}

/** The reply to a heartbeat has the digits of its nonce. */
async function beats(voice: VoiceProbe, version: number): Promise<void> {
  const d = version >= 8 ? `{"t":${NONCE},"seq_ack":-1}` : NONCE
  voice.socket.send(`{"op":${VoiceOp.Heartbeat},"d":${d}}`)
  const wanted = version === 1 ? VoiceOp.Heartbeat : VoiceOp.HeartbeatAck
  const { text } = await voice.socket.take(`the answer to a heartbeat (op ${wanted})`, ({ op }) => op === wanted)
  expect(text.includes(NONCE), `expected the nonce ${NONCE} in the answer to a heartbeat, found ${text}`)
}

/** An input after Hello, and the codes with which it may close. */
const REFUSALS: readonly { name: string; what: string; codes: readonly number[]; send(voice: VoiceProbe): void }[] = [
  {
    name: 'json',
    what: 'text that is not JSON',
    codes: [VoiceClose.DecodeError],
    send: ({ socket }) => socket.send('{"op":'),
  },
  {
    name: 'early',
    what: 'Speaking before Identify',
    codes: [VoiceClose.NotAuthenticated],
    send: voice => voice.send(VoiceOp.Speaking, { speaking: 1, delay: 0, ssrc: 1 }),
  },
  {
    name: 'token',
    what: 'Identify with a wrong token',
    codes: [VoiceClose.AuthenticationFailed],
    send: voice => voice.identify({ token: 'wrong' }),
  },
  {
    name: 'user',
    what: 'Identify of another user',
    codes: [VoiceClose.AuthenticationFailed, VoiceClose.SessionInvalid, VoiceClose.ServerNotFound],
    send: voice => voice.identify({ user_id: '1' }),
  },
  {
    name: 'server',
    what: 'Identify for another server',
    codes: [VoiceClose.AuthenticationFailed, VoiceClose.SessionInvalid, VoiceClose.ServerNotFound],
    send: voice => voice.identify({ server_id: '1' }),
  },
  {
    name: 'resume',
    what: 'Resume of an unknown session',
    codes: [VoiceClose.AuthenticationFailed, VoiceClose.SessionInvalid],
    send: voice => voice.resume(0, { session_id: 'unknown' }),
  },
]

export const VOICE_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  ...VERSIONS.map(version => ({
    number: `voice-version-${version}`,
    meaning: `a client joins with version ${version} of the voice gateway, and its heartbeats are answered`,
    run: async (node: NodeUnderTest) => {
      const { voice } = await joining(node, version)
      await voice.hello()
      voice.identify()
      const ready = await voice.ready()
      const udp = node.opened(await UdpProbe.open(ready))
      await voice.select(ready.modes[0]!, await udp.discover(ready.ssrc))
      await beats(voice, version)
    },
  })),
  ...REFUSALS.map(({ name, what, codes, send }) => ({
    number: `voice-bad-${name}`,
    meaning: `${what} closes the voice connection with ${codes.join(' or ')}`,
    run: async (node: NodeUnderTest) => {
      const { voice } = await joining(node)
      await voice.hello()
      send(voice)
      await voice.socket.closesWith(codes, what)
    },
  })),
  {
    number: 'voice-identify-again',
    meaning: 'a second Identify closes the voice connection with 4005',
    run: async node => {
      const { voice } = await joined(node)
      voice.identify()
      await voice.socket.closesWith([VoiceClose.AlreadyAuthenticated], 'a second Identify')
    },
  },
  {
    number: 'voice-mode',
    meaning: 'a mode that Ready did not offer closes the voice connection with 4016',
    run: async node => {
      const { voice, udp } = await joined(node)
      const { port } = udp
      voice.send(VoiceOp.SelectProtocol, {
        protocol: 'udp',
        data: { address: '127.0.0.1', port, mode: 'no_such_mode' },
      })
      await voice.socket.closesWith([VoiceClose.UnknownMode], 'an unknown mode')
    },
  },
  {
    number: 'voice-protocol',
    meaning: 'an unknown protocol closes the voice connection with 4012',
    run: async node => {
      const { voice } = await joined(node)
      voice.send(VoiceOp.SelectProtocol, { protocol: 'carrier pigeon', data: {} })
      await voice.socket.closesWith([VoiceClose.UnknownProtocol], 'an unknown protocol')
    },
  },
  {
    number: 'voice-members',
    meaning: 'members are announced to each other (op 11), and a member that leaves too (op 13)',
    run: async node => {
      const first = await joined(node)
      const second = await another(node, first)
      const ids = (d: Record<string, unknown>) => (Array.isArray(d.user_ids) ? d.user_ids : [])
      const announced = (id: string) => (message: { op: unknown; d: Record<string, unknown> }) =>
        message.op === VoiceOp.ClientsConnect && ids(message.d).includes(id)
      await first.voice.socket.take('Clients Connect for the second member', announced(second.access.userId))
      await second.socket.take('Clients Connect for the first member', announced(first.access.userId))
      second.close()
      const { d } = await first.voice.socket.take('Client Disconnect', ({ op }) => op === VoiceOp.ClientDisconnect)
      expect(
        d.user_id === second.access.userId,
        `expected Client Disconnect of ${second.access.userId}, found ${d.user_id}`,
      )
    },
  },
  {
    number: 'voice-speaking',
    meaning: 'Speaking reaches the other members, with the user and the SSRC of Ready',
    run: async node => {
      const first = await joined(node)
      const second = await another(node, first)
      first.voice.send(VoiceOp.Speaking, { speaking: 1, delay: 0, ssrc: first.ready.ssrc })
      const isSpeaking = ({ op, d }: { op: unknown; d: Record<string, unknown> }) =>
        op === VoiceOp.Speaking && d.speaking === 1
      const { d } = await second.socket.take('Speaking of the other member', isSpeaking)
      const found = `${d.user_id} ${d.ssrc}`
      expect(found === `${first.access.userId} ${first.ready.ssrc}`, `Speaking has another user or SSRC: ${found}`)
    },
  },
  {
    number: 'voice-resume',
    meaning: 'Resume receives Resumed (op 9) and the messages that it missed',
    run: async node => {
      const first = await joined(node)
      first.voice.socket.drop()
      await first.voice.socket.closes('the end of the connection')
      const second = await another(node, first)
      const again = node.opened(await VoiceProbe.open(node.target, first.access))
      await again.hello()
      again.resume(1)
      await again.socket.take('Resumed (op 9)', ({ op }) => op === VoiceOp.Resumed)
      await again.socket.take(
        'the missed Clients Connect (op 11)',
        ({ op, text }) => op === VoiceOp.ClientsConnect && text.includes(second.access.userId),
      )
    },
  },
  {
    number: 'voice-state-destroyed',
    meaning: 'VOICE_STATE_DESTROY closes the voice connection with 4014, and the credentials are void',
    run: async node => {
      const { lvsp, voice, access } = await joined(node)
      const { userId: user_id, channelId: channel_id, guildId: guild_id } = access
      lvsp.info(LvspInfo.VoiceStateDestroy, { user_id, channel_id, guild_id })
      await voice.socket.closesWith([VoiceClose.Disconnected], 'VOICE_STATE_DESTROY')
      const again = node.opened(await VoiceProbe.open(node.target, access))
      again.identify()
      const codes = [VoiceClose.AuthenticationFailed, VoiceClose.SessionInvalid, VoiceClose.ServerNotFound]
      await again.socket.closesWith(codes, 'Identify without a voice state')
    },
  },
  {
    number: 'voice-channel-destroyed',
    meaning: 'CHANNEL_DESTROY closes the voice connections of its users with 4014 or 4022',
    run: async node => {
      const { lvsp, voice, access } = await joined(node)
      lvsp.info(LvspInfo.ChannelDestroy, { channel_id: access.channelId, guild_id: access.guildId })
      await voice.socket.closesWith([VoiceClose.Disconnected, VoiceClose.ChannelEnded], 'CHANNEL_DESTROY')
    },
  },
  {
    number: 'voice-backend-lost',
    meaning: 'calls continue while the backend is disconnected',
    run: async node => {
      const { lvsp, voice } = await joined(node)
      lvsp.socket.drop()
      await lvsp.socket.closes('the end of the connection')
      await beats(voice, 8)
    },
  },
  {
    number: 'voice-events',
    meaning: 'the backend receives events of connected, speaking and disconnected users',
    run: async node => {
      const { lvsp, voice, access, ready } = await joined(node, 8, 'events')
      const isUser = (data: Record<string, unknown>) => data.user_id === access.userId
      await lvsp.event(LvspInfo.VoiceStateConnected, isUser)
      voice.send(VoiceOp.Speaking, { speaking: 1, delay: 0, ssrc: ready.ssrc })
      await lvsp.event(LvspInfo.VoiceStateSpeaking, data => isUser(data) && data.speaking === 1)
      voice.close()
      await lvsp.event(LvspInfo.VoiceStateDisconnected, isUser)
    },
  },
  {
    number: 'discovery',
    meaning: 'IP discovery is answered with the address and the port from which the request came',
    run: async node => {
      const { voice } = await joining(node)
      await voice.hello()
      voice.identify()
      const ready = await voice.ready()
      const udp = node.opened(await UdpProbe.open(ready))
      for (const length of [1, 8, 12, 73, 75, 200, 1_400]) udp.send(new Uint8Array(length).fill(0xa5))
      const { ssrc, ip, port } = await udp.discover(ready.ssrc)
      expect(ssrc === ready.ssrc, `expected the SSRC ${ready.ssrc}, found ${ssrc}`)
      expect(ip !== '', 'expected an address, found none')
      // Behind a NAT the port is another one.
      const isHere = /^(127\.|::1$)/.test(ready.ip)
      expect(!isHere || port === udp.port, `expected the port ${udp.port}, found ${port}`)
    },
  },
]
