// A mistake in the configuration, explained in one sentence.

export class ConfigError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'ConfigError'
  }
}

/** Of a URL in JSON, and of one that lacks its scheme: a user, or a user and a password, which may contain any character. */
const CREDENTIALS = [/(\/\/)(?:[^"\\]|\\.)*@/g, /(")[^"\\/@]*:(?:[^"\\]|\\.)*@/g]

/** A value for an error message: one short line, without the credentials of URLs. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value)
  const text = CREDENTIALS.reduce((left, pattern) => left.replace(pattern, '$1(hidden)@'), json)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** " (did you mean a?)" with the candidate nearest to the given text, or an empty string. */
export function suggestion(written: string, candidates: Iterable<string>): string {
  let best: string | undefined
  let least = Math.max(2, Math.floor(written.length / 4)) + 1
  for (const candidate of candidates) {
    const distance = distanceOf(written.toLowerCase(), candidate.toLowerCase())
    if (distance >= least) continue
    least = distance
    best = candidate
  }
  return best === undefined ? '' : ` (did you mean ${best}?)`
}

/** Levenshtein distance: letters to insert, delete or replace. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
