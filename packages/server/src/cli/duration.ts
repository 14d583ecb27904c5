// Command-line options that are durations.
import { InvalidArgumentError } from 'commander'
import { Duration } from '../config/values.ts'

/** Milliseconds of a text such as `10s`. Throws an error that commander prints. */
export function duration(text: string): number {
  const read = Duration.safeDecode(text)
  if (!read.success) throw new InvalidArgumentError('Expected a duration such as 500ms, 10s or 2m.')
  return read.data
}
