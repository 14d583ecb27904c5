// A value that changes, and whoever draws it.
import { useEffect, useState } from 'preact/hooks'

export class Store<T extends object> {
  #value: T
  readonly #listeners = new Set<() => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  change(part: Partial<T>): void {
    this.#value = { ...this.#value, ...part }
    for (const listener of this.#listeners) listener()
  }

  /** Returns what ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

/** Draws the component anew whenever the store changes. */
export function useStore<T extends object>(store: Store<T>): T {
  const [value, setValue] = useState(store.value)
  useEffect(() => {
    setValue(store.value)
    return store.subscribe(() => setValue(store.value))
  }, [store])
  return value
}
