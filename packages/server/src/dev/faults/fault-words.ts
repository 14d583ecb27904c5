// The words of faults: `drop-ws@3s,udp-loss:10%`, alone or at the end of a token (`any.fault:drop-ws@3s`).
import { Duration } from '../../config/schema.ts'
import { SERVER_LIMITS } from '../../limits.ts'
import { FAULTS, type FaultName, type FaultRow, isFaultName } from './fault-table.ts'

export interface Fault {
  readonly name: FaultName
  /** The number after the colon, or the table's default; undefined for faults without a parameter. */
  readonly value: number | undefined
  /** Milliseconds from the start of the voice session, or from now if it has started. 0: at once. */
  readonly delay: number
}

/** The text names no fault, or a wrong parameter or time. */
export class FaultError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'FaultError'
  }
}

const TOKEN = /^(?<identity>.*?)\.?fault:(?<words>.*)$/s
const WORD = /^(?<name>[a-z-]+)(?::(?<value>\d{1,9}(?:\.\d{1,3})?)(?<unit>%?))?(?:@(?<time>\w+))?$/

/** The part of a token that names its user, and its fault words, which may be empty. */
export function splitToken(token: string): { identity: string; words: string } {
  const { identity = token, words = '' } = TOKEN.exec(token)?.groups ?? {}
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

function parseFault(text: string): Fault {
  const { name = '', value, unit, time } = WORD.exec(text.trim())?.groups ?? {}
  if (!isFaultName(name))
    throw new FaultError(`faults: "${text}" is unknown; known are ${Object.keys(FAULTS).join(', ')}`)
  return { name, value: parameterOf(name, value, unit), delay: time === undefined ? 0 : delayOf(time) }
}

function parameterOf(name: FaultName, text: string | undefined, unit = ''): number | undefined {
  const { parameter }: FaultRow = FAULTS[name]
  if (parameter === undefined && text !== undefined) throw new FaultError(`faults: ${name} has no parameter`)
  if (parameter === undefined || text === undefined) return parameter?.usual
  const { meaning, least, most } = parameter
  const value = Number(text)
  if (value < least || value > most || (unit !== '' && unit !== parameter.unit))
    throw new FaultError(`faults: ${name}: expected a ${meaning} from ${least} to ${most}${parameter.unit ?? ''}`)
  return value
}

function delayOf(text: string): number {
  const read = Duration.safeDecode(text)
  if (!read.success) throw new FaultError(`faults: expected a time such as 500ms or 3s after "@", found "${text}"`)
  return read.data
}
