// What a voice client does when its connection closes: come back where it was, start anew, or give up.
import { VoiceClose } from '@parley/protocol'

/** `resume` goes on with the same session, `identify` starts a new one with the same credentials, `stop` ends. */
export type Reaction = 'resume' | 'identify' | 'stop'

/** Close codes a client sends. Anything but `Done` leaves the session resumable on the node. */
export const ClientClose = { Done: 1000, Resumable: 4000 } as const

/** Close codes not listed are losses of the connection: resume. */
const REACTIONS: ReadonlyMap<number, Reaction> = new Map<number, Reaction>([
  [VoiceClose.UnknownOpcode, 'identify'],
  [VoiceClose.DecodeError, 'identify'],
  [VoiceClose.NotAuthenticated, 'identify'],
  // The credentials are no longer good; the backend has to give new ones.
  [VoiceClose.AuthenticationFailed, 'stop'],
  [VoiceClose.AlreadyAuthenticated, 'identify'],
  [VoiceClose.SessionInvalid, 'identify'],
  [VoiceClose.SessionTimeout, 'identify'],
  [VoiceClose.ServerNotFound, 'stop'],
  // The same request would be refused again.
  [VoiceClose.UnknownProtocol, 'stop'],
  [VoiceClose.Disconnected, 'stop'],
  [VoiceClose.ServerCrashed, 'resume'],
  [VoiceClose.UnknownMode, 'stop'],
  [VoiceClose.EncryptionRequired, 'stop'],
  [VoiceClose.BadRequest, 'stop'],
  [VoiceClose.RateLimited, 'stop'],
  [VoiceClose.ChannelEnded, 'stop'],
])

/** What follows a close with `code` once a session has been established. */
export const reactionTo = (code: number): Reaction => REACTIONS.get(code) ?? 'resume'

/** Full jitter: many clients that lose one node do not all come back in the same instant. */
const BACKOFF = { first: 500, longest: 30_000 } as const

/** How long to wait before attempt `attempt` (from 0); `random` is in [0, 1). */
export const backoff = (attempt: number, random: number): number =>
  Math.min(BACKOFF.longest, BACKOFF.first * 2 ** Math.min(attempt, 16)) * random
