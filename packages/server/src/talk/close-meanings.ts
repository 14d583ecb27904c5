// What a close code of the voice gateway means to whoever tried to join.
import { VoiceClose } from '@parley/protocol'

const MEANINGS: Readonly<Record<VoiceClose, string>> = {
  [VoiceClose.UnknownOpcode]: 'the node does not know something that was sent',
  [VoiceClose.DecodeError]: 'the node could not read something that was sent',
  [VoiceClose.NotAuthenticated]: 'something was sent before the client had identified itself',
  [VoiceClose.AuthenticationFailed]: 'token, user, session and server do not fit together; ask for new credentials',
  [VoiceClose.AlreadyAuthenticated]: 'the client identified itself twice',
  [VoiceClose.SessionInvalid]: 'the session has ended, or another client has taken its place',
  [VoiceClose.SessionTimeout]: 'the node heard nothing for too long',
  [VoiceClose.ServerNotFound]: 'the node does not have this channel; ask for new credentials',
  [VoiceClose.UnknownProtocol]: 'the node does not speak UDP',
  [VoiceClose.Disconnected]: 'the chat service has removed this user from the channel',
  [VoiceClose.ServerCrashed]: 'the node is stopping, or has failed',
  [VoiceClose.UnknownMode]: 'the node does not offer this encryption mode',
  [VoiceClose.EncryptionRequired]:
    'the channel is for end-to-end encrypted calls only, and this client cannot take part',
  [VoiceClose.BadRequest]: 'the node does not serve this gateway version, or found a message at fault',
  [VoiceClose.RateLimited]: 'too many messages were sent',
  [VoiceClose.ChannelEnded]: 'the channel has ended for everybody',
}

/** Undefined for codes that no node sends, such as 1006: then the reason says it all. */
export const closeMeaning = (code: number): string | undefined => MEANINGS[code as VoiceClose]
