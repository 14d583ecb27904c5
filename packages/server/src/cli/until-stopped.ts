// What ends a command that runs in the foreground: a signal, or its time.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** The longest timeout Node.js takes. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

export interface Stop {
  /** Resolves with what came first: a signal, the end of the time, or a call of `now`. */
  readonly asked: Promise<'signal' | 'time' | 'now'>
  now(): void
}

/** `time` in milliseconds. From the first signal on, another one ends the process at once, as signals do. */
export function untilStopped(time?: number): Stop {
  const { promise: asked, resolve } = withResolvers<'signal' | 'time' | 'now'>()
  const stop = (reason: 'signal' | 'time' | 'now') => {
    clearTimeout(timer)
    for (const signal of SIGNALS) process.off(signal, onSignal)
    resolve(reason)
  }
  const onSignal = () => stop('signal')
  for (const signal of SIGNALS) process.on(signal, onSignal)
  const timer = time === undefined ? undefined : setTimeout(() => stop('time'), Math.min(time, LONGEST_TIMEOUT))
  return { asked, now: () => stop('now') }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(done => {
    resolve = done
  })
  return { promise, resolve }
}
