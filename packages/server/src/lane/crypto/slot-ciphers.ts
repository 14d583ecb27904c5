// The three ciphers of the seven modes on native memory: for two of them the system's libsodium or OpenSSL's contexts, for the
// legacy one the libsodium of the package.
// A place is an offset in `NativeMemory`: no pointer and no view is created per packet.
import { PROTECTION_TAG_LENGTH, type ProtectionCipher } from '@parley/protocol'
import type { Native, NativeCipher } from '../engine/native-calls.ts'
import type { NativeMemory, Pointer } from '../engine/native-memory.ts'
import { GCM_STATE, type NativeSodium, type SodiumAead } from '../engine/native-sodium.ts'
import { hchacha20 } from './hchacha20.ts'
import { type KeyState, KeyStates } from './key-states.ts'
import { makePacketCipher, type PacketCipher } from './protection.ts'

const KEY = 32
/** Bytes of the nonces that the AEAD of OpenSSL and that of libsodium take. */
const NONCE = 12
const SODIUM_NONCE = 24
const KEPT_KEY = -1

/** A cipher with its key. All packets are places in native memory. */
export interface SlotCipher {
  /** To be filled before each packet; what its mode does not fill stays zero. */
  readonly nonce: Uint8Array
  /** Of a cipher that is one call: the key, for `SlotCiphers.oneCall`. */
  readonly oneCall?: { readonly pointer: Pointer; readonly isXchacha: boolean } | undefined
  /** Writes the body of `length` bytes of plaintext to `out`. Returns false if the cipher failed, which it should not. */
  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean
  /** Opens the body of `length` bytes at `body` in place. Returns false, and leaves anything there, if it does not verify. */
  open(clear: number, clearLength: number, body: number, length: number): boolean
  /** Forgets the key. */
  close(): void
}

/** Where what changes with each packet is, for all peers. */
interface Places {
  /** SODIUM_NONCE bytes, of which GCM reads the first NONCE. Only the first four are ever set, by every mode. */
  readonly nonce: number
  /** KEY bytes: a key while a cipher is created, and XChaCha20's subkey of the packet in progress. */
  readonly key: number
  /** NONCE zero bytes: the nonce of the ChaCha20-Poly1305 inside XChaCha20. */
  readonly zeros: number
}

/** Which library seals and opens AES-256-GCM and XChaCha20-Poly1305. */
export type Aead = 'libsodium' | 'openssl'

/** libsodium where the system has it and the processor can run its AES-256-GCM. */
export const chooseAead = ({ sodium }: Pick<Native, 'sodium'>): Aead =>
  sodium?.gcm === undefined ? 'openssl' : 'libsodium'

/** The system's libsodium, with the keys that are in use. */
interface Sodium {
  readonly calls: NativeSodium
  readonly gcm: SodiumAead
  readonly gcmStates: KeyStates
  readonly xchachaKeys: KeyStates
}

/** Creates ciphers that share places for what changes with each packet. */
export class SlotCiphers {
  readonly #native: Native
  readonly #memory: NativeMemory
  readonly #places: Places
  /** The first NONCE bytes at the place of the nonce. */
  readonly #nonce: Uint8Array
  readonly #sodium: Sodium | undefined
  /** XChaCha20 changes its key with every packet, so with OpenSSL all peers share one context each way. */
  readonly #chacha: { seal: NativeCipher; open: NativeCipher }

  /** Throws if `aead` is libsodium and this system lacks it. */
  constructor(native: Native, memory: NativeMemory, aead: Aead = chooseAead(native)) {
    this.#native = native
    this.#memory = memory
    const places = { nonce: memory.take(SODIUM_NONCE), key: memory.take(KEY), zeros: memory.take(NONCE) }
    this.#places = places
    this.#nonce = memory.bytes.subarray(places.nonce, places.nonce + NONCE)
    const open = (isSeal: boolean) => native.openCipher(memory, 'chacha20-poly1305', isSeal, places.key)
    this.#chacha = { seal: open(true), open: open(false) }
    if (aead === 'openssl') return
    const { sodium } = native
    if (sodium?.gcm === undefined) throw new Error('expected libsodium with AES-256-GCM on this system')
    this.#sodium = {
      calls: sodium,
      gcm: sodium.gcm,
      gcmStates: new KeyStates(native, GCM_STATE),
      xchachaKeys: new KeyStates(native, KEY),
    }
  }

  /** The cipher of one peer. `close` must be called, because native memory is not garbage-collected. */
  make(cipher: ProtectionCipher, key: Uint8Array): SlotCipher {
    if (key.length !== KEY) throw new RangeError(`expected a key of ${KEY} bytes, found ${key.length}`)
    switch (cipher) {
      case 'aes-256-gcm':
        return this.#makeGcm(key)
      case 'xchacha20-poly1305':
        return this.#makeXchacha(key)
      case 'xsalsa20-poly1305':
        return new SodiumSlots(this.#memory, makePacketCipher(cipher, key))
    }
  }

  /** libsodium's AEADs, and the place of their nonce; undefined with OpenSSL. */
  get oneCall(): { gcm: SodiumAead; xchacha: SodiumAead; nonce: number } | undefined {
    const sodium = this.#sodium
    return sodium && { gcm: sodium.gcm, xchacha: sodium.calls.xchacha, nonce: this.#places.nonce }
  }

  close(): void {
    this.#chacha.seal.close()
    this.#chacha.open.close()
  }

  /** AES-256-GCM of libsodium with `nonce`, 12 bytes of the memory; undefined with OpenSSL. The key passes through a shared place. */
  makeOneCallGcm(key: Uint8Array, nonce: Uint8Array): SlotCipher | undefined {
    if (this.#sodium === undefined) return undefined
    const memory = this.#memory
    const place = this.#places.key
    const { calls, gcm, gcmStates } = this.#sodium
    memory.bytes.set(key, place)
    try {
      const state = gcmStates.take()
      calls.expandGcmKey(state.memory, state.place, memory, place)
      return new SodiumAeadSlots(memory, gcm, gcmStates, state, nonce, false)
    } finally {
      memory.bytes.fill(0, place, place + KEY)
    }
  }

  /** The key passes through a shared place, which is erased whether or not creation succeeds. */
  #makeGcm(key: Uint8Array): SlotCipher {
    const oneCall = this.makeOneCallGcm(key, this.#nonce)
    if (oneCall !== undefined) return oneCall
    const place = this.#places.key
    const memory = this.#memory
    memory.bytes.set(key, place)
    try {
      const open = (isSeal: boolean) => this.#native.openCipher(memory, 'aes-256-gcm', isSeal, place)
      return new GcmSlots(open(true), open(false), this.#nonce)
    } finally {
      memory.bytes.fill(0, place, place + KEY)
    }
  }

  /** With libsodium the key itself is the state; with OpenSSL a subkey is derived per packet. */
  #makeXchacha(key: Uint8Array): SlotCipher {
    const sodium = this.#sodium
    if (sodium === undefined) return new XchachaSlots(this.#memory, this.#chacha, key, this.#places, this.#nonce)
    const state = sodium.xchachaKeys.take()
    state.memory.bytes.set(key, state.place)
    const { xchacha } = sodium.calls
    return new SodiumAeadSlots(this.#memory, xchacha, sodium.xchachaKeys, state, this.#nonce, true)
  }
}

/** An AEAD of libsodium. The key of both directions is one state. */
class SodiumAeadSlots implements SlotCipher {
  readonly nonce: Uint8Array
  readonly #memory: NativeMemory
  readonly #aead: SodiumAead
  readonly #states: KeyStates
  readonly #nonce: number
  readonly #isXchacha: boolean
  /** Undefined once it is closed: its place may hold another peer's key then. */
  #state: KeyState | undefined

  constructor(
    memory: NativeMemory,
    aead: SodiumAead,
    states: KeyStates,
    state: KeyState,
    nonce: Uint8Array,
    isXchacha: boolean,
  ) {
    this.#isXchacha = isXchacha
    this.nonce = nonce
    this.#nonce = nonce.byteOffset
    this.#memory = memory
    this.#aead = aead
    this.#states = states
    this.#state = state
  }

  get oneCall() {
    const { pointer } = opened(this.#state)
    return { pointer, isXchacha: this.#isXchacha }
  }

  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean {
    const { pointer } = opened(this.#state)
    return this.#aead.seal(this.#memory, pointer, this.#nonce, clear, clearLength, plain, length, out)
  }
  open(clear: number, clearLength: number, body: number, length: number): boolean {
    const { pointer } = opened(this.#state)
    return this.#aead.open(this.#memory, pointer, this.#nonce, clear, clearLength, body, length - PROTECTION_TAG_LENGTH)
  }
  close(): void {
    if (this.#state !== undefined) this.#states.release(this.#state)
    this.#state = undefined
  }
}

function opened(state: KeyState | undefined): KeyState {
  if (state === undefined) throw new Error('expected an open cipher')
  return state
}

/** OpenSSL's AES-256-GCM: one context for each direction. */
class GcmSlots implements SlotCipher {
  readonly nonce: Uint8Array
  readonly #seal: NativeCipher
  readonly #open: NativeCipher
  readonly #nonce: number

  constructor(seal: NativeCipher, open: NativeCipher, nonce: Uint8Array) {
    this.nonce = nonce
    this.#nonce = nonce.byteOffset
    this.#seal = seal
    this.#open = open
  }

  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean {
    return this.#seal.seal(KEPT_KEY, this.#nonce, clear, clearLength, plain, length, out)
  }
  open(clear: number, clearLength: number, body: number, length: number): boolean {
    return this.#open.open(KEPT_KEY, this.#nonce, clear, clearLength, body, length - PROTECTION_TAG_LENGTH)
  }
  close(): void {
    this.#seal.close()
    this.#open.close()
  }
}

/** Of the nonce's 24 bytes only the first four are ever set: HChaCha20 takes 16 of them, and what remains is zero. */
class XchachaSlots implements SlotCipher {
  readonly nonce: Uint8Array
  readonly #words: Int32Array
  readonly #key = new Int32Array(KEY / 4)
  readonly #chacha: { seal: NativeCipher; open: NativeCipher }
  readonly #places: Places

  constructor(
    memory: NativeMemory,
    chacha: { seal: NativeCipher; open: NativeCipher },
    key: Uint8Array,
    places: Places,
    nonce: Uint8Array,
  ) {
    this.nonce = nonce
    this.#words = memory.words
    this.#chacha = chacha
    this.#places = places
    new Uint8Array(this.#key.buffer).set(key)
  }

  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean {
    this.#deriveKey()
    const { key, zeros } = this.#places
    return this.#chacha.seal.seal(key, zeros, clear, clearLength, plain, length, out)
  }
  open(clear: number, clearLength: number, body: number, length: number): boolean {
    this.#deriveKey()
    const { key, zeros } = this.#places
    return this.#chacha.open.open(key, zeros, clear, clearLength, body, length - PROTECTION_TAG_LENGTH)
  }
  close(): void {
    this.#key.fill(0)
  }

  /** Writes the subkey for the present nonce into the shared place. */
  #deriveKey(): void {
    const { nonce, key } = this.#places
    hchacha20(this.#key, this.#words[nonce >> 2]!, this.#words, key >> 2)
  }
}

/** The legacy cipher, over the WebAssembly libsodium: slower, and for old bots only. */
class SodiumSlots implements SlotCipher {
  readonly nonce = new Uint8Array(SODIUM_NONCE)
  readonly #bytes: Uint8Array
  readonly #cipher: PacketCipher

  constructor(memory: NativeMemory, cipher: PacketCipher) {
    this.#bytes = memory.bytes
    this.#cipher = cipher
  }

  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean {
    const bytes = this.#bytes
    const header = bytes.subarray(clear, clear + clearLength)
    this.#cipher.seal(this.nonce, header, bytes.subarray(plain, plain + length), bytes, out)
    return true
  }
  open(_clear: number, clearLength: number, body: number, length: number): boolean {
    return this.#cipher.open(this.nonce, this.#bytes, clearLength, body, length)
  }
  close(): void {}
}
