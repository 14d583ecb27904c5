// A promise that its creator settles.

/** A promise with the functions that settle it. The first call counts; later ones have no effect. */
export interface Deferred {
  promise: Promise<void>
  resolve(): void
  reject(error: Error): void
}

export function deferred(): Deferred {
  const parts: Partial<Deferred> = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts as Deferred
}
