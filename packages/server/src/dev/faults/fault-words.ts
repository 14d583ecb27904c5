// The words of faults: `drop-ws@3s,udp-loss:10%`, alone, at the end of a token (`any.fault:drop-ws@3s`) or of a channel's name.
import { SERVER_LIMITS } from '../../limits.ts'
import type { FaultParameter } from './fault-row.ts'
import { FAULTS, type FaultName, isFaultName } from './fault-table.ts'
import { AT_ONCE, FAULT_EVENTS, type Trigger, triggerOf } from './triggers.ts'

/** One word, parsed: `drop-ws@3s`. */
export interface Fault {
  readonly name: FaultName
  /** The number after the colon, or the table's default; undefined for faults without a parameter. Times in milliseconds. */
  readonly value: number | undefined
  readonly trigger: Trigger
}

/** The text names no fault, or a wrong parameter or trigger. */
export class FaultError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'FaultError'
  }
}

/** `fault:` separates the name from the words; a point or space before it belongs to neither. */
const WITH_WORDS = /^(?<identity>.*?)[. ]?fault:(?<words>.*)$/s
const WORD = /^(?<name>[a-z-]+)(?::(?<value>\d{1,9}(?:\.\d{1,3})?)(?<unit>%|ms|s)?)?(?:@(?<trigger>[\w:+-]+))?$/

/** The part of a token or a channel's name that names it, and its fault words, which may be empty. */
export function splitToken(token: string): { identity: string; words: string } {
  const { identity = token, words = '' } = WITH_WORDS.exec(token)?.groups ?? {}
  return { identity, words }
}

/** Throws a `FaultError`. */
export function parseFaults(text: string): Fault[] {
  if (text.length > SERVER_LIMITS.maxFaultText)
    throw new FaultError(`faults: expected at most ${SERVER_LIMITS.maxFaultText} characters`)
  const words = text.split(',').filter(word => word !== '')
  if (words.length > SERVER_LIMITS.maxFaults)
    throw new FaultError(`faults: expected at most ${SERVER_LIMITS.maxFaults}`)
  return words.map(parseFault)
}

/** One sentence about the first wrong fault; undefined if all are valid. */
export function faultErrorIn(text: string): string | undefined {
  try {
    parseFaults(text)
    return undefined
  } catch (error) {
    return error instanceof FaultError ? error.message : String(error)
  }
}

/** One word: name, parameter, trigger. */
function parseFault(text: string): Fault {
  const { name = '', value, unit, trigger } = WORD.exec(text.trim())?.groups ?? {}
  if (!isFaultName(name))
    throw new FaultError(`faults: "${text}" is unknown; known are ${Object.keys(FAULTS).join(', ')}`)
  return { name, value: parameterOf(name, value, unit), trigger: trigger === undefined ? AT_ONCE : startOf(trigger) }
}

/** The number of a fault in its own unit. Throws a FaultError outside its bounds. */
function parameterOf(name: FaultName, text: string | undefined, unit = ''): number | undefined {
  const { parameter } = FAULTS[name]
  if (parameter === undefined && text !== undefined) throw new FaultError(`faults: ${name} has no parameter`)
  if (parameter === undefined || text === undefined) return parameter?.usual
  const { meaning, least, most } = parameter
  const value = Number(text) * (unit === 's' ? 1_000 : 1)
  if (value < least || value > most || !isUnit(unit, parameter))
    throw new FaultError(`faults: ${name}: expected a ${meaning} from ${least} to ${most}${parameter.unit ?? ''}`)
  return value
}

const isUnit = (unit: string, { unit: own }: FaultParameter) =>
  unit === '' || unit === own || (unit === 's' && own === 'ms')

function startOf(text: string): Trigger {
  const trigger = triggerOf(text)
  if (trigger !== undefined) return trigger
  const events = Object.keys(FAULT_EVENTS).join(', ')
  throw new FaultError(
    `faults: expected 500ms, 3s, packet:100, after:EVENT or after:EVENT+3s behind "@", found "${text}"; events are ${events}`,
  )
}
