// The control API of a test server: JSON over HTTP, for test runners of every language.
import type { IncomingMessage } from 'node:http'
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { nodeCrypto } from '../../crypto.ts'
import { SERVER_LIMITS } from '../../limits.ts'
import type { Calls, Member } from '../calls.ts'
import type { Directory } from '../directory.ts'
import { FAULTS } from '../faults/fault-table.ts'
import { FaultError } from '../faults/fault-words.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import type { TestMember } from '../test-server-types.ts'
import type { TestUser } from '../world.ts'
import { type Answer, bodyOf, RequestError } from './answer.ts'

export interface ControlContext {
  directory: Directory
  calls: Calls
  /** Required as `Authorization: Bearer …`. */
  token: string
  faultsOf(userId: string): UserFaults
  /** Destroys voice connections; returns how many. */
  dropVoice(userId: string): number
  dropGateway(userId: string): void
  stopNode(): Promise<void>
  startNode(): Promise<void>
}

/** A user by id or name. */
const Who = z.object({ user: z.string().min(1).max(SERVER_LIMITS.maxTestName), guild: Snowflake.optional() })
const Move = Who.extend({ channel: Snowflake })
const Flag = Who.extend({ on: z.boolean().default(true) })
const Faults = Who.extend({ faults: z.string().max(SERVER_LIMITS.maxFaultText) })
const Channel = z.object({ channel: Snowflake })

type Action = (context: ControlContext, body: unknown) => unknown

const READS: Record<string, Action> = {
  '/': () => ({ reads: Object.keys(READS), actions: Object.keys(ACTIONS) }),
  '/members': ({ calls }) => calls.members.map(memberView),
  '/world': ({ directory }) => ({ guilds: [...directory.guilds.values()], users: usersOf(directory) }),
  '/faults': () => FAULTS,
}

const ACTIONS: Record<string, Action> = {
  '/move': (context, body) => {
    const { channel } = read(Move, body)
    const member = memberOf(context, body)
    if (context.directory.channel(channel)?.guild.id !== member.guildId)
      throw new RequestError(404, `channel ${channel} is not in the member’s guild`)
    context.calls.move(member, channel)
  },
  '/kick': (context, body) => context.calls.kick(memberOf(context, body)),
  '/mute': (context, body) => context.calls.restrict(memberOf(context, body), { mute: read(Flag, body).on }),
  '/deafen': (context, body) => context.calls.restrict(memberOf(context, body), { deaf: read(Flag, body).on }),
  '/destroy-channel': ({ calls, directory }, body) => {
    const { channel } = read(Channel, body)
    if (directory.channel(channel) === undefined) throw new RequestError(404, `channel ${channel} does not exist`)
    calls.destroyChannel(channel)
  },
  '/drop-voice': (context, body) => ({ dropped: context.dropVoice(userOf(context, body).id) }),
  '/drop-gateway': (context, body) => context.dropGateway(userOf(context, body).id),
  '/faults': (context, body) => context.faultsOf(userOf(context, body).id).add(read(Faults, body).faults),
  '/clear-faults': (context, body) => context.faultsOf(userOf(context, body).id).clear(),
  '/node/stop': ({ stopNode }) => stopNode(),
  '/node/start': ({ startNode }) => startNode(),
  '/node/restart': async ({ stopNode, startNode }) => {
    await stopNode()
    await startNode()
  },
}

/** `path` is what follows `/control`. Throws a `RequestError`. */
export async function answerControl(context: ControlContext, path: string, request: IncomingMessage): Promise<Answer> {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '')
  if (!nodeCrypto.equal(context.token, token)) throw new RequestError(401, 'expected the token of the control API')
  const isRead = request.method === 'GET'
  const actions = isRead ? READS : ACTIONS
  const name = path === '' ? '/' : path
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) throw new RequestError(404, `${request.method} ${name.slice(0, 100)} is unknown`)
  const result = await attempt(async () => action(context, isRead ? undefined : await bodyOf(request)))
  return result === undefined ? { status: 204 } : { status: 200, body: result }
}

async function attempt(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof FaultError) throw new RequestError(400, error.message)
    throw error
  }
}

function userOf({ directory }: ControlContext, body: unknown): TestUser {
  const { user } = read(Who, body)
  const found = directory.find(user)
  if (found === undefined) throw new RequestError(404, `no user, or more than one, is named "${user}"`)
  return found
}

function memberOf(context: ControlContext, body: unknown): Member {
  const user = userOf(context, body)
  const { guild } = read(Who, body)
  const member = context.calls.members.find(
    each => each.user === user && (guild === undefined || each.guildId === guild),
  )
  if (member === undefined) throw new RequestError(409, `${user.name} is in no voice channel`)
  return member
}

export const memberView = ({
  user,
  guildId,
  channelId,
  mute,
  deaf,
  selfMute,
  selfDeaf,
  suppress,
}: Member): TestMember => ({
  user: user.id,
  name: user.name,
  guild: guildId,
  channel: channelId,
  mute,
  deaf,
  self_mute: selfMute,
  self_deaf: selfDeaf,
  suppress,
})

/** Without tokens. */
const usersOf = ({ users }: Directory) => [...users.values()].map(({ id, name, bot }) => ({ id, name, bot }))

function read<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw new RequestError(400, [...path, message].join(': '))
}
