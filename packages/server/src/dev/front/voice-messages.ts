// What a relay reads of voice gateway messages: who identifies, acknowledgements, and the node's address in Ready.
import { VoiceOp } from '@parley/protocol'
import { z } from 'zod'

export interface ServedMessage {
  /** Of Identify and Resume. */
  session?: { userId: string; serverId: string } | undefined
  isAck: boolean
  /** The session is established (session description) or continues (Resumed). */
  isStart: boolean
  /** Of Ready: the node's UDP port, and the message with another port. */
  ready?: { port: number; withPort(port: number): string } | undefined
}

const OTHER: ServedMessage = { isAck: false, isStart: false }
const Message = z.looseObject({ op: z.int(), d: z.unknown().optional() })
const Session = z.object({ server_id: z.coerce.string().max(20), user_id: z.coerce.string().max(20) })
const Ready = z.looseObject({ port: z.int().min(1).max(65_535) })

/** Never throws: the node judges what it cannot read. */
export function readServed(text: string): ServedMessage {
  const message = parsed(text)
  if (message === undefined) return OTHER
  const { op, d } = message
  switch (op) {
    case VoiceOp.Identify:
    case VoiceOp.Resume:
      return { ...OTHER, session: sessionOf(d) }
    case VoiceOp.HeartbeatAck:
      return { ...OTHER, isAck: true }
    case VoiceOp.SessionDescription:
    case VoiceOp.Resumed:
      return { ...OTHER, isStart: true }
    case VoiceOp.Ready:
      return { ...OTHER, ready: readyOf(message) }
    default:
      return OTHER
  }
}

function parsed(text: string): z.infer<typeof Message> | undefined {
  try {
    return Message.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function sessionOf(d: unknown): ServedMessage['session'] {
  const read = Session.safeParse(d)
  return read.success ? { userId: read.data.user_id, serverId: read.data.server_id } : undefined
}

function readyOf(message: z.infer<typeof Message>): ServedMessage['ready'] {
  const read = Ready.safeParse(message.d)
  if (!read.success) return undefined
  const { data } = read
  return { port: data.port, withPort: port => JSON.stringify({ ...message, d: { ...data, port } }) }
}
