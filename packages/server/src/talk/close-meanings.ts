// Meanings of the voice gateway's close codes, for users of `parley talk`.
import { VoiceClose } from '@parley/protocol'

/** For a user: what happened, and what to do about it if anything. */
const MEANINGS: Readonly<Record<VoiceClose, string>> = {
  [VoiceClose.UnknownOpcode]: 'the client sent an unknown opcode',
  [VoiceClose.DecodeError]: 'the client sent a malformed message',
  [VoiceClose.NotAuthenticated]: 'the client sent a message before Identify',
  [VoiceClose.AuthenticationFailed]: 'token, user, session and server do not match; request new credentials',
  [VoiceClose.AlreadyAuthenticated]: 'the client sent Identify twice',
  [VoiceClose.SessionInvalid]: 'the session has ended, or was replaced by another client',
  [VoiceClose.SessionTimeout]: 'the node received no heartbeat in time',
  [VoiceClose.ServerNotFound]: 'the node does not have this channel; request new credentials',
  [VoiceClose.UnknownProtocol]: 'the node does not support this transport',
  [VoiceClose.Disconnected]: 'the backend removed this user from the channel',
  [VoiceClose.ServerCrashed]: 'an internal error of the node ended the call',
  [VoiceClose.UnknownMode]: 'the node does not offer this encryption mode',
  [VoiceClose.EncryptionRequired]: 'the channel requires end-to-end encryption, which this client does not support',
  [VoiceClose.BadRequest]: 'the node does not support this gateway version, or rejected a message',
  [VoiceClose.RateLimited]: 'the client sent too many messages',
  [VoiceClose.ChannelEnded]: 'the channel was destroyed',
}

/** Undefined for codes that no node sends, such as 1006. */
export const closeMeaning = (code: number): string | undefined => MEANINGS[code as VoiceClose]
