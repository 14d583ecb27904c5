// Cases of a node: channels and voice states, without voice clients.
import { LvspInfo } from '@parley/protocol'
import { applies, type CheckedCase, expect } from '../checked-case.ts'
import type { NodeUnderTest } from './node-under-test.ts'

const LARGEST = '18446744073709551615'

/** Unpatched Litecord crashes on CHANNEL_ASSIGN, so that nodes do not send it in that dialect. */
const assigns = ({ target }: NodeUnderTest) =>
  applies(target.dialect === 'spec', 'in the litecord dialect a node sends no CHANNEL_ASSIGN')

const fieldsOf = (data: Record<string, unknown>, ...names: string[]) =>
  JSON.stringify(Object.fromEntries(names.map(name => [name, data[name]])))

/** Fails unless the fields are equal. */
function same(found: Record<string, unknown>, wanted: Record<string, unknown>, ...names: string[]): void {
  const [left, right] = [fieldsOf(found, ...names), fieldsOf(wanted, ...names)]
  expect(left === right, `expected ${right}, found ${left}`)
}

export const INFO_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  {
    number: 'channel',
    meaning: 'CHANNEL_REQ is answered with CHANNEL_ASSIGN: the same ids, and a token',
    run: async node => {
      assigns(node)
      const channel = node.channel()
      const assigned = await (await node.ready()).assigned(channel)
      same(assigned, channel, 'channel_id', 'guild_id')
      expect(assigned.token !== '', 'expected a token, found an empty one')
    },
  },
  {
    number: 'channel-dm',
    meaning: 'a channel without a guild is assigned without one',
    run: async node => {
      assigns(node)
      const { channel_id } = node.channel()
      const probe = await node.ready()
      const assigned = await probe.assigned({ channel_id })
      expect(assigned.guild_id === undefined, `expected no guild_id, found ${assigned.guild_id}`)
      probe.info(LvspInfo.ChannelDestroy, { channel_id })
    },
  },
  {
    number: 'channel-again',
    meaning: 'a repeated CHANNEL_REQ is answered with the same token',
    run: async node => {
      assigns(node)
      const [probe, channel] = [await node.ready(), node.channel()]
      const first = await probe.assigned(channel)
      same(await probe.assigned(channel), first, 'token')
    },
  },
  {
    number: 'channel-destroyed',
    meaning: 'a channel that was destroyed and requested again has another token',
    run: async node => {
      assigns(node)
      const [probe, channel] = [await node.ready(), node.channel()]
      const { token } = await probe.assigned(channel)
      probe.info(LvspInfo.ChannelDestroy, channel)
      expect((await probe.assigned(channel)).token !== token, 'the token of the destroyed channel was assigned again')
    },
  },
  {
    number: 'voice-state',
    meaning: 'VOICE_STATE_CREATE is answered with VOICE_STATE_DONE: the same ids, and a session id',
    run: async node => {
      const voiceState = { user_id: node.id(), ...node.channel() }
      same(await (await node.ready()).granted(voiceState), voiceState, 'user_id', 'channel_id', 'guild_id')
    },
  },
  {
    number: 'voice-state-again',
    meaning: 'a repeated VOICE_STATE_CREATE is answered with the same session id and token',
    run: async node => {
      const [probe, voiceState] = [await node.ready(), { user_id: node.id(), ...node.channel() }]
      const first = await probe.granted(voiceState)
      same(await probe.granted(voiceState), first, 'session_id', 'token')
    },
  },
  {
    number: 'voice-state-session',
    meaning: 'session_id in VOICE_STATE_CREATE is used as it is',
    run: async node => {
      const probe = await node.ready()
      applies(probe.hello.capabilities !== undefined, 'HELLO has no capabilities: session_id is an extension')
      const voiceState = { user_id: node.id(), ...node.channel(), session_id: 'a session of the main gateway' }
      same(await probe.granted(voiceState), voiceState, 'session_id')
    },
  },
  {
    number: 'voice-state-token',
    meaning: 'each user has a token of its own',
    run: async node => {
      const [probe, channel] = [await node.ready(), node.channel()]
      const first = await probe.granted({ user_id: node.id(), ...channel })
      applies(first.token !== undefined, 'VOICE_STATE_DONE has no token: users connect with that of the channel')
      const second = await probe.granted({ user_id: node.id(), ...channel })
      expect(first.token !== second.token, 'two users have the same token')
    },
  },
  {
    number: 'order',
    meaning: 'INFO is processed in order: 200 voice states are answered in the order of their requests',
    run: async node => {
      const [probe, channel] = [await node.ready(), node.channel()]
      const users = Array.from({ length: 200 }, () => node.id())
      for (const user_id of users) probe.info(LvspInfo.VoiceStateCreate, { user_id, ...channel })
      for (const user_id of users) same((await probe.event(LvspInfo.VoiceStateDone)).data, { user_id }, 'user_id')
    },
  },
  {
    number: 'ids-largest',
    meaning: 'ids of 64 bits are kept to the last digit, as strings and as integers',
    run: async node => {
      const [probe, { channel_id, guild_id }] = [await node.ready(), node.channel()]
      const user_id = LARGEST
      same(await probe.granted({ user_id, channel_id, guild_id }), { user_id }, 'user_id')
      const type = node.number(LvspInfo.VoiceStateCreate)
      const data = `{"user_id":${LARGEST},"channel_id":${channel_id},"guild_id":${guild_id}}`
      probe.socket.send(`{"op":6,"d":{"type":${type},"data":${data}}}`)
      same((await probe.event(LvspInfo.VoiceStateDone)).data, { user_id, channel_id }, 'user_id', 'channel_id')
    },
  },
  {
    number: 'numbers',
    meaning: 'INFO is numbered: s is one more with each message',
    run: async node => {
      const [probe, channel] = [await node.connect(), node.channel()]
      const { seq } = await probe.identify([])
      applies(seq !== undefined, 'READY has no seq: INFO is not numbered')
      for (const wanted of [1, 2, 3]) {
        probe.info(LvspInfo.VoiceStateCreate, { user_id: node.id(), ...channel })
        const { s } = await probe.event(LvspInfo.VoiceStateDone)
        expect(s === seq + wanted, `expected s ${seq + wanted}, found ${s}`)
      }
    },
  },
  {
    number: 'unasked',
    meaning: 'a backend that requests no capabilities receives no extensions',
    run: async node => {
      const probe = await node.ready()
      probe.info(LvspInfo.ChannelDestroy, { channel_id: node.id() })
      probe.info(LvspInfo.Stats, {})
      probe.info(LvspInfo.Sync, { channels: [] })
      probe.info(LvspInfo.VoiceStateUpdate, { session_id: 'unknown', mute: true })
      probe.info(LvspInfo.ChannelRequest, { channel_id: 'not a snowflake' })
      await probe.silent('requests that the node has to ignore')
    },
  },
]
