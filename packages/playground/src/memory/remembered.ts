// Values that the page keeps in this browser from one visit to the next, by name.

/** The part of Storage that is used. */
export type Shelf = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/** Prefix of all names: other pages of this origin have a storage in common. */
const PREFIX = 'parley.'
/** Entries of one map, and characters of a key: users that were in calls with this browser. */
const MOST_ENTRIES = 500
const LONGEST_KEY = 64

/** Undefined where the browser blocks the storage. */
function browserShelf(): Shelf | undefined {
  try {
    return globalThis.localStorage
  } catch {
    return undefined
  }
}

/**
 * A map that is stored at each change. What is stored may be of another version, or broken: entries that are not valid are left out.
 * Where nothing can be stored, the map lasts as long as the page.
 */
export class Remembered<V> {
  readonly #name: string
  readonly #shelf: Shelf | undefined
  readonly #entries: Map<string, V>

  constructor(name: string, isValue: (value: unknown) => value is V, shelf = browserShelf()) {
    this.#name = PREFIX + name
    this.#shelf = shelf
    this.#entries = new Map(readEntries(this.#shelf, this.#name).filter(entry => isEntry(entry, isValue)))
    this.#trim()
  }

  get entries(): ReadonlyMap<string, V> {
    return new Map(this.#entries)
  }
  get(key: string): V | undefined {
    return this.#entries.get(key)
  }

  /** The oldest entry gives way if there are too many. */
  set(key: string, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    this.#trim()
    this.#store()
  }

  delete(key: string): void {
    if (this.#entries.delete(key)) this.#store()
  }
  clear(): void {
    this.#entries.clear()
    this.#store()
  }

  #trim(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= MOST_ENTRIES) return
      this.#entries.delete(key)
    }
  }

  /** A full or blocked storage changes nothing for this visit. */
  #store(): void {
    try {
      if (this.#entries.size === 0) this.#shelf?.removeItem(this.#name)
      else this.#shelf?.setItem(this.#name, JSON.stringify([...this.#entries]))
    } catch {}
  }
}

function readEntries(shelf: Shelf | undefined, name: string): readonly unknown[] {
  try {
    const stored: unknown = JSON.parse(shelf?.getItem(name) ?? '[]')
    return Array.isArray(stored) ? stored : []
  } catch {
    return []
  }
}

function isEntry<V>(entry: unknown, isValue: (value: unknown) => value is V): entry is [string, V] {
  if (!Array.isArray(entry) || entry.length !== 2) return false
  const [key, value] = entry as readonly unknown[]
  return typeof key === 'string' && key.length > 0 && key.length <= LONGEST_KEY && isValue(value)
}
