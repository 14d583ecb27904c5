// What an identified client asks for: one opcode, one function.
import {
  DaveTransition,
  decodeClientBinary,
  MediaSinkWants,
  SelectProtocol,
  SessionUpdate,
  Speaking,
  Video,
  VoiceClose,
  type VoiceMode,
  VoiceOp,
} from '@parley/protocol'
import type { z } from 'zod'
import type { Crypto } from '../crypto.ts'
import type { Effects } from '../effect.ts'
import { ProtocolError } from '../errors.ts'
import type { WebrtcHost } from '../transport/webrtc/webrtc-transport.ts'
import { mapSpeaking, mapVideo, selectWebrtc } from './select-webrtc.ts'
import type { VoiceSession } from './voice-session.ts'

/** What commands need besides the session. */
export interface CommandContext {
  readonly crypto: Crypto
  readonly effects: Effects
  readonly modes: readonly VoiceMode[]
  readonly serverVersion: string
  /** Undefined where no browsers are served. */
  readonly webrtc: WebrtcHost | undefined
  /** Whether an opcode that a client has no reason to send closes its connection; else it is ignored. */
  readonly strictOpcodes: boolean
}

/** Decodes the data of a message; what does not fit closes the connection and says where. */
export function decode<Schema extends z.ZodType>(schema: Schema, data: unknown, code: number): z.output<Schema> {
  const result = schema.safeParse(data)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new ProtocolError(code, `${issue?.path.join('.') || 'data'}: ${issue?.message ?? 'malformed'}`)
}

/** Opcodes that only the node sends, that are dead, or that belong to a later version are ignored. */
export function dispatch(session: VoiceSession, op: number, data: unknown, context: CommandContext, now: number): void {
  if (context.strictOpcodes) refuseMisplaced(session, op)
  switch (op) {
    case VoiceOp.Identify:
    case VoiceOp.Resume:
      throw new ProtocolError(VoiceClose.AlreadyAuthenticated, 'this connection has a session already')
    case VoiceOp.SelectProtocol:
      return selectProtocol(session, data, context, now)
    case VoiceOp.Speaking:
      return speaking(session, data)
    case VoiceOp.Video:
      return video(session, data)
    case VoiceOp.SessionUpdate:
      return session.updateCodecs(decode(SessionUpdate, data, VoiceClose.BadRequest).codecs)
    case VoiceOp.MediaSinkWants:
      return session.setWants(decode(MediaSinkWants, data, VoiceClose.BadRequest))
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
        lane: session.channel.lane.id,
      })
    default:
      if (context.strictOpcodes) throw new ProtocolError(VoiceClose.UnknownOpcode, `no client sends opcode ${op}`)
      context.effects.note('gateway.ignored_opcode', { op })
  }
}

/** Opcodes that mean nothing before Select Protocol, and those that mean nothing of a client without DAVE. */
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

function refuseMisplaced(session: VoiceSession, op: number): void {
  const isDave = DAVE_OPS.has(op)
  if (isDave && session.daveVersion === 0)
    throw new ProtocolError(VoiceClose.UnknownOpcode, `opcode ${op} is of DAVE, and Identify claimed no version of it`)
  if ((isDave || MEDIA_OPS.has(op)) && session.transport === undefined)
    throw new ProtocolError(VoiceClose.UnknownOpcode, `opcode ${op} came before Select Protocol`)
}

/** Binary messages are DAVE's, and clients have only two of them. */
export function dispatchBinary(session: VoiceSession, data: Uint8Array, context: CommandContext, now: number): void {
  if (data.length === 0) throw new ProtocolError(VoiceClose.DecodeError, 'an empty message')
  const { op, payload } = decodeClientBinary(data)
  if (context.strictOpcodes) refuseMisplaced(session, op)
  const { encryption } = session.channel
  if (op === VoiceOp.DaveKeyPackage) encryption.keyPackage(session, payload, now)
  else if (op === VoiceOp.DaveCommitWelcome) encryption.commitWelcome(session, payload, now)
  else throw new ProtocolError(VoiceClose.UnknownOpcode, `no binary message has opcode ${op}`)
}

/** Op 23 and op 31. Of clients that do not take part they mean nothing. */
function transition(session: VoiceSession, op: number, data: unknown, now: number): void {
  if (session.daveVersion === 0) return
  const { transition_id: id } = decode(DaveTransition, data, VoiceClose.BadRequest)
  const { encryption } = session.channel
  if (op === VoiceOp.DaveTransitionReady) encryption.ready(session, id, now)
  else encryption.invalid(session, id, now)
}

function selectProtocol(session: VoiceSession, data: unknown, context: CommandContext, now: number): void {
  const select = decode(SelectProtocol, data, VoiceClose.BadRequest)
  if (select.protocol === 'webrtc') return selectWebrtc(session, select, context.webrtc, context.effects, now)
  if (select.protocol !== 'udp') throw new ProtocolError(VoiceClose.UnknownProtocol, 'expected protocol udp or webrtc')
  session.selectUdp(select.data, select.codecs ?? [], context.modes, context.crypto, now)
}

/** On UDP the SSRC in the message is not needed: a session has one for audio, and some clients send another or none. */
function speaking(session: VoiceSession, data: unknown): void {
  const message = decode(Speaking, data, VoiceClose.BadRequest)
  const { speaking: flags } = message
  mapSpeaking(session, message)
  session.declareSpeaking(typeof flags === 'number' ? flags & 7 : Number(flags))
}

function video(session: VoiceSession, data: unknown): void {
  const message = decode(Video, data, VoiceClose.BadRequest)
  mapVideo(session, message)
  session.declareVideo(message)
}
