// An observable value, and the hook that renders a component when it changes.
import { useEffect, useState } from 'preact/hooks'

/** The value is never changed in place, so that a component can compare it by identity. */
export class Store<T extends object> {
  #value: T
  readonly #listeners = new Set<() => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  /** Replaces some fields and notifies every listener. */
  change(part: Partial<T>): void {
    this.#value = { ...this.#value, ...part }
    for (const listener of this.#listeners) listener()
  }

  /** Returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

/** Renders the component again when the store changes. */
export function useStore<T extends object>(store: Store<T>): T {
  const [value, setValue] = useState(store.value)
  useEffect(() => {
    setValue(store.value)
    return store.subscribe(() => setValue(store.value))
  }, [store])
  return value
}
