// Reads JSON without losing digits: JSON.parse rounds integers beyond 2^53 (RFC 8259 §6), and several libraries send snowflakes
// and heartbeat nonces as such.
import { DecodeError } from './bytes.ts'

/** A number of 16 digits or more may follow: the cheap test that almost no message passes. Matches in strings do no harm. */
const HAS_LONG_NUMBER = /(?:^|[:,[\s])-?\d{16}/
/** A string, which is skipped, or a number with its sign, fraction and exponent. */
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/gs

/**
 * Parses JSON like JSON.parse, but an integer that a double cannot hold becomes a string with its digits. Throws a DecodeError for
 * invalid JSON. Time is linear, and nesting costs no stack.
 */
export function decodeJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return HAS_LONG_NUMBER.test(text) ? JSON.parse(text.replace(STRING_OR_NUMBER, quoteIfRounded)) : value
  } catch {
    throw new DecodeError('expected JSON')
  }
}

const quoteIfRounded = (token: string): string =>
  /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token

const isSpace = (code: number) => code === 32 || (code >= 9 && code <= 13)

/** Index of the first character at or after `index` that is not white space. */
function skipSpace(text: string, index: number): number {
  while (index < text.length && isSpace(text.charCodeAt(index))) index++
  return index
}

/** Index behind the string that starts at `index`. */
function skipString(text: string, index: number): number {
  for (index++; index < text.length; index++) {
    if (text[index] === '\\') index++
    else if (text[index] === '"') return index + 1
  }
  return index
}

/** Index behind the value that starts at `index`. Counts brackets instead of recursing, so that depth costs no stack. */
function skipValue(text: string, index: number): number {
  let depth = 0
  while (index < text.length) {
    const char = text[index]
    if (char === '"') {
      index = skipString(text, index)
      if (depth === 0) return index
      continue
    }
    if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') {
      if (depth === 0) return index
      if (--depth === 0) return index + 1
    } else if (depth === 0 && (char === ',' || isSpace(text.charCodeAt(index)))) return index
    index++
  }
  return index
}

/**
 * The source text of member `key` of a JSON object; undefined if `text` is not an object or lacks the member. Of repeated members
 * the last counts, as in JSON.parse. Keys with escape sequences are not found.
 */
export function memberSource(text: string, key: string): string | undefined {
  let index = skipSpace(text, 0)
  if (text[index] !== '{') return undefined
  let found: string | undefined
  index = skipSpace(text, index + 1)
  while (index < text.length && text[index] === '"') {
    const keyEnd = skipString(text, index)
    const isKey = text.slice(index + 1, keyEnd - 1) === key
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = skipValue(text, start)
    if (isKey) found = text.slice(start, end)
    index = skipSpace(text, end)
    if (text[index] !== ',') break
    index = skipSpace(text, index + 1)
  }
  return found
}

/** The deepest nesting of objects and arrays in a text, without parsing it: strings are skipped, brackets counted. */
export function jsonDepth(text: string): number {
  let depth = 0
  let deepest = 0
  for (let index = 0; index < text.length; index++) {
    const char = text[index]
    if (char === '"') index = skipString(text, index) - 1
    else if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth)
    else if (char === '}' || char === ']') depth--
  }
  return deepest
}
