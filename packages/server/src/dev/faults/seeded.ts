// Random numbers of faults: the same seed and name yield the same sequence, however many tests share the server.

/** Numbers from 0 up to, but not including, 1 (mulberry32 over an FNV-1a hash of seed and name). */
export function seeded(seed: number, name: string): () => number {
  let state = hash(`${seed}:${name}`)
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
