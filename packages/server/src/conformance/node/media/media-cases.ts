// Cases of a node: media between members of a call, in each mode, and end-to-end encryption.
import { loadDavey } from '@parley/client'
import { LvspInfo, MODERN_MODES, type VoiceMode } from '@parley/protocol'
import { applies, type CheckedCase, expect } from '../../checked-case.ts'
import type { LvspProbe } from '../lvsp-probe.ts'
import type { NodeUnderTest } from '../node-under-test.ts'
import { UdpProbe, VoiceProbe } from '../voice-probe.ts'
import { CallMember } from './member.ts'

type Channel = ReturnType<NodeUnderTest['channel']>

const FRAMES = 5
const RTP_HEADER = 12
const PACKET = 80

async function member(node: NodeUnderTest, lvsp: LvspProbe, channel: Channel, mode?: VoiceMode): Promise<CallMember> {
  return node.opened(await CallMember.join(node.target, await node.access(lvsp, channel), { mode }))
}

/** Skips the case unless Ready offers all of these modes. */
async function offers(node: NodeUnderTest, lvsp: LvspProbe, ...modes: VoiceMode[]): Promise<void> {
  const voice = node.opened(await VoiceProbe.open(node.target, await node.access(lvsp, node.channel())))
  await voice.hello()
  voice.identify()
  const { modes: offered } = await voice.ready()
  for (const mode of modes) applies(offered.includes(mode), `Ready does not offer ${mode}, but ${offered.join(', ')}`)
}

/** A speaker, a listener, and a third member whose frames follow those of the speaker on the same path. */
async function three(node: NodeUnderTest, ...capabilities: string[]) {
  const [lvsp, channel] = [await node.ready(...capabilities), node.channel()]
  const [speaker, listener, third] = [
    await member(node, lvsp, channel),
    await member(node, lvsp, channel),
    await member(node, lvsp, channel),
  ]
  const voiceState = (of: CallMember) => ({ user_id: of.userId, ...channel })
  return { lvsp, speaker, listener, third, voiceState }
}

/** The library of the cases for end-to-end encryption, and a member that has it. Skips the case where there is none. */
async function encryption(node: NodeUnderTest, ...capabilities: string[]) {
  const dave = await loadDavey()
  applies(dave !== undefined, 'the package @snazzah/davey is not installed')
  const [lvsp, channel] = [await node.ready(...capabilities), node.channel()]
  const voice = node.opened(await VoiceProbe.open(node.target, await node.access(lvsp, node.channel())))
  await voice.hello()
  voice.identify({ max_dave_protocol_version: dave.version })
  const { ssrc, modes, ...address } = await voice.ready()
  const udp = node.opened(await UdpProbe.open(address))
  const { d } = await voice.select(modes[0]!, await udp.discover(ssrc))
  applies(Number(d.dave_protocol_version) > 0, 'dave_protocol_version in Session Description is 0')
  const join = async () => node.opened(await CallMember.join(node.target, await node.access(lvsp, channel), { dave }))
  return { lvsp, join }
}

export const MEDIA_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  ...MODERN_MODES.map(mode => ({
    number: `media-${mode.replaceAll('_', '-')}`,
    meaning: `two members receive each other's frames unchanged with ${mode}`,
    run: async (node: NodeUnderTest) => {
      const [lvsp, channel] = [await node.ready(), node.channel()]
      await offers(node, lvsp, mode)
      const [a, b] = [await member(node, lvsp, channel, mode), await member(node, lvsp, channel, mode)]
      await a.reaches(b)
      await b.reaches(a)
    },
  })),
  {
    number: 'media-modes',
    meaning: 'members with different modes receive each other',
    run: async node => {
      const [lvsp, channel] = [await node.ready(), node.channel()]
      await offers(node, lvsp, ...MODERN_MODES)
      const [a, b] = await Promise.all(MODERN_MODES.map(mode => member(node, lvsp, channel, mode)))
      await a!.reaches(b!)
      await b!.reaches(a!)
    },
  },
  {
    number: 'media-three',
    meaning: 'a frame reaches all members',
    run: async node => {
      const { speaker, listener, third } = await three(node)
      await speaker.reaches(listener, third)
    },
  },
  {
    number: 'media-mute',
    meaning: 'the media of a user that the backend muted is not forwarded, until it is unmuted',
    run: async node => {
      const { lvsp, speaker, listener, third, voiceState } = await three(node)
      await speaker.reaches(listener)
      lvsp.info(LvspInfo.VoiceStateUpdate, { ...voiceState(speaker), mute: true })
      await lvsp.settled()
      await third.reaches(listener)
      const frames = speaker.burst(FRAMES)
      await third.reaches(listener)
      expect(listener.heard(frames) === 0, 'frames of a muted user were forwarded')
      lvsp.info(LvspInfo.VoiceStateUpdate, { ...voiceState(speaker), mute: false })
      await speaker.reaches(listener)
    },
  },
  {
    number: 'media-deaf',
    meaning: 'no media is forwarded to a user that the backend deafened',
    run: async node => {
      const { lvsp, speaker, listener, third, voiceState } = await three(node)
      await speaker.reaches(listener, third)
      lvsp.info(LvspInfo.VoiceStateUpdate, { ...voiceState(listener), deaf: true })
      await lvsp.settled()
      await speaker.reaches(third)
      const frames = await speaker.reaches(third)
      expect(listener.heard(frames) === 0, 'frames were forwarded to a deafened user')
    },
  },
  {
    number: 'media-channels',
    meaning: 'members of other channels receive nothing',
    run: async node => {
      const { lvsp, speaker, listener, third } = await three(node)
      const outsider = await member(node, lvsp, node.channel())
      const frames = outsider.burst(FRAMES)
      await third.reaches(listener)
      expect(listener.heard(frames) === 0, 'a frame of another channel was forwarded')
      expect(outsider.heard(await speaker.reaches(listener)) === 0, 'a frame was forwarded to another channel')
    },
  },
  {
    number: 'media-forged',
    meaning: 'packets that do not authenticate are dropped, and do not redirect media',
    run: async node => {
      const [lvsp, channel] = [await node.ready(), node.channel()]
      const voice = node.opened(await VoiceProbe.open(node.target, await node.access(lvsp, channel)))
      const { ready, udp } = await voice.join()
      node.opened(udp)
      const [speaker, listener] = [await member(node, lvsp, channel), await member(node, lvsp, channel)]
      const stranger = node.opened(await UdpProbe.open(ready))
      for (let sequence = 0; sequence < FRAMES; sequence++) stranger.send(forged(ready.ssrc, sequence))
      await speaker.reaches(listener)
      expect(!listener.hasHeard(voice.access.userId), 'a forged packet was forwarded')
      await listener.reaches(speaker)
    },
  },
  {
    number: 'media-moved',
    meaning: 'a user that moves to another channel is received there',
    run: async node => {
      const { lvsp, speaker, voiceState, listener } = await three(node)
      await speaker.reaches(listener)
      const other = { ...node.channel(), guild_id: voiceState(speaker).guild_id }
      const listening = await member(node, lvsp, other)
      const access = await node.access(lvsp, other, speaker.userId)
      const again = node.opened(await CallMember.join(node.target, access))
      await again.reaches(listening)
      lvsp.info(LvspInfo.ChannelDestroy, other)
    },
  },
  {
    number: 'dave',
    meaning: 'members that support end-to-end encryption get a group with one privacy code, and receive each other',
    run: async node => {
      const { join } = await encryption(node)
      const [a, b] = [await join(), await join()]
      await a.encrypted()
      await b.encrypted()
      await a.reaches(b)
      await b.reaches(a)
      expect(a.privacyCode === b.privacyCode, 'the members have different privacy codes')
    },
  },
  {
    number: 'dave-events',
    meaning: 'the backend is notified of the encryption of a channel',
    run: async node => {
      const { lvsp, join } = await encryption(node, 'dave')
      await join()
      await join()
      await lvsp.event(LvspInfo.ChannelDave, ({ members, epoch }) => members === 2 && Number(epoch) > 0)
    },
  },
]

/** An RTP packet of Opus with a body that no key has sealed. */
function forged(ssrc: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(PACKET).fill(0x5a)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 0x8078)
  view.setUint16(2, sequence)
  view.setUint32(4, sequence * 960)
  view.setUint32(RTP_HEADER - 4, ssrc)
  return bytes
}
