// Cases of a backend: channels and voice states, what it hands to its users, and input that it does not expect.
import { LvspFailure, LvspInfo } from '@parley/protocol'
import { applies, type CheckedCase, expect } from '../checked-case.ts'
import type { DriverEvent } from '../driver.ts'
import type { BackendUnderTest, Seat } from './backend-under-test.ts'
import type { BackendCommand, Behaviour, Data, ScriptedNode } from './scripted-node.ts'

const LARGEST = '18446744073709551615'

/** A backend that is connected and can be driven. */
async function driven(backend: BackendUnderTest, behaviour?: Partial<Behaviour>): Promise<ScriptedNode> {
  backend.needsCommands()
  const node = await backend.start(behaviour)
  await node.ready()
  return node
}

const isCreate =
  ({ user_id }: Seat) =>
  ({ type, data }: BackendCommand) =>
    type === LvspInfo.VoiceStateCreate && String(data.user_id) === user_id

/** Whether the message names the voice state: by session id, or by user with channel or guild. */
function names(data: Data, { user_id, channel_id, guild_id }: Seat, sessionId: unknown): boolean {
  const fits = (name: string, value: string) => data[name] == null || String(data[name]) === value
  const isConsistent = fits('user_id', user_id) && fits('channel_id', channel_id) && fits('guild_id', guild_id)
  const bySession = data.session_id != null && data.session_id === sessionId
  const byUser = data.user_id != null && (data.channel_id != null || data.guild_id != null)
  return isConsistent && (bySession || byUser)
}

/** What a user receives has to be what the node sent for it. */
function handed(event: DriverEvent, wanted: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(wanted))
    if (value !== undefined)
      expect(event[name] === value, `the user receives ${name} "${event[name]}", the node sent "${value}"`)
}

/** Sends the backend something unexpected; it has to work afterwards, on the same connection unless it may close. */
const survives = (
  number: string,
  meaning: string,
  send: (node: ScriptedNode) => void,
  mayClose = false,
): CheckedCase<BackendUnderTest> => ({
  number,
  meaning,
  run: async backend => {
    const node = await driven(backend)
    send(node)
    await backend.do('join', backend.seat())
    expect(backend.exit === undefined, `the process has ended: ${backend.exit}`)
    expect(mayClose || node.connections.length === 1, 'the backend closed the connection')
  },
})

export const VOICE_STATE_CASES: readonly CheckedCase<BackendUnderTest>[] = [
  {
    number: 'join',
    meaning: 'a user who joins gets a voice state: the right ids in VOICE_STATE_CREATE',
    run: async backend => {
      const node = await driven(backend)
      const seat = backend.seat()
      await backend.do('join', seat)
      const { data } = await node.command('VOICE_STATE_CREATE', isCreate(seat))
      const found = [data.channel_id, data.guild_id].map(String).join(' ')
      expect(
        found === `${seat.channel_id} ${seat.guild_id}`,
        `expected ${seat.channel_id} ${seat.guild_id}, found ${found}`,
      )
    },
  },
  {
    number: 'join-credentials',
    meaning: 'the user receives the token, the endpoint and the session id of VOICE_STATE_DONE',
    run: async backend => {
      const node = await driven(backend)
      const joined = await backend.do('join', backend.seat())
      const { token, endpoint, session_id } = node.lastDone ?? {}
      handed(joined, { token, endpoint, session_id })
    },
  },
  {
    number: 'join-specification',
    meaning: 'with a node that has no extensions, the user receives the token of the channel, and no extension is sent',
    run: async backend => {
      const node = await driven(backend, { capabilities: undefined })
      const joined = await backend.do('join', backend.seat())
      const { token } = node.lastAssign ?? {}
      expect(
        token !== undefined,
        'the backend requested no channel (CHANNEL_REQ): without extensions only that has a token',
      )
      handed(joined, { token, session_id: node.lastDone?.session_id })
      const extension = node.commands.find(({ type }) => type > LvspInfo.ChannelUpdate)
      expect(extension === undefined, `the backend sent an extension that was not agreed on: ${extension?.text}`)
    },
  },
  {
    number: 'join-two',
    meaning: 'two users of a channel receive credentials of their own',
    run: async backend => {
      await driven(backend)
      const seat = backend.seat()
      const first = await backend.do('join', seat)
      const second = await backend.do('join', { ...seat, user_id: backend.id() })
      expect(first.token !== second.token, 'both users receive the same token')
      expect(first.session_id !== second.session_id, 'both users receive the same session id')
    },
  },
  {
    number: 'join-largest',
    meaning: 'ids of 64 bits are sent to the last digit',
    run: async backend => {
      const node = await driven(backend)
      const seat = { ...backend.seat(), user_id: LARGEST }
      await backend.do('join', seat)
      await node.command(`VOICE_STATE_CREATE with user_id ${LARGEST}`, ({ text }) => text.includes(LARGEST))
    },
  },
  {
    number: 'move',
    meaning: 'a user who joins another channel of the guild has a voice state there',
    run: async backend => {
      const node = await driven(backend)
      const seat = backend.seat()
      await backend.do('join', seat)
      const other = { ...seat, channel_id: backend.id() }
      await backend.do('join', other)
      await node.command('VOICE_STATE_CREATE in the other channel', command => {
        return isCreate(other)(command) && String(command.data.channel_id) === other.channel_id
      })
    },
  },
  {
    number: 'leave',
    meaning: 'a user who leaves has no voice state: VOICE_STATE_DESTROY names that user alone',
    run: async backend => {
      const node = await driven(backend)
      const seat = backend.seat()
      const { session_id } = await backend.do('join', seat)
      await backend.do('leave', seat)
      const { data } = await node.command('VOICE_STATE_DESTROY', ({ type }) => type === LvspInfo.VoiceStateDestroy)
      expect(names(data, seat, session_id), `VOICE_STATE_DESTROY does not name the user: ${JSON.stringify(data)}`)
    },
  },
  {
    number: 'mute',
    meaning: 'a user whom a moderator mutes is muted on the node, by VOICE_STATE_UPDATE',
    run: async backend => {
      const node = await driven(backend)
      const seat = backend.seat()
      const { session_id } = await backend.do('join', seat)
      await backend.do('mute', { ...seat, mute: true })
      const { data } = await node.command('VOICE_STATE_UPDATE', ({ type }) => type === LvspInfo.VoiceStateUpdate)
      expect(names(data, seat, session_id), `VOICE_STATE_UPDATE does not name the user: ${JSON.stringify(data)}`)
      expect(data.mute === true, `expected mute true, found ${data.mute}`)
    },
  },
  {
    number: 'end',
    meaning: 'a channel that is deleted ends on the node, by CHANNEL_DESTROY',
    run: async backend => {
      const node = await driven(backend)
      const { channel_id, guild_id, user_id } = backend.seat()
      await backend.do('join', { channel_id, guild_id, user_id })
      await backend.do('end', { channel_id, guild_id })
      await node.command('CHANNEL_DESTROY', ({ type, data }) => {
        return type === LvspInfo.ChannelDestroy && String(data.channel_id) === channel_id
      })
    },
  },
  {
    number: 'failure',
    meaning: 'a request that the node refuses fails, and the backend works afterwards',
    run: async backend => {
      const node = await driven(backend)
      const requested = node.newest.entry?.d.capabilities
      const hasFailure = Array.isArray(requested) && requested.includes('failure')
      applies(hasFailure, 'the backend does not request the capability failure, without which it is not notified')
      node.behaviour.failure = LvspFailure.TooManyVoiceStates
      const isFailed = await backend.fails('join', backend.seat())
      expect(isFailed, 'the backend let a user in whom the node refused')
      node.behaviour.failure = undefined
      await backend.do('join', backend.seat())
    },
  },
  {
    number: 'replay',
    meaning: 'INFO that arrives between RESUME and READY harms nothing',
    run: async backend => {
      const node = await driven(backend)
      const seat = backend.seat()
      await backend.do('join', seat)
      // Missed while the connection was lost: the replay has it.
      node.drop()
      node.info(LvspInfo.VoiceStateDone, { ...seat, session_id: 'missed', token: 'missed', endpoint: node.endpoint })
      await node.ready(2, 20_000)
      await backend.do('join', backend.seat())
    },
  },
  {
    number: 'drain',
    meaning: 'the channel of a node that drains moves to another node: created there first, then destroyed here',
    run: async backend => {
      backend.needsCommands()
      const first = await backend.addNode()
      const second = await backend.addNode()
      backend.run()
      await first.ready()
      const connected = await second.ready().catch(() => undefined)
      applies(connected !== undefined, 'the backend does not connect to PARLEY_LVSP_URL_2: it uses one node')
      const requested = first.newest.entry?.d.capabilities
      applies(
        Array.isArray(requested) && requested.includes('draining'),
        'the backend does not request the capability draining',
      )
      const seat = backend.seat()
      await backend.do('join', seat)
      const [full, other] = first.commands.some(isCreate(seat)) ? [first, second] : [second, first]
      full.behaviour.health = 0
      const { user_id: _, ...channel } = seat
      full.info(LvspInfo.ChannelDraining, { ...channel, timeout: 30_000 })
      await other.command('VOICE_STATE_CREATE on the other node', isCreate(seat))
      await full.command('CHANNEL_DESTROY on the node that drains', ({ type }) => type === LvspInfo.ChannelDestroy)
    },
  },
  {
    number: 'backend-restart',
    meaning: 'a backend that starts again lists what it has, by SYNC, so that the node ends the rest',
    run: async backend => {
      const node = await driven(backend)
      const requested = node.newest.entry?.d.capabilities
      applies(
        Array.isArray(requested) && requested.includes('sync'),
        'the backend does not request the capability sync',
      )
      await backend.do('join', backend.seat())
      await backend.stop()
      node.forget()
      backend.run()
      await node.ready(2)
      await node.command('SYNC', ({ type }) => type === LvspInfo.Sync)
    },
  },
  survives('unknown-fields', 'unknown fields in messages of the node are ignored', node => {
    node.behaviour.extra = { new_field: { a: [1, null] } }
  }),
  survives('unknown-opcode', 'an unknown opcode is ignored', node => node.newest.socket.send({ op: 42, d: { a: 1 } })),
  survives('unknown-info', 'an unknown info type is ignored', node => node.info(99, { a: 1 })),
  survives('unknown-user', 'a VOICE_STATE_DONE that no request asked for is ignored', node => {
    node.info(LvspInfo.VoiceStateDone, { user_id: '1', channel_id: '2', session_id: 'x', token: 'x', endpoint: 'x:1' })
  }),
  survives(
    'bad-info',
    'an INFO with malformed data does not end the backend',
    node => node.info(LvspInfo.VoiceStateDone, {}),
    true,
  ),
  survives(
    'bad-json',
    'text that is not JSON does not end the backend',
    node => node.newest.socket.send('{"op":'),
    true,
  ),
  survives(
    'bad-shape',
    'JSON that is not a message does not end the backend',
    node => node.newest.socket.send('[null]'),
    true,
  ),
  survives(
    'bad-binary',
    'a binary message does not end the backend',
    node => node.newest.socket.send(Uint8Array.of(1, 2)),
    true,
  ),
]
