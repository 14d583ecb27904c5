// What starts a fault: a time, an event of the session, or the number of a packet.
import { VoiceOp } from '@parley/protocol'
import { Duration } from '../../config/values.ts'

/** An event of a user's voice connection, as links and relays report it. */
export type FaultEvent = 'start' | 'packet' | `${'client' | 'node'} ${number}`

export interface Trigger {
  /** Undefined: at once, or at the start of the voice session for faults that happen once. */
  event: FaultEvent | undefined
  /** The fault starts at this occurrence of the event. */
  occurrence: number
  /** Milliseconds after the event; without an event, after the start of the voice session. */
  delay: number
}

/** Words after `@after:`. */
export const FAULT_EVENTS = {
  identify: `client ${VoiceOp.Identify}`,
  resume: `client ${VoiceOp.Resume}`,
  heartbeat: `client ${VoiceOp.Heartbeat}`,
  speaking: `client ${VoiceOp.Speaking}`,
  'key-package': `client ${VoiceOp.DaveKeyPackage}`,
  commit: `client ${VoiceOp.DaveCommitWelcome}`,
  hello: `node ${VoiceOp.Hello}`,
  ready: `node ${VoiceOp.Ready}`,
  session: `node ${VoiceOp.SessionDescription}`,
  resumed: `node ${VoiceOp.Resumed}`,
  proposals: `node ${VoiceOp.DaveProposals}`,
  welcome: `node ${VoiceOp.DaveWelcome}`,
  execute: `node ${VoiceOp.DaveExecuteTransition}`,
} as const satisfies Record<string, FaultEvent>

export const AT_ONCE: Trigger = { event: undefined, occurrence: 1, delay: 0 }

const isEventName = (name: string): name is keyof typeof FAULT_EVENTS => Object.hasOwn(FAULT_EVENTS, name)
const AFTER = /^after:(?<name>[a-z-]+)(?:\+(?<time>\w+))?$/
const PACKET = /^packet:(?<number>[1-9]\d{0,6})$/

/** The text after `@`; undefined if it is not one of `3s`, `after:EVENT`, `after:EVENT+3s`, `packet:N`. */
export function triggerOf(text: string): Trigger | undefined {
  const packet = PACKET.exec(text)?.groups?.number
  if (packet !== undefined) return { event: 'packet', occurrence: Number(packet), delay: 0 }
  const { name, time } = AFTER.exec(text)?.groups ?? {}
  if (name === undefined) return timed(text, undefined)
  if (!isEventName(name)) return undefined
  return timed(time ?? '0ms', FAULT_EVENTS[name])
}

function timed(text: string, event: FaultEvent | undefined): Trigger | undefined {
  const read = Duration.safeDecode(text)
  return read.success ? { event, occurrence: 1, delay: read.data } : undefined
}
