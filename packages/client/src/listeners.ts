// Typed events for the clients: who listens to what.

/** `Events` maps each event's name to the one argument of its listeners. */
export class Listeners<Events extends object> {
  /** Each listener, and what is called for it. */
  readonly #listeners = new Map<keyof Events, Map<(event: never) => void, (event: never) => void>>()

  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    this.#add(event, listener, listener)
  }

  off<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    this.#listeners.get(event)?.delete(listener)
  }

  once<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    this.#add(event, listener, argument => {
      this.off(event, listener)
      listener(argument)
    })
  }

  /** What a listener throws is told as an uncaught error, but not amid the work of whoever emits. */
  emit<E extends keyof Events>(event: E, argument: Events[E]): void {
    for (const listener of [...(this.#listeners.get(event)?.values() ?? [])]) {
      try {
        ;(listener as (event: Events[E]) => void)(argument)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #add<E extends keyof Events>(
    event: E,
    listener: (event: Events[E]) => void,
    called: (event: Events[E]) => void,
  ): void {
    const listeners = this.#listeners.get(event) ?? new Map()
    this.#listeners.set(event, listeners)
    // Who listens always need not listen once as well.
    if (listeners.get(listener) !== listener) listeners.set(listener, called)
  }
}
