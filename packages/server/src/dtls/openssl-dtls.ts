// DTLS 1.2 on the OpenSSL inside Node.js: one context per node, one association per client, memory buffers instead of sockets.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { type Dtls, type DtlsAssociation, type Fingerprint, ok, type Result } from '@parley/core'
import { SrtpProfile } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'
import { OpensslAssociation } from './openssl-association.ts'
import { type Handle, loadOpenssl, type Openssl, type OpensslCalls } from './openssl-calls.ts'

/** The only cipher suite: every browser and library offers it. */
const SUITE = 'ECDHE-ECDSA-AES128-GCM-SHA256'
/** Without ML-KEM: it lengthens the handshake, and OpenSSL of Node.js 20 lacks it. */
const GROUPS = 'X25519:P-256'
const DTLS_1_2 = 0xfefd
/** SSL_CTX_ctrl commands (ssl.h). */
const SET_SESSION_CACHE = 44
const SET_LONGEST_MESSAGE = 51
const SET_GROUPS = 92
const SET_LOWEST_VERSION = 123
const SET_HIGHEST_VERSION = 124
/** SSL_OP_*: no query of the path MTU, no tickets, no compression, no renegotiation. */
const OPTIONS = 0x1000 | 0x4000 | 0x2_0000 | 0x4000_0000
/** SSL_VERIFY_*: the client must present a certificate. */
const VERIFY_PEER_REQUIRED = 1 | 2
const EVP_PKEY_EC = 408

/** Milliseconds until freed memory is returned. That takes 1 to 2 ms at a thousand clients, so it is done for many at once. */
const TRIM_DELAY = 5_000

/** Microseconds: first retransmission after 200 ms, then doubled up to 4 s. */
const TIMER = { first: 200_000, max: 4_000_000 }

export interface OpensslDtlsOptions {
  /** PEM. Browsers verify its fingerprint only. */
  cert: string
  key: string
}

/**
 * One context for all clients of a node: certificate, suite, SRTP profiles. `createServer` opens it; without it there
 * is no WebRTC.
 */
export class OpensslDtls implements Dtls {
  readonly fingerprint: string
  readonly #openssl: Openssl
  readonly #context: Handle
  #handshakes = 0
  /** Runs while there is memory to return. */
  #trim: NodeJS.Timeout | undefined

  /** Refused with the reason if this system has no usable OpenSSL. */
  static async open(options: OpensslDtlsOptions): Promise<Result<OpensslDtls>> {
    const openssl = await loadOpenssl(TIMER)
    return openssl.ok ? ok(new OpensslDtls(openssl.value, options)) : openssl
  }

  private constructor(openssl: Openssl, { cert, key }: OpensslDtlsOptions) {
    const certificate = new X509Certificate(cert).raw
    this.fingerprint = `sha-256 ${colonHex(createHash('sha256').update(certificate).digest())}`
    this.#openssl = openssl
    this.#context = openContext(openssl, certificate, key)
  }

  /** Handshakes in progress. */
  get handshakes(): number {
    return this.#handshakes
  }

  /** A new association in the server role. `expected` is the fingerprint of the client's SDP. */
  accept(expected: Fingerprint, now: number): DtlsAssociation {
    const association = new OpensslAssociation(this.#openssl, this.#context, expected, now, {
      settled: () => this.#handshakes--,
      released: () => this.#associationReleased(),
    })
    this.#handshakes++
    return association
  }

  /** What OpenSSL frees lies between other memory, and would stay with the process: a third of what a client takes. */
  #associationReleased(): void {
    this.#trim ??= setTimeout(() => {
      this.#trim = undefined
      this.#openssl.trim()
    }, TRIM_DELAY).unref()
  }

  /** Frees the context. Open associations keep working. */
  close(): void {
    clearTimeout(this.#trim)
    this.#openssl.calls.SSL_CTX_free(this.#context)
  }
}

/** Throws if OpenSSL rejects a part of the configuration, which a different version of OpenSSL could do. */
function openContext({ calls, acceptAnyChain }: Openssl, certificate: Uint8Array, key: string): Handle {
  const context = calls.SSL_CTX_new(calls.DTLS_server_method())
  if (context === 0) throw new Error('OpenSSL cannot create a DTLS context')
  const ec = createPrivateKey(key).export({ type: 'sec1', format: 'der' })
  assertAccepted('certificate', calls.SSL_CTX_use_certificate_ASN1(context, certificate.length, certificate) === 1)
  assertAccepted('private key', calls.SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, context, ec, ec.length) === 1)
  assertAccepted('cipher suite', calls.SSL_CTX_set_cipher_list(context, SUITE) === 1)
  assertAccepted(
    'SRTP profiles',
    calls.SSL_CTX_set_tlsext_use_srtp(context, Object.values(SrtpProfile).join(':')) === 0,
  )
  restrict(calls, context)
  calls.SSL_CTX_set_verify(context, VERIFY_PEER_REQUIRED, 0)
  calls.SSL_CTX_set_cert_verify_callback(context, acceptAnyChain, 0)
  return context
}

/** DTLS 1.2 only, with the groups and options above, without sessions to resume, and with a bound on messages. */
function restrict(calls: OpensslCalls, context: Handle): void {
  const groups = Buffer.from(`${GROUPS}\0`)
  assertAccepted('groups', calls.SSL_CTX_ctrl(context, SET_GROUPS, 0, groups) === 1)
  assertAccepted('version', calls.SSL_CTX_ctrl(context, SET_LOWEST_VERSION, DTLS_1_2, null) === 1)
  assertAccepted('version', calls.SSL_CTX_ctrl(context, SET_HIGHEST_VERSION, DTLS_1_2, null) === 1)
  calls.SSL_CTX_ctrl(context, SET_SESSION_CACHE, 0, null)
  // SSL_CTX_set_max_cert_list: OpenSSL reserves as much for each message of which a part has arrived.
  calls.SSL_CTX_ctrl(context, SET_LONGEST_MESSAGE, SERVER_LIMITS.maxDtlsMessage, null)
  calls.SSL_CTX_set_options(context, OPTIONS)
}

function assertAccepted(what: string, isAccepted: boolean): void {
  if (!isAccepted) throw new Error(`OpenSSL rejects the ${what} for DTLS`)
}

const colonHex = (bytes: Uint8Array) =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0').toUpperCase()).join(':')
