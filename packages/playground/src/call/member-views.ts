// The members as the page shows them: what the session knows of them, with the names and mutes of the demo's backend.
import type { Member } from '@parley/client/sessions'
import type { AbsentView, MemberView } from './call-view.ts'
import type { Overview } from './demo-api.ts'

/** What the page itself knows. */
export interface MemberFacts {
  readonly others: readonly Pick<Member, 'userId' | 'speaking'>[]
  readonly me: {
    readonly userId: string
    readonly name: string
    readonly isSpeaking: boolean
    readonly hasDave: boolean
  }
  readonly overview: Overview
  /** Users who have the keys of the encrypted call. */
  readonly inGroup: readonly string[]
  volumeOf(userId: string): number
}

/** The user first. */
export function memberViews({ others, me, overview, inGroup, volumeOf }: MemberFacts): MemberView[] {
  const mine = { userId: me.userId, speaking: Number(me.isSpeaking) }
  return [mine, ...others].map(({ userId, speaking }): MemberView => {
    const user = overview.users.find(({ id }) => id === userId)
    const isMe = userId === me.userId
    return {
      userId,
      name: user?.name ?? (isMe ? me.name : `User ${userId.slice(-4)}`),
      isMe,
      isBot: user?.isBot ?? false,
      isSpeaking: speaking !== 0 && user?.isMuted !== true,
      isMuted: user?.isMuted ?? false,
      volume: volumeOf(userId),
      supportsDave: isMe ? me.hasDave : user?.supportsDave,
      isInGroup: inGroup.includes(userId),
    }
  })
}

export function absentViews({ users, channels }: Overview, channelId: string | undefined): AbsentView[] {
  return users.flatMap((user): AbsentView[] => {
    const channelName = channels.find(({ id }) => id === user.channelId)?.name ?? user.channelId
    return user.channelId === channelId ? [] : [{ userId: user.id, name: user.name, channelName }]
  })
}
