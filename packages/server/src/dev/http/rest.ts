// REST of a test server: what libraries read when they log in, and what changes voice states.
// It covers what discord.js, discord.py and others read when they log in, and voice states. Other routes are answered
// with 501 and a sentence, so that a test fails with its reason.
import type { IncomingMessage } from 'node:http'
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../../limits.ts'
import type { Calls, Member } from '../calls.ts'
import type { Directory } from '../directory.ts'
import {
  applicationObject,
  channelObject,
  guildObject,
  memberObject,
  ownUserObject,
  roleObject,
  userObject,
  voiceStateObject,
} from '../gateway/objects.ts'
import { PermissionOverwrite, type TestChannel, type TestGuild, type TestOverwrite, type TestUser } from '../world.ts'
import { type Answer, bodyOf, RequestError } from './answer.ts'

/** What REST reads and changes. */
export interface RestContext {
  directory: Directory
  calls: Calls
  gatewayUrl(): string
}

/** A request on its way to its route. */
interface Call extends RestContext {
  user: TestUser
  /** Ids in the path, in order. */
  ids: readonly string[]
  body: unknown
}

/** Without `body` the body of a request is not read. */
type Route = readonly [method: string, path: string, serve: (call: Call) => Answer, reads?: 'body']

/** Discord's JSON error codes for missing things, and for a user who is not in voice. */
const Unknown = { user: 10_013, guild: 10_004, channel: 10_003, member: 10_007, voiceState: 10_065 } as const
const NOT_CONNECTED = 40_032

const MemberChange = z.object({
  channel_id: Snowflake.nullish(),
  mute: z.boolean().optional(),
  deaf: z.boolean().optional(),
})
const VoiceStateChange = z.object({ channel_id: Snowflake.nullish(), suppress: z.boolean().optional() })

const ok = (body: unknown): Answer => ({ status: 200, body })
const NO_CONTENT: Answer = { status: 204 }

/** `:` stands for an id, or `@me`. */
const ROUTES: readonly Route[] = [
  ['GET', '/gateway', ({ gatewayUrl }) => ok({ url: gatewayUrl() })],
  ['GET', '/gateway/bot', ({ gatewayUrl }) => ok({ url: gatewayUrl(), shards: 1, session_start_limit: START_LIMIT })],
  ['GET', '/users/@me', ({ user }) => ok(ownUserObject(user))],
  ['GET', '/users/@me/guilds', ({ directory }) => ok([...directory.guilds.values()].map(guildObject))],
  ['GET', '/users/:', call => ok(userObject(userAt(call, 0)))],
  ['GET', '/applications/@me', ({ user }) => ok(applicationObject(user))],
  ['GET', '/oauth2/applications/@me', ({ user }) => ok(applicationObject(user))],
  // Bots read or write these when they log in, and do not start without an answer. They are accepted and forgotten.
  ['GET', '/soundboard-default-sounds', () => ok([])],
  ['GET', '/sticker-packs', () => ok({ sticker_packs: [] })],
  ['GET', '/applications/:/commands', () => ok([])],
  ['PUT', '/applications/:/commands', () => ok([])],
  ['GET', '/applications/:/guilds/:/commands', () => ok([])],
  ['PUT', '/applications/:/guilds/:/commands', () => ok([])],
  ['GET', '/voice/regions', () => ok([REGION])],
  ['GET', '/guilds/:', call => ok(guildObject(guildOf(call)))],
  ['GET', '/guilds/:/channels', call => ok(channelsOf(guildOf(call)))],
  ['GET', '/guilds/:/roles', call => ok([roleObject(guildOf(call).id)])],
  ['GET', '/guilds/:/members', call => ok([...call.directory.users.values()].map(user => memberIn(call, user)))],
  ['GET', '/guilds/:/members/:', call => ok(memberIn(call, userAt(call, 1)))],
  ['PATCH', '/guilds/:/members/:', changeMember, 'body'],
  ['GET', '/guilds/:/voice-states/:', call => ok(voiceStateObject(memberOf(call, Unknown.voiceState)))],
  ['PATCH', '/guilds/:/voice-states/:', changeVoiceState, 'body'],
  ['GET', '/channels/:', call => ok(channelAt(call, call.ids[0]).object)],
  ['PUT', '/channels/:/permissions/:', setPermissions, 'body'],
  ['DELETE', '/channels/:/permissions/:', call => changePermissions(call, [])],
]

/** Generous, so that a test may start many shards. */
const START_LIMIT = { total: 1_000, remaining: 1_000, reset_after: 0, max_concurrency: 16 }
const REGION = { id: 'parley', name: 'Parley', optimal: true, deprecated: false, custom: false }
/** Libraries ask for versions 9 and 10, some for none. */
const PREFIX = /^\/api(?:\/v(?:9|10))?(?=\/)/
const ID = /^(?:\d{1,20}|@me)$/

/** `path` begins with `/api`. Throws a `RequestError`. */
export async function answerRest(context: RestContext, path: string, request: IncomingMessage): Promise<Answer> {
  const method = request.method ?? ''
  const inside = path.replace(PREFIX, '')
  if (inside === path) throw new RequestError(404, '404: Not Found')
  const found = routeOf(method, inside)
  if (found === undefined)
    throw new RequestError(501, `${method} ${inside.slice(0, 100)} is not served: the test server covers voice only`)
  const isOpen = inside === '/gateway'
  const user = userFrom(context.directory, request.headers.authorization)
  if (user === undefined && !isOpen) throw new RequestError(401, '401: Unauthorized')
  const body = found.reads === 'body' ? await bodyOf(request) : {}
  return found.serve({ ...context, user: user ?? NO_USER, ids: found.ids, body })
}

const NO_USER: TestUser = { id: '0', name: 'none', bot: true }

/** The first route that fits, with the ids of the path. */
function routeOf(method: string, path: string): { serve: Route[2]; reads: Route[3]; ids: string[] } | undefined {
  const parts = path.split('/')
  for (const [wanted, pattern, serve, reads] of ROUTES) {
    const ids = wanted === method ? match(pattern.split('/'), parts) : undefined
    if (ids !== undefined) return { serve, reads, ids }
  }
  return undefined
}

/** The ids of a path; undefined if it does not fit the pattern. */
function match(pattern: readonly string[], parts: readonly string[]): string[] | undefined {
  if (pattern.length !== parts.length) return undefined
  const fits = pattern.every((word, index) => (word === ':' ? ID.test(parts[index]!) : word === parts[index]))
  return fits ? parts.filter((_, index) => pattern[index] === ':') : undefined
}

/** Any token logs in: an unknown one creates a user. */
function userFrom(directory: Directory, header = ''): TestUser | undefined {
  const token = header.replace(/^(?:Bot|Bearer) /, '')
  return token.length > SERVER_LIMITS.maxTestToken ? undefined : directory.userOf(token)
}

/** The user that an id of the path names; `@me` is the user of the token. */
function userAt({ directory, user, ids }: Call, index: number): TestUser {
  const id = ids[index] ?? ''
  const found = id === '@me' ? user : directory.users.get(id)
  if (found === undefined) throw new RequestError(404, 'Unknown User', Unknown.user)
  return found
}

function guildOf({ directory, ids }: Call): TestGuild {
  const guild = directory.guilds.get(ids[0] ?? '')
  if (guild === undefined) throw new RequestError(404, 'Unknown Guild', Unknown.guild)
  return guild
}

const channelsOf = (guild: TestGuild) =>
  guild.channels.map((channel, position) => channelObject(guild.id, channel, position))

function channelAt({ directory }: Call, channelId = ''): { guild: TestGuild; channel: TestChannel; object: object } {
  const place = directory.channel(channelId)
  if (place === undefined) throw new RequestError(404, 'Unknown Channel', Unknown.channel)
  return { ...place, object: channelObject(place.guild.id, place.channel) }
}

const memberIn = (call: Call, user: TestUser) => {
  const { id } = guildOf(call)
  return memberObject(user, call.calls.member(id, user.id))
}

/** The user of the path, who must be in a voice channel of the guild. */
function memberOf(call: Call, code: number = NOT_CONNECTED): Member {
  const member = call.calls.member(guildOf(call).id, userAt(call, 1).id)
  if (member !== undefined) return member
  if (code === Unknown.voiceState) throw new RequestError(404, 'Unknown Voice State', code)
  throw new RequestError(400, 'Target user is not connected to voice.', code)
}

/** Modify Guild Member: a moderator's mute, deafen, move and disconnect. */
function changeMember(call: Call): Answer {
  const { channel_id: channelId, mute, deaf } = parsed(MemberChange, call.body)
  const user = userAt(call, 1)
  const changesVoice = channelId !== undefined || mute !== undefined || deaf !== undefined
  if (changesVoice) changeVoice(call, memberOf(call), { channelId, mute, deaf })
  return ok(memberIn(call, user))
}

/** Restrictions first, then the place: `channel_id: null` disconnects. */
function changeVoice(
  call: Call,
  member: Member,
  {
    channelId,
    mute,
    deaf,
  }: { channelId: string | null | undefined; mute?: boolean | undefined; deaf?: boolean | undefined },
): void {
  if (mute !== undefined || deaf !== undefined) call.calls.restrict(member, { mute, deaf })
  if (channelId === null) return call.calls.kick(member)
  if (channelId === undefined) return
  const { guild } = channelAt(call, channelId)
  if (guild.id !== member.guildId) throw new RequestError(404, 'Unknown Channel', Unknown.channel)
  call.calls.move(member, channelId)
}

/** Modify User Voice State: speaker or audience of a stage. */
function changeVoiceState(call: Call): Answer {
  const { suppress } = parsed(VoiceStateChange, call.body)
  const member = memberOf(call, Unknown.voiceState)
  if (suppress !== undefined) call.calls.restrict(member, { suppress })
  return NO_CONTENT
}

/** Edit Channel Permissions: `type`, `allow` and `deny` of one role or member. */
function setPermissions(call: Call): Answer {
  const [, id] = call.ids
  const fields = typeof call.body === 'object' ? call.body : {}
  return changePermissions(call, [parsed(PermissionOverwrite, { ...fields, id })])
}

/** Replaces what the channel has for the role or member of the path. */
function changePermissions(call: Call, overwrites: TestOverwrite[]): Answer {
  const [channelId, id] = call.ids
  const { guild, channel } = channelAt(call, channelId)
  const others = channel.permission_overwrites.filter(overwrite => overwrite.id !== id)
  if (others.length >= SERVER_LIMITS.maxTestOverwrites)
    throw new RequestError(400, 'the channel has too many permission overwrites', 30_060)
  call.calls.permit(guild, channel, [...others, ...overwrites])
  return NO_CONTENT
}

function parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const read = schema.safeParse(body)
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw new RequestError(400, `Invalid Form Body: ${[...path, message].join(': ')}`, 50_035)
}
