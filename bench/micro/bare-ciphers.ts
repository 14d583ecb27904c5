// What sealing one packet costs, without sockets: the bare calls of libsodium, the same through the node's ciphers, and OpenSSL's
// AES-128-GCM. The differences of the bare calls are a floor that the node's code cannot reduce.
import { createRequire } from 'node:module'
import { SlotCiphers } from '../../packages/server/src/lane/crypto/slot-ciphers.ts'
import { SrtpSlots } from '../../packages/server/src/lane/crypto/srtp-slots.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'
import { median } from '../statistics.ts'

const ROUNDS = Number(process.argv[2] ?? 100)
/** Packets of one measurement. */
const PACKETS = 2_000
/** Bytes of the clear header and of the payload. */
const HEADER = 12
const PAYLOAD = 120
const TAG = 16

const loaded = await Native.load()
if (!loaded.ok) throw new Error(loaded.reason)
const native = loaded.value
const { sodium } = native
if (sodium?.gcm === undefined) throw new Error('expected libsodium with AES-256-GCM on this system')
type Call = (...values: number[]) => number
/** The server's own FFI library. */
const koffi: { load(path: string): { func(name: string, result: string, parameters: string[]): Call } } = createRequire(
  new URL('../../packages/server/package.json', import.meta.url),
)('koffi')
const library = koffi.load('libsodium.so.23')
const bare = (name: string, parameters: string[]) => library.func(name, 'int', parameters)
const AEAD = ['size_t', 'size_t', 'size_t', 'uint64', 'size_t', 'uint64', 'size_t', 'size_t', 'size_t']
const gcm = bare('crypto_aead_aes256gcm_encrypt_afternm', AEAD)
const xchacha = bare('crypto_aead_xchacha20poly1305_ietf_encrypt', AEAD)
const hchacha = bare('crypto_core_hchacha20', ['size_t', 'size_t', 'size_t', 'size_t'])

const memory = new NativeMemory(native, 64 * 1024)
const ciphers = new SlotCiphers(native, memory, 'libsodium')
const srtp = new SrtpSlots(native, memory, ciphers)
const key = new Uint8Array(32).fill(7)
const place = (length: number) => {
  const start = memory.take(length)
  return { start, pointer: memory.pointer(start, length) }
}
const nonce = place(24)
const plain = place(PAYLOAD)
const out = place(HEADER + PAYLOAD + TAG)
const keyBytes = place(32)
const state = place(512)
memory.bytes.set(key, keyBytes.start)
sodium.expandGcmKey(memory, state.start, memory, keyBytes.start)

const gcmSlots = ciphers.make('aes-256-gcm', key)
const xchachaSlots = ciphers.make('xchacha20-poly1305', key)
const session = { key: key.slice(0, 16), salt: new Uint8Array(12), authentication: new Uint8Array(0) }
const layout = { id: 7, isGcm: true, keyLength: 16, saltLength: 12, tagLength: 16 } as const
const aes128 = srtp.make(layout, session, 'seal')
const nothing = new Uint8Array(0)

const body = out.start + HEADER
const bodyPointer = out.pointer + HEADER
/** Each packet has a nonce of its own, whose first word is `counter`. */
const VARIANTS: readonly [name: string, seal: (counter: number) => void][] = [
  [
    'libsodium AES-256-GCM, bare call',
    () => gcm(bodyPointer, 0, plain.pointer, PAYLOAD, out.pointer, HEADER, 0, nonce.pointer, state.pointer),
  ],
  [
    'libsodium XChaCha20-Poly1305, bare call',
    () => xchacha(bodyPointer, 0, plain.pointer, PAYLOAD, out.pointer, HEADER, 0, nonce.pointer, keyBytes.pointer),
  ],
  ['HChaCha20 of it', () => hchacha(out.pointer, nonce.pointer, keyBytes.pointer, 0)],
  ['AES-256-GCM of the node', () => gcmSlots.seal(out.start, HEADER, plain.start, PAYLOAD, body)],
  ['XChaCha20-Poly1305 of the node', () => xchachaSlots.seal(out.start, HEADER, plain.start, PAYLOAD, body)],
  [
    'AES-128-GCM of the node, OpenSSL',
    () => aes128.seal(memory.bytes, out.start, HEADER, plain.start, PAYLOAD, nothing, out.start + HEADER + PAYLOAD),
  ],
]

/** Microseconds of CPU per packet. */
function measure(seal: (counter: number) => void): number {
  const before = process.cpuUsage()
  for (let packet = 0; packet < PACKETS; packet++) {
    memory.words[nonce.start >> 2] = packet
    seal(packet)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / PACKETS
}

const figures = VARIANTS.map((): number[] => [])
for (let round = 0; round < ROUNDS; round++)
  for (const [index, [, seal]] of VARIANTS.entries()) figures[index]!.push(measure(seal))
const base = Math.min(...figures[0]!)
console.table(
  VARIANTS.map(([packet], index) => {
    const best = Math.min(...figures[index]!)
    return {
      packet,
      'least µs': best.toFixed(2),
      'median µs': median(figures[index]!).toFixed(2),
      'more than the first, µs': (best - base).toFixed(2),
    }
  }),
)
aes128.close?.()
gcmSlots.close()
xchachaSlots.close()
ciphers.close()
