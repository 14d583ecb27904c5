// Options that say how long.
import { InvalidArgumentError } from 'commander'
import { Duration } from '../config/schema.ts'

/** Milliseconds of a text such as `10s`. Throws what the command line makes a sentence of. */
export function duration(text: string): number {
  const read = Duration.safeDecode(text)
  if (!read.success) throw new InvalidArgumentError('Expected a duration such as 500ms, 10s or 2m.')
  return read.data
}
