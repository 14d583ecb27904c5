// End of a foreground command: a signal, or its duration.

import { SERVER_LIMITS } from '../limits.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** How a command is stopped, and how it stops itself. */
export interface Stop {
  /** Resolves with the first of a signal, the end of the time, and a call of `now`. */
  readonly asked: Promise<'signal' | 'time' | 'now'>
  now(): void
}

/** `time` in milliseconds. After the first signal, a second one ends the process at once. */
export function untilStopped(time?: number): Stop {
  const { promise: asked, resolve } = withResolvers<'signal' | 'time' | 'now'>()
  const stop = (reason: 'signal' | 'time' | 'now') => {
    clearTimeout(timer)
    for (const signal of SIGNALS) process.off(signal, onSignal)
    resolve(reason)
  }
  const onSignal = () => stop('signal')
  for (const signal of SIGNALS) process.on(signal, onSignal)
  const timer =
    time === undefined ? undefined : setTimeout(() => stop('time'), Math.min(time, SERVER_LIMITS.maxTimeout))
  return { asked, now: () => stop('now') }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(done => {
    resolve = done
  })
  return { promise, resolve }
}
