// Questions about the voice states of a front: which a command names, what an answer changes, and for which the channel leaves its node.
import { LvspFailure } from '@parley/protocol'
import type { VoiceStateGrant, VoiceStateSelector } from '../lvsp/node-control.ts'
import type { FrontChannel, Seat, TenantChannels } from './front-channel.ts'
import type { NodeRefusal } from './front-ports.ts'
import { isOtherGrant } from './same-grant.ts'

interface SeatPlace {
  readonly channel: FrontChannel
  readonly userId: string
}

export function selectSeats(tenant: TenantChannels, selector: VoiceStateSelector): SeatPlace[] {
  const { sessionId, userId } = selector
  const ofSession = sessionId === undefined ? undefined : tenant.ofSession(sessionId)
  if (sessionId !== undefined) return ofSession !== undefined && fits(ofSession, selector) ? [ofSession] : []
  if (userId === undefined) return []
  return tenant
    .ofUser(userId)
    .map(channel => ({ channel, userId }))
    .filter(place => fits(place, selector))
}

/** Whether the client has to connect elsewhere, or with another token. */
export const isOther = (before: VoiceStateGrant | undefined, grant: VoiceStateGrant): boolean =>
  before === undefined || isOtherGrant(before, grant) || before.sessionId !== grant.sessionId

/**
 * Whether the channel has to leave its node because that refuses the user: one that the channel brought with it from another node, or the
 * first one. A further user does not move those who are there.
 */
export function isReasonToLeave({ failure, isOfNode }: NodeRefusal, seat: Seat, channel: FrontChannel): boolean {
  const { seats, properties } = channel
  const isOfChannel = failure === LvspFailure.TooManyVoiceStates && seats.size > (properties.maxMembers ?? Infinity)
  if (!isOfNode || isOfChannel) return false
  return seat.grant !== undefined || [...seats.values()].every(({ grant }) => grant === undefined)
}

const fits = ({ channel, userId }: SeatPlace, { userId: wanted, channelId, guildId }: VoiceStateSelector) =>
  (wanted === undefined || wanted === userId) &&
  (channelId === undefined || channelId === channel.ref.channelId) &&
  (guildId === undefined || guildId === channel.ref.guildId)
