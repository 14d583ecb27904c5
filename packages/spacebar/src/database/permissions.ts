// Whether a member may join a voice channel: Discord's rules for roles and overwrites, on the rows of Spacebar's database.
import { z } from 'zod'
import type { Verdict } from '../core/snapshot.ts'

/** Permission bits (Discord's documentation, "Permissions"). They exceed 32 bits, hence bigint. */
const ADMINISTRATOR = 1n << 3n
const VIEW_CHANNEL = 1n << 10n
const CONNECT = 1n << 20n
const MOVE_MEMBERS = 1n << 24n
const ALL = ~0n

/** Channel types. */
const GUILD_VOICE = 2
const GUILD_STAGE_VOICE = 13

/** The row of `PERMISSIONS` in queries.ts. */
const PermissionsRow = z.object({
  type: z.int(),
  user_limit: z.int().nullish(),
  overwrites: z.string().nullish(),
  owner_id: z.string().nullish(),
  is_member: z.boolean(),
  /** Each is an id and its permissions, with a space between them. */
  roles: z.array(z.string()),
})
/** Permission bits as text or number; anything else grants nothing. */
const Bits = z.union([z.string(), z.number()]).transform(value => bits(value))
const Overwrite = z.object({ id: z.string(), allow: Bits, deny: Bits })
type Overwrite = z.infer<typeof Overwrite>

/** The verdict on a row of the permissions query; without a row there is no such channel in the guild. */
export function verdictOn(row: unknown, userId: string, guildId: string): Verdict {
  if (row === undefined) return denied('there is no such channel in the guild')
  const parsed = PermissionsRow.safeParse(row)
  if (!parsed.success) return denied('the channel could not be read')
  const { type, user_limit, is_member, owner_id, overwrites } = parsed.data
  if (type !== GUILD_VOICE && type !== GUILD_STAGE_VOICE) return denied('not a voice channel')
  if (!is_member) return denied('not a member')
  const roles = new Map(parsed.data.roles.map(role => [role.split(' ')[0]!, bits(role.split(' ')[1])]))
  const base = userId === owner_id ? ALL : [...roles.values()].reduce((all, role) => all | role, 0n)
  const granted =
    (base & ADMINISTRATOR) !== 0n ? ALL : withOverwrites(base, overwritesOf(overwrites), roles, userId, guildId)
  if ((granted & VIEW_CHANNEL) === 0n || (granted & CONNECT) === 0n) return denied('may not connect')
  const isLimited = user_limit !== undefined && user_limit !== null && user_limit > 0
  return { kind: 'allowed', userLimit: isLimited && (granted & MOVE_MEMBERS) === 0n ? user_limit : undefined }
}

const denied = (reason: string): Verdict => ({ kind: 'denied', reason })

/** The role that all members have, then the other roles together, then the member. The id of the first is that of the guild. */
function withOverwrites(
  base: bigint,
  overwrites: readonly Overwrite[],
  roles: ReadonlyMap<string, bigint>,
  userId: string,
  guildId: string,
): bigint {
  const steps = [
    overwrites.filter(({ id }) => id === guildId),
    overwrites.filter(({ id }) => id !== guildId && roles.has(id)),
    overwrites.filter(({ id }) => id === userId),
  ]
  return steps.reduce((permissions, step) => {
    const deny = step.reduce((all, overwrite) => all | overwrite.deny, 0n)
    const allow = step.reduce((all, overwrite) => all | overwrite.allow, 0n)
    return (permissions & ~deny) | allow
  }, base)
}

/** The channel's overwrites. Those of another shape are left out, so that they grant nothing. */
function overwritesOf(text: string | null | undefined): Overwrite[] {
  let value: unknown
  try {
    value = JSON.parse(text ?? '[]')
  } catch {
    return []
  }
  return Array.isArray(value) ? value.flatMap(each => Overwrite.safeParse(each).data ?? []) : []
}

const bits = (value: unknown): bigint => (/^\d{1,30}$/.test(String(value)) ? BigInt(String(value)) : 0n)
