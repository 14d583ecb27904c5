// What the first Identify or Resume of a client says about where it belongs.
import { LIMITS } from '@parley/core'
import {
  CLUSTER_SCHEMA,
  decodeJson,
  Identify,
  jsonDepth,
  type OwnerQuestion,
  Resume,
  VoiceMessage,
  VoiceOp,
} from '@parley/protocol'

export interface Sought {
  readonly question: OwnerQuestion
  readonly token: string
}

/** Undefined for any other message, and for one that a node refuses unread. Never throws. */
export function readSought(text: string): Sought | undefined {
  if (text.length > LIMITS.greetingMessage || jsonDepth(text) > LIMITS.greetingDepth) return undefined
  const message = VoiceMessage.safeParse(parsed(text)).data
  if (message?.op === VoiceOp.Identify) return ofIdentify(message.d)
  return message?.op === VoiceOp.Resume ? ofResume(message.d) : undefined
}

function ofIdentify(data: unknown): Sought | undefined {
  const identify = Identify.safeParse(data).data
  if (identify === undefined) return undefined
  const { server_id: server, user_id: user, token } = identify
  return { question: { schema: CLUSTER_SCHEMA, server, user }, token }
}

function ofResume(data: unknown): Sought | undefined {
  const resume = Resume.safeParse(data).data
  if (resume === undefined) return undefined
  const { server_id: server, session_id: session, token } = resume
  return { question: { schema: CLUSTER_SCHEMA, server, session }, token }
}

function parsed(text: string): unknown {
  try {
    return decodeJson(text)
  } catch {
    return undefined
  }
}
