// Waits for conditions that another process or library fulfils. The limits are for a machine with many busy processes; a
// condition that holds sooner resolves at once.
import { inspect } from 'node:util'

const LIMIT = 60_000

/** Resolves when the condition holds; rejects, naming what it waited for, after `limit` milliseconds. */
export async function until(what: string, holds: () => boolean, limit = LIMIT): Promise<void> {
  const end = performance.now() + limit
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Resolves with the first value read that fits; rejects, naming what it waited for and found. */
export async function untilFits<T>(
  what: string,
  read: () => T | Promise<T>,
  fits: (value: T) => boolean,
  limit = LIMIT,
): Promise<T> {
  const end = performance.now() + limit
  for (;;) {
    const value = await read()
    if (fits(value)) return value
    if (performance.now() > end)
      throw new Error(`waited ${limit} ms for ${what}, found ${inspect(value, { depth: 5, breakLength: Infinity })}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
