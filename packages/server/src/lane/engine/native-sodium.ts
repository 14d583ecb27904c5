// FFI signatures of libsodium's one-call AEAD, from the system's shared library, through koffi. As in native-calls.ts,
// the calls are unchecked: every place and length is checked here.
import type { NativeMemory, Pointer } from './native-memory.ts'

/** Names of the library, newest ABI first: 1.0.19 and later, 1.0.12 to 1.0.18. */
const LIBRARIES = ['libsodium.so.26', 'libsodium.so.23']

const TAG = 16
const GCM_NONCE = 12
const XCHACHA_NONCE = 24
const GCM_KEY = 32
/** Bytes of `crypto_aead_aes256gcm_state`: the expanded key and the powers of the hash key. */
export const GCM_STATE = 512

/** `c` and `m` are 64-bit pointers and lengths; the pointers to lengths and to the secret nonce are always null. */
const SEAL = ['int', 'size_t', 'size_t', 'size_t', 'uint64', 'size_t', 'uint64', 'size_t', 'size_t', 'size_t'] as const
const OPEN = ['int', 'size_t', 'size_t', 'size_t', 'size_t', 'uint64', 'size_t', 'uint64', 'size_t', 'size_t'] as const
const SIGNATURES = {
  sodium_init: ['int'],
  crypto_aead_aes256gcm_is_available: ['int'],
  crypto_aead_aes256gcm_statebytes: ['size_t'],
  crypto_aead_aes256gcm_beforenm: ['int', 'size_t', 'size_t'],
  crypto_aead_aes256gcm_encrypt_afternm: SEAL,
  crypto_aead_aes256gcm_decrypt_afternm: OPEN,
  crypto_aead_xchacha20poly1305_ietf_encrypt: SEAL,
  crypto_aead_xchacha20poly1305_ietf_decrypt: OPEN,
} as const
type Call = (...values: number[]) => number
type Calls = Record<keyof typeof SIGNATURES, Call>

interface Library {
  func(name: string, result: string, parameters: string[]): unknown
}

/** Undefined if no library can be loaded, it lacks a function, or it fails to initialize. */
export function loadSodium(koffi: { load(path: string): Library }): NativeSodium | undefined {
  for (const name of LIBRARIES) {
    try {
      const library = koffi.load(name)
      const calls = Object.entries(SIGNATURES).map(([name, [result, ...parameters]]) => [
        name,
        library.func(name, result, [...parameters]) as Call,
      ])
      const sodium = Object.fromEntries(calls) as Calls
      // 0: initialized now; 1: initialized before.
      if (sodium.sodium_init() >= 0) return new NativeSodium(sodium)
    } catch {
      // Not installed under this name; try the next one.
    }
  }
  return undefined
}

/** libsodium's two AEADs, as far as this processor supports them. */
export class NativeSodium {
  readonly #calls: Calls
  /** Undefined without the instructions that libsodium's AES-256-GCM needs: it has no slower variant. */
  readonly gcm: SodiumAead | undefined
  readonly xchacha: SodiumAead

  constructor(calls: Calls) {
    this.#calls = calls
    const hasGcm =
      calls.crypto_aead_aes256gcm_is_available() === 1 && calls.crypto_aead_aes256gcm_statebytes() === GCM_STATE
    if (hasGcm)
      this.gcm = new SodiumAead(
        calls.crypto_aead_aes256gcm_encrypt_afternm,
        calls.crypto_aead_aes256gcm_decrypt_afternm,
        GCM_NONCE,
      )
    this.xchacha = new SodiumAead(
      calls.crypto_aead_xchacha20poly1305_ietf_encrypt,
      calls.crypto_aead_xchacha20poly1305_ietf_decrypt,
      XCHACHA_NONCE,
    )
  }

  /** Writes the state of the 32-byte key at `key` to the GCM_STATE bytes at `state`, which are aligned to 16. */
  expandGcmKey(states: NativeMemory, state: number, memory: NativeMemory, key: number): void {
    this.#calls.crypto_aead_aes256gcm_beforenm(states.pointer(state, GCM_STATE), memory.pointer(key, GCM_KEY))
  }
}

/** One AEAD. Keys are pointers: for AES-256-GCM to a state of `expandGcmKey`, for XChaCha20-Poly1305 to 32 bytes. */
export class SodiumAead {
  readonly #encrypt: Call
  readonly #decrypt: Call
  readonly #nonceLength: number

  constructor(encrypt: Call, decrypt: Call, nonceLength: number) {
    this.#encrypt = encrypt
    this.#decrypt = decrypt
    this.#nonceLength = nonceLength
  }

  /** Encrypts `length` bytes at `plain` to `out`, and writes the tag behind them. Everything but the key is a place in `memory`. */
  seal(
    memory: NativeMemory,
    key: Pointer,
    nonce: number,
    clear: number,
    clearLength: number,
    plain: number,
    length: number,
    out: number,
  ): boolean {
    const target = memory.pointer(out, length + TAG)
    const source = memory.pointer(plain, length)
    const header = memory.pointer(clear, clearLength)
    const noncePointer = memory.pointer(nonce, this.#nonceLength)
    return this.#encrypt(target, 0, source, length, header, clearLength, 0, noncePointer, key) === 0
  }

  /** Decrypts `length` bytes and the tag behind them, in place. Returns false, and leaves garbage, if the tag does not verify. */
  open(
    memory: NativeMemory,
    key: Pointer,
    nonce: number,
    clear: number,
    clearLength: number,
    body: number,
    length: number,
  ): boolean {
    const target = memory.pointer(body, length + TAG)
    const header = memory.pointer(clear, clearLength)
    const noncePointer = memory.pointer(nonce, this.#nonceLength)
    return this.#decrypt(target, 0, 0, target, length + TAG, header, clearLength, noncePointer, key) === 0
  }
}
