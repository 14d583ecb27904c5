// The messages of an identified client: one opcode, one function.
// Each decodes its data and calls one method of the session, of its media, or of the channel's encryption. A malformed
// message throws a ProtocolError with 4020, which closes the connection.
import {
  DaveTransition,
  decodeClientBinary,
  MediaSinkWants,
  SessionUpdate,
  Speaking,
  Video,
  VoiceClose,
  VoiceOp,
} from '@parley/protocol'
import { ProtocolError } from '../errors.ts'
import { decode } from './decode.ts'
import { mapSpeaking, mapVideo, selectProtocol, type TransportContext } from './select-protocol.ts'
import type { SessionMedia } from './session-media.ts'
import type { VoiceSession } from './voice-session.ts'

/** What commands need besides the session. */
export interface CommandContext extends TransportContext {
  readonly serverVersion: string
  /** Whether an opcode that clients have no reason to send closes the connection; otherwise it is ignored. */
  readonly strictOpcodes: boolean
}

/** Ignores opcodes that only the node sends, that are obsolete, or that belong to a later version. */
export function dispatch(session: VoiceSession, op: number, data: unknown, context: CommandContext, now: number): void {
  if (context.strictOpcodes) refuseMisplaced(session, op)
  switch (op) {
    case VoiceOp.Identify:
    case VoiceOp.Resume:
      throw new ProtocolError(VoiceClose.AlreadyAuthenticated, 'the connection has a session already')
    case VoiceOp.SelectProtocol:
      return selectProtocol(session, data, context, now)
    case VoiceOp.Speaking:
      return speaking(session.media, data)
    case VoiceOp.Video:
      return video(session.media, data)
    case VoiceOp.SessionUpdate:
      return session.media.updateCodecs(decode(SessionUpdate, data, VoiceClose.BadRequest).codecs)
    case VoiceOp.MediaSinkWants:
      return session.media.setWants(decode(MediaSinkWants, data, VoiceClose.BadRequest))
    case VoiceOp.DaveTransitionReady:
    case VoiceOp.DaveInvalidCommitWelcome:
      return transition(session, op, data, now)
    case VoiceOp.VoiceBackendVersion:
      return session.send(VoiceOp.VoiceBackendVersion, {
        voice: context.serverVersion,
        rtc_worker: context.serverVersion,
      })
    case VoiceOp.NoRoute:
      return context.effects.note('gateway.no_route', {
        user: session.voiceState.userId,
        lane: session.media.lane.id,
      })
    default:
      if (context.strictOpcodes)
        throw new ProtocolError(VoiceClose.UnknownOpcode, `opcode ${op} is not one that clients send`)
      context.effects.note('gateway.ignored_opcode', { op })
  }
}

/** Opcodes that have no meaning before Select Protocol, and those that have none from a client without DAVE. */
const MEDIA_OPS: ReadonlySet<number> = new Set([
  VoiceOp.Speaking,
  VoiceOp.Video,
  VoiceOp.SessionUpdate,
  VoiceOp.MediaSinkWants,
])
const DAVE_OPS: ReadonlySet<number> = new Set([
  VoiceOp.DaveTransitionReady,
  VoiceOp.DaveKeyPackage,
  VoiceOp.DaveCommitWelcome,
  VoiceOp.DaveInvalidCommitWelcome,
])

/** With `voice.strict_opcodes`: refuses an opcode that cannot have a meaning in the present state of the session. */
function refuseMisplaced(session: VoiceSession, op: number): void {
  const isDave = DAVE_OPS.has(op)
  if (isDave && session.daveVersion === 0)
    throw new ProtocolError(
      VoiceClose.UnknownOpcode,
      `opcode ${op} belongs to DAVE, and Identify claimed no DAVE version`,
    )
  if ((isDave || MEDIA_OPS.has(op)) && session.media.transport === undefined)
    throw new ProtocolError(VoiceClose.UnknownOpcode, `opcode ${op} before Select Protocol`)
}

/** Clients send only two binary messages, both of DAVE. */
export function dispatchBinary(session: VoiceSession, data: Uint8Array, context: CommandContext, now: number): void {
  if (data.length === 0) throw new ProtocolError(VoiceClose.DecodeError, 'the binary message is empty')
  const { op, payload } = decodeClientBinary(data)
  if (context.strictOpcodes) refuseMisplaced(session, op)
  const { encryption } = session.channel
  if (op === VoiceOp.DaveKeyPackage) encryption.keyPackage(session, payload, now)
  else if (op === VoiceOp.DaveCommitWelcome) encryption.commitWelcome(session, payload, now)
  else throw new ProtocolError(VoiceClose.UnknownOpcode, `opcode ${op} is not one of a binary message`)
}

/** Op 23 and op 31. Ignored from clients without DAVE. */
function transition(session: VoiceSession, op: number, data: unknown, now: number): void {
  if (session.daveVersion === 0) return
  const { transition_id: id } = decode(DaveTransition, data, VoiceClose.BadRequest)
  const { encryption } = session.channel
  if (op === VoiceOp.DaveTransitionReady) encryption.ready(session, id, now)
  else encryption.invalid(session, id, now)
}

/** The SSRC in the message is needed for WebRTC only: on UDP the node assigned it, and some clients send another or none. */
function speaking(media: SessionMedia, data: unknown): void {
  const message = decode(Speaking, data, VoiceClose.BadRequest)
  const { speaking: flags } = message
  mapSpeaking(media, message)
  media.declareSpeaking(typeof flags === 'number' ? flags & 7 : Number(flags))
}

/** Op 12. The declaration says which SSRC is which layer; packets wait on the lane until both their route and their SSRC are known. */
function video(media: SessionMedia, data: unknown): void {
  const message = decode(Video, data, VoiceClose.BadRequest)
  media.declareVideo(message)
  mapVideo(media, message)
}
