// The FFI signatures for DTLS: the OpenSSL inside the Node.js executable, through koffi. Cold path: typed arrays are passed
// directly, and each length is that of the array beside it.
import { ok, type Result, refused } from '@parley/core'
import { type SrtpProfile, srtpProfileOf } from '@parley/protocol'

/** A pointer of OpenSSL as a number, exact below 2^53. 0 is null. */
export type Handle = number
type Bytes = Uint8Array | null

/**
 * The functions of OpenSSL that DTLS needs, with their names. Handles are pointers; results are OpenSSL's, mostly 1 for
 * success.
 */
export interface OpensslCalls {
  DTLS_server_method(): Handle
  /** The client's role, for the load generator and tests. */
  DTLS_client_method(): Handle
  SSL_CTX_new(method: Handle): Handle
  SSL_CTX_free(context: Handle): void
  SSL_CTX_ctrl(context: Handle, command: number, number: number, pointer: Bytes): number
  SSL_CTX_set_options(context: Handle, options: number): number
  SSL_CTX_set_cipher_list(context: Handle, ciphers: string): number
  SSL_CTX_set_tlsext_use_srtp(context: Handle, profiles: string): number
  SSL_CTX_use_certificate_ASN1(context: Handle, length: number, der: Uint8Array): number
  SSL_CTX_use_PrivateKey_ASN1(kind: number, context: Handle, der: Uint8Array, length: number): number
  SSL_CTX_set_verify(context: Handle, mode: number, callback: Handle): void
  SSL_CTX_set_cert_verify_callback(context: Handle, callback: bigint, argument: Handle): void
  SSL_new(context: Handle): Handle
  SSL_free(ssl: Handle): void
  SSL_set_bio(ssl: Handle, read: Handle, write: Handle): void
  SSL_set_accept_state(ssl: Handle): void
  SSL_set_connect_state(ssl: Handle): void
  SSL_ctrl(ssl: Handle, command: number, number: number, pointer: Bytes): number
  DTLS_set_timer_cb(ssl: Handle, callback: bigint): void
  SSL_do_handshake(ssl: Handle): number
  SSL_read(ssl: Handle, bytes: Uint8Array, length: number): number
  SSL_shutdown(ssl: Handle): number
  SSL_alloc_buffers(ssl: Handle): number
  SSL_free_buffers(ssl: Handle): number
  SSL_get_error(ssl: Handle, result: number): number
  SSL_get_selected_srtp_profile(ssl: Handle): Handle
  SSL_export_keying_material(
    ssl: Handle,
    out: Uint8Array,
    length: number,
    label: string,
    labelLength: number,
    context: Bytes,
    contextLength: number,
    useContext: number,
  ): number
  SSL_get_session(ssl: Handle): Handle
  SSL_SESSION_get_master_key(session: Handle, out: Uint8Array, length: number): number
  SSL_get_client_random(ssl: Handle, out: Uint8Array, length: number): number
  SSL_get_server_random(ssl: Handle, out: Uint8Array, length: number): number
  SSL_get1_peer_certificate(ssl: Handle): Handle
  X509_digest(certificate: Handle, digest: Handle, out: Uint8Array, length: Uint32Array): number
  X509_free(certificate: Handle): void
  EVP_get_digestbyname(name: string): Handle
  BIO_new(method: Handle): Handle
  BIO_s_mem(): Handle
  BIO_ctrl(bio: Handle, command: number, number: number, pointer: Bytes): number
  BIO_read(bio: Handle, bytes: Uint8Array, length: number): number
  BIO_write(bio: Handle, bytes: Uint8Array, length: number): number
  BIO_free(bio: Handle): number
  ERR_clear_error(): void
  ERR_get_error(): number
  ERR_error_string_n(error: number, text: Uint8Array, length: number): void
}

const BYTES = 'uint8_t *'
/**
 * The C types of the same functions, result first, as koffi reads them. Pointers are `size_t`, except where bytes are
 * passed.
 */
const SIGNATURES: Record<keyof OpensslCalls, readonly [result: string, ...parameters: string[]]> = {
  DTLS_server_method: ['size_t'],
  DTLS_client_method: ['size_t'],
  SSL_CTX_new: ['size_t', 'size_t'],
  SSL_CTX_free: ['void', 'size_t'],
  SSL_CTX_ctrl: ['long', 'size_t', 'int', 'long', BYTES],
  SSL_CTX_set_options: ['uint64_t', 'size_t', 'uint64_t'],
  SSL_CTX_set_cipher_list: ['int', 'size_t', 'str'],
  SSL_CTX_set_tlsext_use_srtp: ['int', 'size_t', 'str'],
  SSL_CTX_use_certificate_ASN1: ['int', 'size_t', 'int', BYTES],
  SSL_CTX_use_PrivateKey_ASN1: ['int', 'int', 'size_t', BYTES, 'long'],
  SSL_CTX_set_verify: ['void', 'size_t', 'int', 'size_t'],
  SSL_CTX_set_cert_verify_callback: ['void', 'size_t', 'void *', 'size_t'],
  SSL_new: ['size_t', 'size_t'],
  SSL_free: ['void', 'size_t'],
  SSL_set_bio: ['void', 'size_t', 'size_t', 'size_t'],
  SSL_set_accept_state: ['void', 'size_t'],
  SSL_set_connect_state: ['void', 'size_t'],
  SSL_ctrl: ['long', 'size_t', 'int', 'long', BYTES],
  DTLS_set_timer_cb: ['void', 'size_t', 'void *'],
  SSL_do_handshake: ['int', 'size_t'],
  SSL_read: ['int', 'size_t', BYTES, 'int'],
  SSL_shutdown: ['int', 'size_t'],
  SSL_alloc_buffers: ['int', 'size_t'],
  SSL_free_buffers: ['int', 'size_t'],
  SSL_get_error: ['int', 'size_t', 'int'],
  SSL_get_selected_srtp_profile: ['size_t', 'size_t'],
  SSL_export_keying_material: ['int', 'size_t', BYTES, 'size_t', 'str', 'size_t', BYTES, 'size_t', 'int'],
  SSL_get_session: ['size_t', 'size_t'],
  SSL_SESSION_get_master_key: ['size_t', 'size_t', BYTES, 'size_t'],
  SSL_get_client_random: ['size_t', 'size_t', BYTES, 'size_t'],
  SSL_get_server_random: ['size_t', 'size_t', BYTES, 'size_t'],
  SSL_get1_peer_certificate: ['size_t', 'size_t'],
  X509_digest: ['int', 'size_t', 'size_t', BYTES, 'uint32_t *'],
  X509_free: ['void', 'size_t'],
  EVP_get_digestbyname: ['size_t', 'str'],
  BIO_new: ['size_t', 'size_t'],
  BIO_s_mem: ['size_t'],
  BIO_ctrl: ['long', 'size_t', 'int', 'long', BYTES],
  BIO_read: ['int', 'size_t', BYTES, 'int'],
  BIO_write: ['int', 'size_t', BYTES, 'int'],
  BIO_free: ['int', 'size_t'],
  ERR_clear_error: ['void'],
  ERR_get_error: ['ulong'],
  ERR_error_string_n: ['void', 'ulong', BYTES, 'size_t'],
}

/** OpenSSL's names of the digests accepted in SDP. */
const DIGESTS = { 'sha-256': 'SHA256', 'sha-384': 'SHA384', 'sha-512': 'SHA512' }

/** `srtp_protection_profile_st`: a name, and the profile's number. */
const PROFILE = 16
const PROFILE_NUMBER = 8

/** The calls, two callbacks for OpenSSL, and what needs to be looked up once only. */
export interface Openssl {
  readonly calls: OpensslCalls
  /** Accepts every certificate chain; the fingerprint is verified after the handshake. */
  readonly acceptAnyChain: bigint
  /** The retransmission timer: `first` µs, then doubled up to `max`. */
  readonly timer: bigint
  /** The method of memory BIOs. */
  readonly memoryBio: Handle
  /** OpenSSL's digests by their names in SDP; weaker ones are rejected. */
  readonly digests: ReadonlyMap<string, Handle>
  /** The profile at a pointer of SSL_get_selected_srtp_profile; undefined for null, and if it is not supported. */
  srtpProfile(handle: Handle): SrtpProfile | undefined
  /** Returns freed memory of the process to the system: `malloc_trim` of glibc. Other C libraries do it by themselves or never. */
  trim(): void
}

/** Loads the calls; refused with the reason if they are unavailable. `timer` is in microseconds. */
export async function loadOpenssl(timer: { first: number; max: number }): Promise<Result<Openssl>> {
  try {
    const { default: koffi } = await import('koffi')
    const library = koffi.load(null)
    const functions = Object.entries(SIGNATURES).map(([name, [result, ...parameters]]) => [
      name,
      library.func(name, result, parameters),
    ])
    const calls = Object.fromEntries(functions) as OpensslCalls
    const verify = koffi.pointer(koffi.proto('int (size_t context, size_t argument)'))
    const next = koffi.pointer(koffi.proto('unsigned int (size_t ssl, unsigned int last)'))
    return ok({
      calls,
      acceptAnyChain: koffi.register(() => 1, verify),
      timer: koffi.register(
        (_ssl: number, last: number) => (last === 0 ? timer.first : Math.min(last * 2, timer.max)),
        next,
      ),
      memoryBio: calls.BIO_s_mem(),
      digests: new Map(Object.entries(DIGESTS).map(([name, digest]) => [name, calls.EVP_get_digestbyname(digest)])),
      srtpProfile: srtpProfiles(handle => new DataView(koffi.view(handle, PROFILE)).getBigUint64(PROFILE_NUMBER, true)),
      trim: trimOf(library),
    })
  } catch (error) {
    return refused(error instanceof Error ? error.message.split('\n')[0]! : String(error))
  }
}

/** OpenSSL's profiles are entries of a constant table, so that a pointer stands for one profile: each is read once. */
function srtpProfiles(numberAt: (handle: Handle) => bigint): Openssl['srtpProfile'] {
  const known = new Map<Handle, SrtpProfile | undefined>([[0, undefined]])
  return handle => {
    if (!known.has(handle)) known.set(handle, srtpProfileOf(Number(numberAt(handle))))
    return known.get(handle)
  }
}

function trimOf(library: { func(name: string, result: string, parameters: string[]): (keep: number) => unknown }) {
  try {
    const trim = library.func('malloc_trim', 'int', ['size_t'])
    return () => void trim(0)
  } catch {
    return () => {}
  }
}
