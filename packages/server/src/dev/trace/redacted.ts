// Message data without secrets, bounded, for traces.

/** Names of members whose values are secrets, or random in each run. */
const SECRETS: ReadonlySet<string> = new Set([
  'token',
  'secret_key',
  'session_id',
  'media_session_id',
  'resume_gateway_url',
])
const MOST_ITEMS = 100
const MOST_DEPTH = 8

export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MOST_DEPTH) return '…'
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map(item => redacted(item, depth + 1))
  const entries = Object.entries(value).slice(0, MOST_ITEMS)
  return Object.fromEntries(
    entries.map(([name, member]) => [name, SECRETS.has(name) ? '(secret)' : redacted(member, depth + 1)]),
  )
}
