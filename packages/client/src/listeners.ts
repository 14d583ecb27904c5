// Typed event listeners of the clients.

/** `Events` maps each event name to the argument of its listeners. */
export class Listeners<Events extends object> {
  /** By event: each listener and the function to call for it. */
  readonly #listeners = new Map<keyof Events, Map<(event: never) => void, (event: never) => void>>()

  /** Calls `listener` at every event. Adding it twice has no further effect. */
  on<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    this.#add(event, listener, listener)
  }

  /** Removes a listener, however it was added. */
  off<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    this.#listeners.get(event)?.delete(listener)
  }

  /** Calls `listener` at the next event only. */
  once<E extends keyof Events>(event: E, listener: (event: Events[E]) => void): void {
    this.#add(event, listener, argument => {
      this.off(event, listener)
      listener(argument)
    })
  }

  /** An error thrown by a listener becomes an uncaught exception, without interrupting the emitter. */
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
    // A permanent listener is not replaced by a one-time registration.
    if (listeners.get(listener) !== listener) listeners.set(listener, called)
  }
}
