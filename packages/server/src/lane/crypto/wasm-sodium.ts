// The libsodium of the package, compiled to WebAssembly, on its own memory: its wrappers allocate and copy more than the ciphers take.
import sodium from 'libsodium-wrappers'

/** Pointers and lengths are numbers; a 64-bit length is two of them, the low half first. Results are 0 if all is well. */
interface Functions {
  /** Its memory. Replaced when it grows, so that it must not be kept. */
  readonly HEAPU8: Uint8Array
  _malloc(size: number): number
  _crypto_aead_xchacha20poly1305_ietf_encrypt(
    out: number,
    outLength: 0,
    message: number,
    messageLength: number,
    messageLengthHigh: 0,
    clear: number,
    clearLength: number,
    clearLengthHigh: 0,
    secretNonce: 0,
    nonce: number,
    key: number,
  ): number
  _crypto_aead_xchacha20poly1305_ietf_decrypt(
    out: number,
    outLength: 0,
    secretNonce: 0,
    sealed: number,
    sealedLength: number,
    sealedLengthHigh: 0,
    clear: number,
    clearLength: number,
    clearLengthHigh: 0,
    nonce: number,
    key: number,
  ): number
  _crypto_secretbox_easy(
    out: number,
    message: number,
    messageLength: number,
    messageLengthHigh: 0,
    nonce: number,
    key: number,
  ): number
  _crypto_secretbox_open_easy(
    out: number,
    sealed: number,
    sealedLength: number,
    sealedLengthHigh: 0,
    nonce: number,
    key: number,
  ): number
}

/** Bytes of each of the four areas below. */
const AREA = 4096

/** The functions, and places in their memory for what goes in and out. */
export interface Sodium {
  readonly functions: Functions
  /** Key, then nonce at NONCE, then clear part at CLEAR. */
  readonly parameters: number
  readonly input: number
  readonly output: number
}
/** Offsets within `parameters`. */
export const NONCE = 64
export const CLEAR = 128
/** The longest message, and the longest clear part, that fits. */
export const LONGEST_MESSAGE = AREA
export const LONGEST_CLEAR = AREA - CLEAR

let loaded: Sodium | undefined

/** Loads libsodium once per thread. */
export async function loadSodium(): Promise<void> {
  await sodium.ready
  if (loaded !== undefined) return
  const functions = (sodium as unknown as { libsodium?: Functions }).libsodium
  if (typeof functions?._crypto_aead_xchacha20poly1305_ietf_encrypt !== 'function')
    throw new Error('expected libsodium-wrappers to expose the functions of libsodium, found none')
  const areas = functions._malloc(3 * AREA)
  loaded = { functions, parameters: areas, input: areas + AREA, output: areas + 2 * AREA }
}

/** What was loaded. */
export function loadedSodium(): Sodium {
  if (loaded === undefined) throw new Error('expected libsodium to be loaded before it is used')
  return loaded
}
