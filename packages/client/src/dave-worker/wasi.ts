// The functions of WASI preview 1 that the DAVE library calls: random bytes, the clock, and output when it fails.

const SUCCESS = 0
const NANOSECONDS = 1_000_000n
/** The longest request of crypto.getRandomValues. */
const MOST_RANDOM_BYTES = 65_536

/** `clockid` 0 is the real-time clock; the others count from a moment of their own. */
const clock = (id: number): number => (id === 0 ? Date.now() : performance.now())

/** The imports of `wasi_snapshot_preview1`. Numbers are offsets in the memory. */
export function wasiImports(memory: { readonly buffer: ArrayBufferLike }) {
  const view = () => new DataView(memory.buffer)
  return {
    random_get(at: number, length: number): number {
      for (let done = 0; done < length; done += MOST_RANDOM_BYTES) {
        // Browsers fill no shared memory.
        const random = crypto.getRandomValues(new Uint8Array(Math.min(MOST_RANDOM_BYTES, length - done)))
        new Uint8Array(memory.buffer, at + done, random.length).set(random)
      }
      return SUCCESS
    },
    clock_time_get(id: number, _precision: bigint, at: number): number {
      view().setBigUint64(at, BigInt(Math.round(clock(id))) * NANOSECONDS, true)
      return SUCCESS
    },
    environ_get: (): number => SUCCESS,
    environ_sizes_get(count: number, size: number): number {
      view().setUint32(count, 0, true)
      view().setUint32(size, 0, true)
      return SUCCESS
    },
    /** The library prints only why it fails. Each vector is an address and a length. */
    fd_write(_file: number, vectors: number, count: number, written: number): number {
      const parts = Array.from({ length: count }, (_, index) => {
        const at = view().getUint32(vectors + index * 8, true)
        return new Uint8Array(memory.buffer, at, view().getUint32(vectors + index * 8 + 4, true)).slice()
      })
      view().setUint32(
        written,
        parts.reduce((sum, { length }) => sum + length, 0),
        true,
      )
      console.error(parts.map(part => new TextDecoder().decode(part)).join(''))
      return SUCCESS
    },
    proc_exit(code: number): never {
      throw new Error(`the DAVE library ended with code ${code}`)
    },
    sched_yield: (): number => SUCCESS,
  }
}
