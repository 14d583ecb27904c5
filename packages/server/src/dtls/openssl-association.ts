// One client's DTLS association: datagrams in, datagrams out, and SRTP keys once the certificate matches the fingerprint.
// OpenSSL reads from and writes to memory BIOs; the lane's socket carries the datagrams. The state leaves `handshaking`
// once, and a closed association ignores every input. OpenSSL's part takes 50 to 100 kB: it is freed when the client must have
// received the last flight, and from then on `AlertRecords` reads and writes the alerts.
import type { DtlsAssociation, DtlsState, Fingerprint } from '@parley/core'
import { isSameBytes, SRTP_EXPORTER_LABEL, SRTP_LAYOUTS, srtpMaterialLength } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'
import { AlertRecords } from './alert-records.ts'
import { packRecords } from './dtls-records.ts'
import { EarlyRecords } from './early-records.ts'
import type { Handle, Openssl, OpensslCalls } from './openssl-calls.ts'

/** SSL_ctrl commands (ssl.h, dtls1.h). */
const SET_MTU = 17
const GET_TIMEOUT = 73
const HANDLE_TIMEOUT = 74
const HAS_EXTENDED_MASTER_SECRET = 122
/** BIO_ctrl: the result of reading an empty memory BIO; −1 means retry, not end of file. */
const SET_EMPTY_RETURN = 130
const BIO_PENDING = 10

const SSL_ERROR_WANT_READ = 2
const SSL_ERROR_ZERO_RETURN = 6

/** `struct timeval` on 64 bits. */
const TIMEVAL = 16
const MASTER_SECRET = 48
const RANDOM = 32

/** Called by an association, each once at most. */
export interface AssociationObserver {
  /** The handshake has ended, successful or not. */
  settled(): void
  /** OpenSSL's memory is free while the association goes on. */
  released(): void
}

/**
 * Created by `OpensslDtls.accept`, owned by a `WebrtcTransport`. `close` or a failure frees OpenSSL's memory; after
 * that nothing is called.
 */
export class OpensslAssociation implements DtlsAssociation {
  readonly #openssl: Openssl
  readonly #calls: OpensslCalls
  readonly #expected: Fingerprint
  readonly #handshakeUntil: number
  readonly #observer: AssociationObserver
  readonly #early = new EarlyRecords()
  /** When OpenSSL's part is freed at the latest; known once the handshake is complete. */
  #keptUntil = Infinity
  /** Memory BIOs: what arrived, and what is to be sent. `SSL_free` frees both. */
  readonly #input: Handle
  readonly #output: Handle
  /** Undefined after it is freed. */
  #ssl: Handle | undefined
  /** From the time at which OpenSSL's part is freed until the end. */
  #alerts: AlertRecords | undefined
  #state: DtlsState = { kind: 'handshaking' }
  #deadline: number
  #datagrams: Uint8Array[] = []

  constructor(openssl: Openssl, context: Handle, expected: Fingerprint, now: number, observer: AssociationObserver) {
    const { calls } = openssl
    this.#openssl = openssl
    this.#calls = calls
    this.#expected = expected
    this.#observer = observer
    this.#handshakeUntil = timerAt(now + SERVER_LIMITS.handshakeTimeout)
    this.#deadline = this.#handshakeUntil
    const ssl = calls.SSL_new(context)
    if (ssl === 0) throw new Error('OpenSSL cannot create a DTLS association')
    this.#ssl = ssl
    this.#input = openMemory(openssl)
    this.#output = openMemory(openssl)
    calls.SSL_set_bio(ssl, this.#input, this.#output)
    calls.SSL_set_accept_state(ssl)
    calls.SSL_ctrl(ssl, SET_MTU, SERVER_LIMITS.dtlsMtu, null)
    calls.DTLS_set_timer_cb(ssl, openssl.timer)
  }

  get state(): DtlsState {
    return this.#state
  }
  get deadline(): number {
    return this.#deadline
  }

  /** Feeds one datagram. An empty one, and one that is too long for DTLS, is ignored. */
  receive(datagram: Uint8Array, now: number): void {
    if (this.#alerts !== undefined) return this.#receiveAlert(this.#alerts, datagram)
    const ssl = this.#ssl
    if (ssl === undefined || datagram.length > SERVER_LIMITS.maxDtlsDatagram) return
    const length = this.#state.kind === 'handshaking' ? this.#early.admit(datagram) : datagram.length
    if (length === 0) return
    this.#calls.BIO_write(this.#input, datagram, length)
    if (this.#state.kind === 'handshaking') this.#handshake(ssl)
    if (this.#ssl !== undefined && this.#state.kind === 'connected') {
      this.#keptUntil = Math.min(this.#keptUntil, now + SERVER_LIMITS.dtlsFlightKeptMost)
      this.#deadline = timerAt(Math.min(now + SERVER_LIMITS.dtlsFlightKept, this.#keptUntil))
      this.#read(ssl)
    }
    this.#collect()
    this.#releaseBuffers()
    this.#arm(now)
  }

  /** Retransmits the last flight, or gives up after `SERVER_LIMITS.handshakeTimeout`; later frees OpenSSL's part. */
  tick(now: number): void {
    const ssl = this.#ssl
    if (ssl === undefined || now < this.#deadline) return
    if (this.#state.kind === 'connected') return this.#release(ssl)
    if (now >= this.#handshakeUntil) return this.#end('handshake timeout')
    this.#calls.ERR_clear_error()
    if (this.#calls.SSL_ctrl(ssl, HANDLE_TIMEOUT, 0, null) < 0) this.#end('no answer to retransmissions')
    this.#collect()
    this.#arm(now)
  }

  /** Datagrams to send, in order, since the last call. */
  takeDatagrams(): readonly Uint8Array[] {
    const taken = this.#datagrams
    this.#datagrams = []
    return taken
  }

  /** Sends close_notify if the handshake was complete. */
  close(): void {
    if (this.#alerts !== undefined) this.#datagrams.push(this.#alerts.closeNotify())
    const ssl = this.#ssl
    if (ssl === undefined) return this.#end('closed by the node')
    this.#calls.ERR_clear_error()
    // OpenSSL writes an alert without looking whether its buffers exist.
    if (this.#state.kind === 'connected' && this.#calls.SSL_alloc_buffers(ssl) === 1) this.#calls.SSL_shutdown(ssl)
    this.#end('closed by the node')
  }

  /** Advances the handshake. The queue of errors is cleared first: SSL_get_error reads what others left there. */
  #handshake(ssl: Handle): void {
    this.#calls.ERR_clear_error()
    const result = this.#calls.SSL_do_handshake(ssl)
    if (result === 1) this.#connected(ssl)
    else if (this.#calls.SSL_get_error(ssl, result) !== SSL_ERROR_WANT_READ) this.#end(lastError(this.#calls))
  }

  /** OpenSSL has verified that the client holds its certificate's key; here the certificate is compared with the fingerprint in SDP. */
  #connected(ssl: Handle): void {
    const profile = this.#openssl.srtpProfile(this.#calls.SSL_get_selected_srtp_profile(ssl))
    if (!this.#isExpected(ssl)) return this.#end('the certificate does not match the fingerprint')
    if (profile === undefined) return this.#end('no common SRTP profile')
    if (this.#calls.SSL_ctrl(ssl, HAS_EXTENDED_MASTER_SECRET, 0, null) !== 1)
      return this.#end('no extended master secret')
    const material = new Uint8Array(srtpMaterialLength(SRTP_LAYOUTS[profile]))
    const label = SRTP_EXPORTER_LABEL
    const { SSL_export_keying_material: exportMaterial } = this.#calls
    if (exportMaterial(ssl, material, material.length, label, label.length, null, 0, 0) !== 1)
      return this.#end('OpenSSL cannot export keys')
    this.#state = { kind: 'connected', profile, material }
    this.#observer.settled()
  }

  /**
   * Whether the client's certificate has the fingerprint of its SDP (RFC 8122 §5). That binds the association to the
   * signalling.
   */
  #isExpected(ssl: Handle): boolean {
    const certificate = this.#calls.SSL_get1_peer_certificate(ssl)
    if (certificate === 0) return false
    const digest = new Uint8Array(64)
    const length = new Uint32Array(1)
    const kind = this.#openssl.digests.get(this.#expected.algorithm) ?? 0
    const isDone = kind !== 0 && this.#calls.X509_digest(certificate, kind, digest, length) === 1
    this.#calls.X509_free(certificate)
    return isDone && isSameBytes(digest.subarray(0, length[0]), this.#expected.bytes)
  }

  /** Application data is ignored. Reading processes alerts and answers retransmitted flights. */
  #read(ssl: Handle): void {
    const bytes = new Uint8Array(SERVER_LIMITS.maxDtlsDatagram)
    this.#calls.ERR_clear_error()
    if (this.#calls.SSL_alloc_buffers(ssl) !== 1) return this.#end('OpenSSL has no memory for its buffers')
    for (;;) {
      const result = this.#calls.SSL_read(ssl, bytes, bytes.length)
      if (result > 0) continue
      const error = this.#calls.SSL_get_error(ssl, result)
      if (error === SSL_ERROR_WANT_READ) return
      return this.#end(error === SSL_ERROR_ZERO_RETURN ? 'closed by the client' : lastError(this.#calls))
    }
  }

  /** What OpenSSL still would do is to answer retransmissions of the client's last flight. By now no client waits for them. */
  #release(ssl: Handle): void {
    const calls = this.#calls
    const secrets = {
      master: new Uint8Array(MASTER_SECRET),
      clientRandom: new Uint8Array(RANDOM),
      serverRandom: new Uint8Array(RANDOM),
    }
    const lengths = [
      calls.SSL_SESSION_get_master_key(calls.SSL_get_session(ssl), secrets.master, MASTER_SECRET),
      calls.SSL_get_client_random(ssl, secrets.clientRandom, RANDOM),
      calls.SSL_get_server_random(ssl, secrets.serverRandom, RANDOM),
    ]
    if (lengths.join() !== [MASTER_SECRET, RANDOM, RANDOM].join()) return this.#end('OpenSSL cannot export its secrets')
    this.#alerts = new AlertRecords(secrets)
    secrets.master.fill(0)
    this.#free(ssl)
    this.#observer.released()
  }

  #receiveAlert(alerts: AlertRecords, datagram: Uint8Array): void {
    const reason = alerts.read(datagram)
    if (reason !== undefined) this.#end(reason)
  }

  /** After the handshake few datagrams arrive; the buffers for one take 34 kB. OpenSSL keeps them while they hold something. */
  #releaseBuffers(): void {
    if (this.#ssl !== undefined && this.#state.kind === 'connected') this.#calls.SSL_free_buffers(this.#ssl)
  }

  /** A memory BIO does not preserve datagrams: its output is split into records and packed into datagrams again. */
  #collect(): void {
    if (this.#ssl === undefined) return
    const pending = this.#calls.BIO_ctrl(this.#output, BIO_PENDING, 0, null)
    if (pending <= 0) return
    const bytes = new Uint8Array(pending)
    const length = this.#calls.BIO_read(this.#output, bytes, bytes.length)
    if (length > 0) this.#datagrams.push(...packRecords(bytes.subarray(0, length), SERVER_LIMITS.dtlsMtu))
  }

  /** Asks OpenSSL for its retransmission timer, which stops at the end of the handshake. */
  #arm(now: number): void {
    if (this.#ssl === undefined || this.#state.kind !== 'handshaking') return
    const left = new Uint8Array(TIMEVAL)
    const isSet = this.#calls.SSL_ctrl(this.#ssl, GET_TIMEOUT, 0, left) === 1
    const view = new DataView(left.buffer)
    const wait = Number(view.getBigInt64(0, true)) * 1_000 + Number(view.getBigInt64(8, true)) / 1_000
    // Plus a millisecond, so that the timer has expired by OpenSSL's clock too.
    this.#deadline = isSet ? Math.min(timerAt(now + wait + 1), this.#handshakeUntil) : this.#handshakeUntil
  }

  /** Frees the association. What it still had to say (an alert, close_notify) stays available to `takeDatagrams`. */
  #end(reason: string): void {
    if (this.#state.kind === 'closed') return
    if (this.#ssl !== undefined) this.#free(this.#ssl)
    this.#alerts = undefined
    if (this.#state.kind === 'handshaking') this.#observer.settled()
    this.#state = { kind: 'closed', reason }
  }

  #free(ssl: Handle): void {
    this.#collect()
    this.#calls.SSL_free(ssl)
    this.#calls.ERR_clear_error()
    this.#ssl = undefined
    this.#deadline = Infinity
  }
}

/** When a timer for the moment `at` expires: see `dtlsTimerStep`. */
const timerAt = (at: number): number => Math.ceil(at / SERVER_LIMITS.dtlsTimerStep) * SERVER_LIMITS.dtlsTimerStep

/** A BIO that reports an empty buffer as "retry", as a socket does. */
function openMemory({ calls, memoryBio }: Openssl): Handle {
  const bio = calls.BIO_new(memoryBio)
  if (bio === 0) throw new Error('OpenSSL cannot create a memory BIO')
  calls.BIO_ctrl(bio, SET_EMPTY_RETURN, -1, null)
  return bio
}

/** Text of OpenSSL's oldest error. Clears the queue, which other users of OpenSSL on this thread read too. */
function lastError(calls: OpensslCalls): string {
  const error = calls.ERR_get_error()
  const text = new Uint8Array(256)
  if (error !== 0) calls.ERR_error_string_n(error, text, text.length)
  calls.ERR_clear_error()
  const end = text.indexOf(0)
  return end > 0 ? String.fromCharCode(...text.subarray(0, end)) : 'the handshake failed'
}
