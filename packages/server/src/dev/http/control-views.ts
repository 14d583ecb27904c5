// What the control API shows of members and of the world.
import type { Member } from '../calls.ts'
import type { Directory } from '../directory.ts'
import type { TestMember } from '../test-server-types.ts'

/** A member under the names of the API. */
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
export const directoryView = ({ guilds, users }: Directory) => ({
  guilds: [...guilds.values()],
  users: [...users.values()].map(({ id, name, bot }) => ({ id, name, bot })),
})
