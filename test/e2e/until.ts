// Waiting for what another process or library does, without guessing how long it takes.

/** Resolves when the condition holds; rejects, saying what was waited for, after `limit` milliseconds. */
export async function until(what: string, holds: () => boolean, limit = 10_000): Promise<void> {
  const end = performance.now() + limit
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
