// Waiting for what another process or library does, without guessing how long it takes.
import { inspect } from 'node:util'

/** Resolves when the condition holds; rejects, saying what was waited for, after `limit` milliseconds. */
export async function until(what: string, holds: () => boolean, limit = 10_000): Promise<void> {
  const end = performance.now() + limit
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Resolves with the first value read that fits; rejects, saying what was waited for and found. */
export async function untilFits<T>(
  what: string,
  read: () => T | Promise<T>,
  fits: (value: T) => boolean,
  limit = 15_000,
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
