// Typed events for the clients: who listens to what.

/** `Events` maps each event's name to the one argument of its listeners. */
export class Listeners<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>()

  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
  }

  off<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    this.#listeners.get(event)?.delete(listener)
  }

  once<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    const first = (argument: Events[E]) => {
      this.off(event, first)
      listener(argument)
    }
    this.on(event, first)
  }

  /** What a listener throws is told as an uncaught error, but not amid the work of whoever emits. */
  emit<E extends keyof Events>(event: E, argument: Events[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        ;(listener as (event: Events[E]) => void)(argument)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
