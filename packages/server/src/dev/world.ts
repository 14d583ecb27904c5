// The world of a test server: guilds, channels and users, as a file or a program declares them.
import { readFileSync, statSync } from 'node:fs'
import { Snowflake } from '@parley/protocol'
import { parse } from 'smol-toml'
import { z } from 'zod'
import { ConfigError } from '../config/config-error.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { faultErrorIn, splitToken } from './faults/fault-words.ts'

const Name = z.string().min(1).max(SERVER_LIMITS.maxTestName)

/** Bits of permissions, as libraries write them: decimal text, or a number. */
const Permissions = z
  .union([z.string().regex(/^\d{1,20}$/), z.int().min(0).transform(String)])
  .nullish()
  .transform(bits => bits ?? '0')

/** What a role or a member may do in one channel: https://discord.com/developers/docs/resources/channel#overwrite-object */
export const PermissionOverwrite = z.object({
  /** Of the guild, for everyone, or of a user. */
  id: Snowflake,
  /** Role or member. Some libraries send names. */
  type: z
    .literal([0, 1, '0', '1', 'role', 'member'])
    .transform(type => (type === 1 || type === '1' || type === 'member' ? 1 : 0)),
  allow: Permissions,
  deny: Permissions,
})

/** Unknown fields are refused: they are mostly misspelt. */
const Channel = z.strictObject({
  id: Snowflake,
  /** May end with fault words, for each user who is in the channel: `music fault:udp-loss:5%`. */
  name: Name.superRefine((name, context) => {
    const message = faultErrorIn(splitToken(name).words)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  }),
  kind: z.enum(['voice', 'stage']).default('voice'),
  /** Bits per second. */
  bitrate: z.int().min(8_000).max(384_000).default(64_000),
  /** Changed by the routes of channel permissions. */
  permission_overwrites: z.array(PermissionOverwrite).max(SERVER_LIMITS.maxTestOverwrites).default([]),
})

const Guild = z.strictObject({
  id: Snowflake,
  name: Name,
  channels: z.array(Channel).max(SERVER_LIMITS.maxTestChannels).default([]),
})

const User = z.strictObject({
  id: Snowflake,
  name: Name,
  /** Without fault words. By default the name: a client that logs in with it is this user. */
  token: z.string().min(1).max(SERVER_LIMITS.maxTestToken).optional(),
  bot: z.boolean().default(true),
})

/** Ids and tokens must differ within a world. */
export const World = z
  .strictObject({
    guilds: z.array(Guild).min(1).max(SERVER_LIMITS.maxTestGuilds).optional(),
    users: z.array(User).max(SERVER_LIMITS.maxTestUsers).default([]),
  })
  .superRefine(({ guilds = [], users }, context) => {
    const ids = [...guilds.flatMap(guild => [guild.id, ...guild.channels.map(channel => channel.id)])]
    for (const list of [ids, users.map(user => user.id), users.map(tokenOf)]) {
      const twice = list.find((text, index) => list.indexOf(text) !== index)
      if (twice !== undefined) context.addIssue({ code: 'custom', message: `"${twice}" is declared twice` })
    }
  })

export type WorldInput = z.input<typeof World>
export type TestGuild = z.infer<typeof Guild>
export type TestChannel = z.infer<typeof Channel>
export type TestOverwrite = z.infer<typeof PermissionOverwrite>
export type TestUser = z.infer<typeof User>

/** The token that logs the user in. */
export const tokenOf = ({ token, name }: TestUser): string => token ?? name

/** The world without a file: one guild with two voice channels and a stage. */
const DEFAULT_GUILD: z.input<typeof Guild> = {
  id: '1300000000000000001',
  name: 'Parley',
  channels: [
    { id: '1300000000000000002', name: 'lounge' },
    { id: '1300000000000000003', name: 'music' },
    { id: '1300000000000000004', name: 'stage', kind: 'stage' },
  ],
}

/** Throws a `ConfigError` of one sentence. `name` is that of the file, or of the option. */
export function worldOf(input: unknown, name = 'world'): { guilds: TestGuild[]; users: TestUser[] } {
  const parsed = World.safeParse(input)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    throw new ConfigError(`${[name, ...path].join('.')}: ${message}`)
  }
  return { guilds: parsed.data.guilds ?? [Guild.parse(DEFAULT_GUILD)], users: parsed.data.users }
}

/** The content of a JSON or TOML file. Throws a `ConfigError` of one sentence. */
export function readWorld(path: string): WorldInput {
  const text = textOf(path)
  try {
    const content: unknown = path.endsWith('.json') ? JSON.parse(text) : parse(text)
    worldOf(content, path)
    return content as WorldInput
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`${path}: not valid ${path.endsWith('.json') ? 'JSON' : 'TOML'}`)
  }
}

function textOf(path: string): string {
  try {
    if (statSync(path).size > SERVER_LIMITS.maxWorldFile)
      throw new ConfigError(`${path}: expected at most ${SERVER_LIMITS.maxWorldFile} bytes`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
