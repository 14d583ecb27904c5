// The messages of a session for display and copying: in order, bounded, without secrets.

export interface TraceEntry {
  /** Milliseconds since the first entry. */
  readonly at: number
  readonly direction: 'sent' | 'received' | 'note'
  /** Absent on notes. */
  readonly op?: number | undefined
  readonly text: string
}

/** The newest entries are kept. */
const MOST_ENTRIES = 500
const LONGEST_TEXT = 8_192
const SECRET_KEYS: ReadonlySet<string> = new Set(['token', 'session_id', 'secret_key'])
const MASK = '(hidden)'

/** Bounded in entries and in the length of each. It never holds a token, password or key. */
export class Trace {
  #entries: TraceEntry[] = []
  #start: number | undefined

  get entries(): readonly TraceEntry[] {
    return this.#entries
  }

  /** Records a message with its secrets masked. */
  message(direction: 'sent' | 'received', data: string | Uint8Array, now: number): void {
    const { op, text } = typeof data === 'string' ? masked(data) : binary(data)
    this.#add({ at: this.#since(now), direction, op, text })
  }

  /** Records what is not a message, such as a change of the connection. */
  note(text: string, now: number): void {
    this.#add({ at: this.#since(now), direction: 'note', text })
  }

  /** One line per entry. */
  toString(): string {
    return this.#entries
      .map(({ at, direction, text }) => `${(at / 1_000).toFixed(3)} ${ARROWS[direction]} ${text}\n`)
      .join('')
  }

  #since(now: number): number {
    this.#start ??= now
    return now - this.#start
  }

  #add(entry: TraceEntry): void {
    const kept = this.#entries.length >= MOST_ENTRIES ? this.#entries.slice(1) : this.#entries
    this.#entries = [...kept, entry]
  }
}

const ARROWS = { sent: '>', received: '<', note: '#' } as const

/** A JSON message with masked secrets. Other text is not shown, because it may contain secrets. */
function masked(json: string): { op: number | undefined; text: string } {
  try {
    const message: unknown = JSON.parse(json, maskedValue)
    const op = typeof message === 'object' && message !== null && 'op' in message ? Number(message.op) : undefined
    const text = JSON.stringify(message)
    return { op, text: text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text }
  } catch {
    return { op: undefined, text: `${json.length} characters that are not JSON` }
  }
}

const maskedValue = (key: string, value: unknown): unknown => {
  if (SECRET_KEYS.has(key)) return MASK
  return typeof value === 'string' ? value.replace(/(a=ice-pwd:)[^\r\n]*/g, `$1${MASK}`) : value
}

const binary = (bytes: Uint8Array) => ({
  op: bytes[2],
  text: `${bytes.length} bytes, opcode ${bytes[2] ?? 'unknown'}`,
})
