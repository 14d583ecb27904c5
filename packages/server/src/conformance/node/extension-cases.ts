// Cases of a node: the extensions that need a capability.
import { LvspFailure, LvspInfo } from '@parley/protocol'
import { type CheckedCase, expect } from '../checked-case.ts'
import type { LvspProbe } from './lvsp-probe.ts'
import type { NodeUnderTest } from './node-under-test.ts'

const { Failure, UserToken, Stats, Sync } = {
  Failure: 'failure',
  UserToken: 'user_token',
  Stats: 'stats',
  Sync: 'sync',
}

/** Fails unless the next FAILURE has the code and the type of the refused message. */
async function refused(probe: LvspProbe, node: NodeUnderTest, type: LvspInfo, code: LvspFailure): Promise<void> {
  const { data } = await probe.event(LvspInfo.Failure)
  const found = data as { code: number; in_reply_to: { type: number } }
  expect(found.code === code, `expected FAILURE with code ${code}, found ${found.code}`)
  const wanted = node.number(type)
  expect(found.in_reply_to.type === wanted, `expected in_reply_to.type ${wanted}, found ${found.in_reply_to.type}`)
}

/** A refusal: what is sent, and the code of the answer. */
const REFUSALS: readonly { name: string; meaning: string; type: LvspInfo; code: LvspFailure; data: object }[] = [
  {
    name: 'data',
    meaning: 'malformed data is refused with 1',
    type: LvspInfo.ChannelRequest,
    code: LvspFailure.InvalidData,
    data: { channel_id: 'x' },
  },
  {
    name: 'type',
    meaning: 'an unknown info type is refused with 2',
    type: 99 as LvspInfo,
    code: LvspFailure.UnknownType,
    data: {},
  },
  {
    name: 'agreement',
    meaning: 'an info type whose capability was not agreed on is refused with 3',
    type: LvspInfo.Stats,
    code: LvspFailure.NotAgreed,
    data: {},
  },
  {
    name: 'channel',
    meaning: 'an unknown channel is refused with 4',
    type: LvspInfo.ChannelDestroy,
    code: LvspFailure.UnknownChannel,
    data: { channel_id: '7999999999999999999' },
  },
  {
    name: 'voice-state',
    meaning: 'an unknown voice state is refused with 5',
    type: LvspInfo.VoiceStateUpdate,
    code: LvspFailure.UnknownVoiceState,
    data: { session_id: 'unknown', mute: true },
  },
]

export const EXTENSION_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  ...REFUSALS.map(({ name, meaning, type, code, data }) => ({
    number: `failure-${name}`,
    meaning,
    run: async (node: NodeUnderTest) => {
      const probe = await node.ready(Failure)
      probe.info(type, data)
      await refused(probe, node, type, code)
    },
  })),
  {
    number: 'failure-conflict',
    meaning: 'a channel that exists in another guild is refused with 6',
    run: async node => {
      const [probe, channel] = [await node.ready(Failure), node.channel()]
      await probe.granted({ user_id: node.id(), ...channel })
      probe.info(LvspInfo.VoiceStateCreate, { user_id: node.id(), ...channel, guild_id: node.id() })
      await refused(probe, node, LvspInfo.VoiceStateCreate, LvspFailure.ChannelConflict)
    },
  },
  {
    number: 'failure-nothing',
    meaning: 'requests that are executed are not answered with FAILURE',
    run: async node => {
      const [probe, voiceState] = [await node.ready(Failure), { user_id: node.id(), ...node.channel() }]
      await probe.granted(voiceState)
      const { channel_id, guild_id } = voiceState
      probe.info(LvspInfo.VoiceStateUpdate, { ...voiceState, mute: true })
      probe.info(LvspInfo.ChannelUpdate, { channel_id, guild_id, channel_properties: { bitrate: 64_000 } })
      probe.info(LvspInfo.VoiceStateDestroy, voiceState)
      await probe.silent('requests that change something')
    },
  },
  {
    number: 'move',
    meaning: 'VOICE_STATE_CREATE in another channel of the guild ends the voice state in the first one',
    run: async node => {
      const [probe, channel] = [await node.ready(Failure), node.channel()]
      const other = { ...node.channel(), guild_id: channel.guild_id }
      const user_id = node.id()
      await probe.granted({ user_id, ...channel })
      await probe.granted({ user_id, ...other })
      probe.info(LvspInfo.VoiceStateUpdate, { user_id, channel_id: channel.channel_id, mute: true })
      await refused(probe, node, LvspInfo.VoiceStateUpdate, LvspFailure.UnknownVoiceState)
      probe.info(LvspInfo.ChannelDestroy, other)
    },
  },
  {
    number: 'token-refresh',
    meaning: 'TOKEN_REFRESH is answered with another token and the same session id',
    run: async node => {
      const [probe, voiceState] = [await node.ready(UserToken), { user_id: node.id(), ...node.channel() }]
      const before = await probe.granted(voiceState)
      probe.info(LvspInfo.TokenRefresh, voiceState)
      const { data: after } = await probe.event(LvspInfo.VoiceStateDone)
      expect(after.session_id === before.session_id, 'the session id has changed')
      expect(after.token !== undefined && after.token !== before.token, 'expected another token')
    },
  },
  {
    number: 'stats',
    meaning: 'STATS is answered with the load of the node',
    run: async node => {
      const probe = await node.ready(Stats)
      probe.info(LvspInfo.Stats, {})
      await probe.event(LvspInfo.Stats)
    },
  },
  {
    number: 'sync',
    meaning: 'SYNC ends what it does not list, and keeps the rest',
    run: async node => {
      const [probe, kept, ended] = [await node.ready(Sync, Failure), node.channel(), node.channel()]
      const user_id = node.id()
      await probe.granted({ user_id, ...kept })
      await probe.granted({ user_id: node.id(), ...ended })
      probe.info(LvspInfo.Sync, { channels: [{ ...kept, users: [{ user_id }] }] })
      probe.info(LvspInfo.VoiceStateUpdate, { user_id, ...kept, mute: true })
      await probe.silent('SYNC and a change of a listed voice state')
      probe.info(LvspInfo.ChannelDestroy, ended)
      await refused(probe, node, LvspInfo.ChannelDestroy, LvspFailure.UnknownChannel)
    },
  },
  {
    number: 'sync-parts',
    meaning: 'a SYNC in parts acts at its last part',
    run: async node => {
      const [probe, first, second] = [await node.ready(Sync, Failure), node.channel(), node.channel()]
      const [a, b] = [node.id(), node.id()]
      await probe.granted({ user_id: a, ...first })
      await probe.granted({ user_id: b, ...second })
      probe.info(LvspInfo.Sync, { channels: [{ ...first, users: [{ user_id: a }] }], more: true })
      probe.info(LvspInfo.Sync, { channels: [{ ...second, users: [{ user_id: b }] }] })
      probe.info(LvspInfo.VoiceStateUpdate, { user_id: a, ...first, mute: true })
      probe.info(LvspInfo.VoiceStateUpdate, { user_id: b, ...second, mute: true })
      await probe.silent('a SYNC in parts that lists everything')
    },
  },
  {
    number: 'receiver',
    meaning: 'a connection that another one supersedes is notified, and receives again when that one closes',
    run: async node => {
      const first = await node.ready('receiver')
      const second = await node.ready('receiver')
      const { data: lost } = await first.event(LvspInfo.Receiver)
      expect(lost.receives === false, 'expected RECEIVER with receives false')
      second.close()
      const { data: again } = await first.event(LvspInfo.Receiver)
      expect(again.receives === true, 'expected RECEIVER with receives true')
    },
  },
]
