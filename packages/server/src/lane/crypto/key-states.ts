// Expanded keys outside the JavaScript heap: fixed-size states in blocks, handed out and erased one by one.
import { type MemoryCalls, NativeMemory, type Pointer } from '../engine/native-memory.ts'

/** States of one block. A block of AES-256-GCM states takes 64 KiB. */
const BLOCK = 128

export interface KeyState {
  readonly memory: NativeMemory
  /** Its place in `memory`. */
  readonly place: number
  readonly pointer: Pointer
}

export class KeyStates {
  readonly #calls: MemoryCalls
  readonly #size: number
  readonly #free: KeyState[] = []

  /** `size` is the length of one state in bytes. */
  constructor(calls: MemoryCalls, size: number) {
    this.#calls = calls
    this.#size = size
  }

  /** A state of zeros, aligned to 64 bytes. Throws if the system has no memory left. */
  take(): KeyState {
    return this.#free.pop() ?? this.#grow()
  }

  /** Erases a state and keeps its place for the next key. */
  release(state: KeyState): void {
    state.memory.bytes.fill(0, state.place, state.place + this.#size)
    this.#free.push(state)
  }

  #grow(): KeyState {
    const stride = Math.ceil(this.#size / 64) * 64
    // The scratch area that every memory has comes first.
    const memory = new NativeMemory(this.#calls, BLOCK * stride + 64)
    for (let index = 0; index < BLOCK; index++) {
      const place = memory.take(this.#size)
      this.#free.push({ memory, place, pointer: memory.pointer(place, this.#size) })
    }
    return this.#free.pop()!
  }
}
