// How a voice client reacts to the close of its connection: resume the session, identify again, or stop.
import { VoiceClose } from '@parley/protocol'

/** `resume` continues the session, `identify` starts a new one with the same credentials, `stop` ends the client. */
export type Reaction = 'resume' | 'identify' | 'stop'

/** Close codes that a client sends. After any but `Done` the session can be resumed. */
export const ClientClose = { Done: 1000, Resumable: 4000 } as const

/** Codes that are not listed are lost connections: resume. */
const REACTIONS: ReadonlyMap<number, Reaction> = new Map<number, Reaction>([
  [VoiceClose.UnknownOpcode, 'identify'],
  [VoiceClose.DecodeError, 'identify'],
  [VoiceClose.NotAuthenticated, 'identify'],
  // The credentials are no longer valid; the backend has to issue new ones.
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

/** The lowest close code with a meaning of its own: lower ones are WebSocket's, of lost connections (RFC 6455 §7.4). */
const APPLICATION_CODES = 4000

/**
 * The reaction to a close with `code` of an established session. `isResuming`: the connection was refused after it had sent
 * Resume. A node that refuses a resume with an application code would refuse it again, so the client identifies.
 */
export function reactionTo(code: number, isResuming = false): Reaction {
  const reaction = REACTIONS.get(code) ?? 'resume'
  return isResuming && reaction === 'resume' && code >= APPLICATION_CODES ? 'identify' : reaction
}
