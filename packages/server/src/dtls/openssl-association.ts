// One client's DTLS association: datagrams in, records out, and once the certificate is the expected one, SRTP's keys.
import type { DtlsAssociation, DtlsState, Fingerprint } from '@parley/core'
import { isSameBytes, SRTP_EXPORTER_LABEL, SRTP_LAYOUTS, srtpMaterialLength, srtpProfileOf } from '@parley/protocol'
import { packRecords } from './dtls-records.ts'
import type { Handle, Openssl, OpensslCalls } from './openssl-calls.ts'

/** What fits any path: IPv6's least MTU less its headers. */
const MTU = 1200
/** From the first datagram to the last of the handshake. */
const HANDSHAKE_TIMEOUT = 20_000
/** No handshake datagram is longer; what is, is no DTLS of ours. */
const LONGEST_DATAGRAM = 2_048

/** SSL_ctrl commands (ssl.h, dtls1.h). */
const SET_MTU = 17
const GET_TIMEOUT = 73
const HANDLE_TIMEOUT = 74
const HAS_EXTENDED_MASTER_SECRET = 122
/** BIO_ctrl: what an empty memory BIO returns; −1 is "try again", not an end. */
const SET_EMPTY_RETURN = 130
const BIO_PENDING = 10

const SSL_ERROR_WANT_READ = 2
const SSL_ERROR_ZERO_RETURN = 6

/** `struct timeval` on 64 bits. */
const TIMEVAL = 16
/** `srtp_protection_profile_st`: a name, and the number at 8. */
const PROFILE = 16

/** OpenSSL's names of the digests that SDP may name. Weaker ones are not believed. */
const DIGESTS: Readonly<Record<string, string>> = { 'sha-256': 'SHA256', 'sha-384': 'SHA384', 'sha-512': 'SHA512' }

export class OpensslAssociation implements DtlsAssociation {
  readonly #openssl: Openssl
  readonly #calls: OpensslCalls
  readonly #expected: Fingerprint
  readonly #handshakeUntil: number
  readonly #settled: () => void
  readonly #input: Handle
  readonly #output: Handle
  /** Undefined once it is freed. */
  #ssl: Handle | undefined
  #state: DtlsState = { kind: 'handshaking' }
  #deadline: number
  #datagrams: Uint8Array[] = []

  /** `settled` is called when the handshake is over, however it went. */
  constructor(openssl: Openssl, context: Handle, expected: Fingerprint, now: number, settled: () => void) {
    const { calls } = openssl
    this.#openssl = openssl
    this.#calls = calls
    this.#expected = expected
    this.#settled = settled
    this.#handshakeUntil = now + HANDSHAKE_TIMEOUT
    this.#deadline = this.#handshakeUntil
    const ssl = calls.SSL_new(context)
    if (ssl === 0) throw new Error('OpenSSL gave no DTLS association')
    this.#ssl = ssl
    this.#input = openMemory(calls)
    this.#output = openMemory(calls)
    calls.SSL_set_bio(ssl, this.#input, this.#output)
    calls.SSL_set_accept_state(ssl)
    calls.SSL_ctrl(ssl, SET_MTU, MTU, null)
    calls.DTLS_set_timer_cb(ssl, openssl.timer)
  }

  get state(): DtlsState {
    return this.#state
  }
  get deadline(): number {
    return this.#deadline
  }

  receive(datagram: Uint8Array, now: number): void {
    const ssl = this.#ssl
    if (ssl === undefined || datagram.length === 0 || datagram.length > LONGEST_DATAGRAM) return
    this.#calls.BIO_write(this.#input, datagram, datagram.length)
    if (this.#state.kind === 'handshaking') this.#handshake(ssl)
    if (this.#ssl !== undefined && this.#state.kind === 'connected') this.#read(ssl)
    this.#collect()
    this.#arm(now)
  }

  tick(now: number): void {
    const ssl = this.#ssl
    if (ssl === undefined || now < this.#deadline) return
    if (now >= this.#handshakeUntil) return this.#fail('the handshake took too long')
    this.#calls.ERR_clear_error()
    if (this.#calls.SSL_ctrl(ssl, HANDLE_TIMEOUT, 0, null) < 0) this.#fail('nothing was answered')
    this.#collect()
    this.#arm(now)
  }

  takeDatagrams(): readonly Uint8Array[] {
    const taken = this.#datagrams
    this.#datagrams = []
    return taken
  }

  close(): void {
    const ssl = this.#ssl
    if (ssl === undefined) return
    this.#calls.ERR_clear_error()
    if (this.#state.kind === 'connected') this.#calls.SSL_shutdown(ssl)
    this.#end('closed by the node')
  }

  #handshake(ssl: Handle): void {
    this.#calls.ERR_clear_error()
    const result = this.#calls.SSL_do_handshake(ssl)
    if (result === 1) this.#connected(ssl)
    else if (this.#calls.SSL_get_error(ssl, result) !== SSL_ERROR_WANT_READ) this.#fail(lastError(this.#calls))
  }

  /** OpenSSL has checked that the client holds its certificate's key; here it is compared with what signalling promised. */
  #connected(ssl: Handle): void {
    const profile = this.#profile(ssl)
    if (!this.#isExpected(ssl)) return this.#fail('another certificate than the fingerprint says')
    if (profile === undefined) return this.#fail('no SRTP profile in common')
    if (this.#calls.SSL_ctrl(ssl, HAS_EXTENDED_MASTER_SECRET, 0, null) !== 1)
      return this.#fail('no extended master secret')
    const material = new Uint8Array(srtpMaterialLength(SRTP_LAYOUTS[profile]))
    const label = SRTP_EXPORTER_LABEL
    const { SSL_export_keying_material: exportMaterial } = this.#calls
    if (exportMaterial(ssl, material, material.length, label, label.length, null, 0, 0) !== 1)
      return this.#fail('OpenSSL exported no keys')
    this.#state = { kind: 'connected', profile, material }
    this.#settled()
  }

  #profile(ssl: Handle) {
    const profile = this.#calls.SSL_get_selected_srtp_profile(ssl)
    if (profile === 0) return undefined
    const bytes = this.#openssl.read(profile, PROFILE)
    return srtpProfileOf(Number(new DataView(bytes.buffer).getBigUint64(8, true)))
  }

  #isExpected(ssl: Handle): boolean {
    const name = DIGESTS[this.#expected.algorithm]
    const certificate = this.#calls.SSL_get1_peer_certificate(ssl)
    if (certificate === 0) return false
    const digest = new Uint8Array(64)
    const length = new Uint32Array(1)
    const kind = name === undefined ? 0 : this.#calls.EVP_get_digestbyname(name)
    const isDone = kind !== 0 && this.#calls.X509_digest(certificate, kind, digest, length) === 1
    this.#calls.X509_free(certificate)
    return isDone && isSameBytes(digest.subarray(0, length[0]), this.#expected.bytes)
  }

  /** Data has no meaning here. Reading answers repeated flights, and brings alerts. */
  #read(ssl: Handle): void {
    const bytes = new Uint8Array(LONGEST_DATAGRAM)
    this.#calls.ERR_clear_error()
    for (;;) {
      const result = this.#calls.SSL_read(ssl, bytes, bytes.length)
      if (result > 0) continue
      const error = this.#calls.SSL_get_error(ssl, result)
      if (error === SSL_ERROR_WANT_READ) return
      return this.#fail(error === SSL_ERROR_ZERO_RETURN ? 'closed by the client' : lastError(this.#calls))
    }
  }

  /** A memory BIO keeps no borders between datagrams: what came out is cut at its records, and packed anew. */
  #collect(): void {
    if (this.#ssl === undefined) return
    const pending = this.#calls.BIO_ctrl(this.#output, BIO_PENDING, 0, null)
    if (pending <= 0) return
    const bytes = new Uint8Array(pending)
    const length = this.#calls.BIO_read(this.#output, bytes, bytes.length)
    if (length > 0) this.#datagrams.push(...packRecords(bytes.subarray(0, length), MTU))
  }

  #arm(now: number): void {
    if (this.#ssl === undefined || this.#state.kind !== 'handshaking') {
      this.#deadline = Infinity
      return
    }
    const left = new Uint8Array(TIMEVAL)
    const isSet = this.#calls.SSL_ctrl(this.#ssl, GET_TIMEOUT, 0, left) === 1
    const view = new DataView(left.buffer)
    const wait = Number(view.getBigInt64(0, true)) * 1_000 + Number(view.getBigInt64(8, true)) / 1_000
    // A millisecond more, so that OpenSSL's own clock agrees that it is time.
    this.#deadline = isSet ? Math.min(now + wait + 1, this.#handshakeUntil) : this.#handshakeUntil
  }

  #fail(reason: string): void {
    this.#end(reason)
  }

  #end(reason: string): void {
    if (this.#ssl === undefined) return
    this.#collect()
    this.#calls.SSL_free(this.#ssl)
    this.#calls.ERR_clear_error()
    this.#ssl = undefined
    this.#deadline = Infinity
    if (this.#state.kind === 'handshaking') this.#settled()
    this.#state = { kind: 'closed', reason }
  }
}

function openMemory(calls: OpensslCalls): Handle {
  const bio = calls.BIO_new(calls.BIO_s_mem())
  if (bio === 0) throw new Error('OpenSSL gave no memory BIO')
  calls.BIO_ctrl(bio, SET_EMPTY_RETURN, -1, null)
  return bio
}

/** OpenSSL's sentence for its oldest error, and none left behind for others that use it on this thread. */
function lastError(calls: OpensslCalls): string {
  const error = calls.ERR_get_error()
  const text = new Uint8Array(256)
  if (error !== 0) calls.ERR_error_string_n(error, text, text.length)
  calls.ERR_clear_error()
  const end = text.indexOf(0)
  return end > 0 ? String.fromCharCode(...text.subarray(0, end)) : 'the handshake failed'
}
