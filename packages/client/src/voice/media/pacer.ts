// Yields items at the moments at which they are due, without drift: every moment is computed from the start.
import { LIMITS } from '../../limits.ts'

/** Time source of `paced`, in milliseconds. */
export interface Clock {
  now(): number
  /** Resolves after `time`, or as soon as `signal` aborts. */
  sleep(time: number, signal?: AbortSignal): Promise<void>
}

/**
 * Yields each item when the durations of all items before it have passed. A source that falls behind by more than 200 ms
 * restarts the schedule instead of catching up in a burst.
 */
export async function* paced<T>(
  items: AsyncIterable<T> | Iterable<T>,
  /** Milliseconds that an item lasts. */
  duration: (item: T) => number,
  clock: Clock,
): AsyncGenerator<T, void, undefined> {
  let due = clock.now()
  for await (const item of items) {
    const early = due - clock.now()
    if (early > 0) await clock.sleep(early)
    else if (-early > LIMITS.paceLag) due = clock.now()
    yield item
    due += duration(item)
  }
  const rest = due - clock.now()
  if (rest > 0) await clock.sleep(rest)
}
