// Lines of TypeScript that ran, from the block coverage of V8 (NODE_V8_COVERAGE) and the source maps that Node.js stores with it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Range {
  startOffset: number
  endOffset: number
  count: number
}
interface Script {
  url: string
  functions: readonly { ranges: readonly Range[] }[]
}
interface SourceMap {
  lineLengths: readonly number[]
  data: { mappings: string } | null
}
interface CoverageFile {
  result: readonly Script[]
  'source-map-cache'?: Record<string, SourceMap | undefined>
}

/** Line numbers from 1, with whether any code of the line ran. */
export type Lines = ReadonlyMap<number, boolean>

/** The lines of every script in the folder whose URL has an entry in `names`, by that entry. A line ran if it did in any process. */
export function linesIn(folder: string, nameOf: (url: string) => string | undefined): Map<string, Lines> {
  const found = new Map<string, Map<number, boolean>>()
  for (const file of readdirSync(folder)) {
    const { result, 'source-map-cache': maps = {} } = JSON.parse(
      readFileSync(join(folder, file), 'utf8'),
    ) as CoverageFile
    for (const script of result) {
      const name = nameOf(script.url)
      const map = maps[script.url]
      if (name === undefined || map?.data === undefined || map.data === null) continue
      const lines = found.get(name) ?? new Map<number, boolean>()
      found.set(name, lines)
      for (const [line, ran] of linesOf(script, map.data.mappings, map.lineLengths))
        lines.set(line, ran || lines.get(line) === true)
    }
  }
  return found
}

/** The lines that a mapping points to. */
export function linesOf(script: Pick<Script, 'functions'>, mappings: string, lineLengths: readonly number[]): Lines {
  const lines = new Map<number, boolean>()
  for (const { offset, line } of positions(mappings, lineLengths))
    lines.set(line, countAt(script, offset) > 0 || lines.get(line) === true)
  return lines
}

/** The count of the innermost range around the offset. */
function countAt({ functions }: Pick<Script, 'functions'>, offset: number): number {
  let innermost: Range | undefined
  for (const { ranges } of functions)
    for (const range of ranges) {
      if (offset < range.startOffset || offset >= range.endOffset) continue
      if (innermost === undefined || length(range) <= length(innermost)) innermost = range
    }
  return innermost?.count ?? 0
}
const length = ({ startOffset, endOffset }: Range) => endOffset - startOffset

/** Each segment of a source map, version 3: its offset in the script, and the line of its source. */
function* positions(mappings: string, lineLengths: readonly number[]): Generator<{ offset: number; line: number }> {
  let lineStart = 0
  let sourceLine = 0
  for (const [index, segments] of mappings.split(';').entries()) {
    let column = 0
    for (const segment of segments.split(',')) {
      const [columns = 0, , lines] = decodeVlq(segment)
      column += columns
      if (lines === undefined) continue
      sourceLine += lines
      yield { offset: lineStart + column, line: sourceLine + 1 }
    }
    lineStart += (lineLengths[index] ?? 0) + 1
  }
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Base 64 digits of five bits, the lowest first, and a continuation bit; the lowest bit of a number is its sign. */
function decodeVlq(text: string): number[] {
  const numbers: number[] = []
  let value = 0
  let shift = 0
  for (const character of text) {
    const digit = DIGITS.indexOf(character)
    value += (digit & 31) << shift
    shift += 5
    if ((digit & 32) !== 0) continue
    numbers.push((value & 1) === 0 ? value >> 1 : -(value >> 1))
    value = 0
    shift = 0
  }
  return numbers
}
