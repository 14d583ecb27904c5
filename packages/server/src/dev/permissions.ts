// Who may do what in a channel: @everyone may do everything except what overwrites deny.
// https://discord.com/developers/docs/topics/permissions
import type { TestChannel, TestOverwrite } from './world.ts'

export const Permission = { Connect: 1n << 20n, Speak: 1n << 21n } as const

/** Overwrites do not apply to administrators. */
const ADMINISTRATOR = 1n << 3n
/** What the role @everyone may do; a test world has no other role. */
export const EVERYONE = ((1n << 53n) - 1n) & ~ADMINISTRATOR

const MEMBER = 1

/** Whether a user has the permission in a channel: first the overwrite of the guild's id, then that of the user. */
export function may(permission: bigint, userId: string, guildId: string, channel: TestChannel): boolean {
  const overwrites = channel.permission_overwrites
  const everyone = overwrites.find(({ id, type }) => type !== MEMBER && id === guildId)
  const own = overwrites.find(({ id, type }) => type === MEMBER && id === userId)
  return (overwritten(overwritten(EVERYONE, everyone), own) & permission) !== 0n
}

function overwritten(permissions: bigint, overwrite: TestOverwrite | undefined): bigint {
  if (overwrite === undefined) return permissions
  return (permissions & ~BigInt(overwrite.deny)) | BigInt(overwrite.allow)
}
