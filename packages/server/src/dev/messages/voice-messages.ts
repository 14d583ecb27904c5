// What a relay reads of voice gateway messages: who identifies, and the node's address in Ready.
import { decodeJson, VoiceOp } from '@parley/protocol'
import { z } from 'zod'
import type { LinkMessage } from './link-message.ts'

/** The session that Identify and Resume name. */
export interface LinkSession {
  userId: string
  serverId: string
}

const Session = z.object({ d: z.object({ server_id: z.coerce.string().max(20), user_id: z.coerce.string().max(20) }) })
const ResumedSession = z.object({ d: z.object({ server_id: z.coerce.string().max(20) }) })
const Ready = z.looseObject({ port: z.int().min(1).max(65_535) })

/** Of Identify, and of Resume, which names no user: `userId` is that of the port then. */
export function sessionOf(message: LinkMessage, userId?: string): LinkSession | undefined {
  if (message.format !== 'json') return undefined
  const isIdentify = message.op === VoiceOp.Identify
  if (!isIdentify && message.op !== VoiceOp.Resume) return undefined
  // Ids that are sent as numbers keep their digits.
  const exact = message.text === undefined ? message.body : decoded(message.text)
  const read = Session.safeParse(exact)
  if (read.success) return { userId: read.data.d.user_id, serverId: read.data.d.server_id }
  const resumed = ResumedSession.safeParse(exact)
  return resumed.success && userId !== undefined ? { userId, serverId: resumed.data.d.server_id } : undefined
}

function decoded(text: string): unknown {
  try {
    return decodeJson(text)
  } catch {
    return undefined
  }
}

/** The UDP port of the node in Ready; undefined for other messages. */
export function portOfReady(message: LinkMessage): number | undefined {
  if (message.format !== 'json' || message.op !== VoiceOp.Ready) return undefined
  const read = Ready.safeParse(message.body.d)
  return read.success ? read.data.port : undefined
}
