// Gives out one thing after the other at the moments they are due, without drift: each moment is counted from the start.

/** How far behind a source may fall before its time starts anew, rather than being caught up with in one burst. */
const LATEST = 200

/** What `paced` needs of the world; milliseconds. */
export interface Clock {
  now(): number
  sleep(time: number): Promise<void>
}

/** Yields each item when the ones before it have lasted as long as `duration` says, in milliseconds. */
export async function* paced<T>(
  items: AsyncIterable<T> | Iterable<T>,
  duration: (item: T) => number,
  clock: Clock,
): AsyncGenerator<T, void, undefined> {
  let due = clock.now()
  for await (const item of items) {
    const early = due - clock.now()
    if (early > 0) await clock.sleep(early)
    else if (-early > LATEST) due = clock.now()
    yield item
    due += duration(item)
  }
  const rest = due - clock.now()
  if (rest > 0) await clock.sleep(rest)
}
