// The outputs of the bridge, to be applied in order by its host.
import type { BridgeNote } from '../notes.ts'
import type { Place, Restrictions } from './place.ts'

/** A user in an LVSP channel: `channelId` is the voice channel, or the stream. */
export interface SeatRef extends Place {
  userId: string
}

/** A channel with its users, as SYNC lists them. */
export interface ListedChannel extends Place {
  userIds: readonly string[]
}

/** Events that the bridge publishes to one user on Spacebar's bus, with their data. */
export type Published =
  | {
      event: 'VOICE_SERVER_UPDATE'
      data: { token: string; endpoint: string; guild_id: string | null; channel_id?: string }
    }
  | {
      event: 'STREAM_SERVER_UPDATE'
      data: { token: string; endpoint: string; guild_id: null; stream_key: string }
    }

/** Commands for one node. */
export type NodeOutput =
  /** Create the channel of a stream (CHANNEL_REQ). */
  | { kind: 'open'; node: string; channelId: string; ownerId: string }
  /** VOICE_STATE_CREATE. Its result returns as `granted` or `grantFailed`. */
  | { kind: 'grant'; node: string; seat: SeatRef; sessionId: string; token: string; restrictions: Restrictions }
  /** VOICE_STATE_UPDATE. */
  | { kind: 'restrict'; node: string; seat: SeatRef; restrictions: Restrictions }
  /** VOICE_STATE_DESTROY. */
  | { kind: 'remove'; node: string; seat: SeatRef }
  /** VOICE_STATE_DESTROY of a user in a guild, wherever the user is. */
  | { kind: 'removeFromGuild'; node: string; userId: string; guildId: string }
  /** CHANNEL_DESTROY. */
  | { kind: 'close'; node: string; channel: Place }
  /** SYNC; `grace` in seconds. */
  | { kind: 'sync'; node: string; channels: readonly ListedChannel[]; grace: number }

export type BridgeOutput =
  | NodeOutput
  /** Publish an event to a user on Spacebar's bus. */
  | ({ kind: 'publish'; userId: string } & Published)
  /** Read everything from the database; returns as `snapshot`. */
  | { kind: 'reconcile' }
  /** Read the voice state of one user from the database; returns as `userRead`. */
  | { kind: 'readUser'; userId: string }
  /** Look up in the database whether the user may join; returns as `authorized`. */
  | { kind: 'authorize'; userId: string; place: Place }
  | { kind: 'note'; note: BridgeNote }
