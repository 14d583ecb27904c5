// Typed event listeners of the clients.

/** `Events` maps each event name to the argument of its listeners. */
export class Listeners<Events extends object> {
  /** By event: each listener and the function to call for it. */
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
