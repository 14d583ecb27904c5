// Where a user is according to Spacebar: a voice channel of a guild, or a DM or group call.

export interface Place {
  channelId: string
  /** Absent for a DM or group call. */
  guildId?: string | undefined
}

export const isSamePlace = (a: Place | undefined, b: Place | undefined): boolean =>
  a?.channelId === b?.channelId && a?.guildId === b?.guildId

/** What a moderator set for a user. */
export interface Restrictions {
  mute: boolean
  deaf: boolean
  suppress: boolean
}

export const areSameRestrictions = (a: Restrictions, b: Restrictions): boolean =>
  a.mute === b.mute && a.deaf === b.deaf && a.suppress === b.suppress

/** A voice state of Spacebar without its token. */
export interface SeenVoiceState {
  place: Place
  /** That of the user's login: clients identify with it. */
  sessionId: string
  restrictions: Restrictions
}
