// DTLS clients for loads: OpenSSL's client role on memory BIOs, up to the keys that it exports for SRTP.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { packRecords } from '../../../packages/server/src/dtls/dtls-records.ts'
import { type Handle, loadOpenssl, type Openssl } from '../../../packages/server/src/dtls/openssl-calls.ts'
import { selfSignedCertificate } from '../../../packages/server/src/net/self-signed.ts'

const MTU = 1200
const NO_QUERY_MTU = 0x1000
const SET_MTU = 17
const SET_EMPTY_RETURN = 130
const HANDLE_TIMEOUT = 74
const BIO_PENDING = 10
const EVP_PKEY_EC = 408
const TIMER = { first: 200_000, max: 4_000_000 }
const LABEL = 'EXTRACTOR-dtls_srtp'

/** The certificate and the profile that all clients share. */
export class DtlsClients {
  /** Value of the SDP attribute. */
  readonly fingerprint: string
  readonly openssl: Openssl
  readonly context: Handle

  private constructor(openssl: Openssl, profile: string) {
    const { calls } = openssl
    const { cert, key } = selfSignedCertificate()
    const der = new X509Certificate(cert).raw
    const ec = createPrivateKey(key).export({ type: 'sec1', format: 'der' })
    const digest = createHash('sha256').update(der).digest('hex').toUpperCase()
    this.fingerprint = `sha-256 ${digest.match(/../g)!.join(':')}`
    this.openssl = openssl
    this.context = calls.SSL_CTX_new(calls.DTLS_client_method())
    calls.SSL_CTX_use_certificate_ASN1(this.context, der.length, der)
    calls.SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, this.context, ec, ec.length)
    calls.SSL_CTX_set_tlsext_use_srtp(this.context, profile)
    calls.SSL_CTX_set_options(this.context, NO_QUERY_MTU)
  }

  /** Throws if OpenSSL cannot be called. */
  static async open(profile: string): Promise<DtlsClients> {
    const openssl = await loadOpenssl(TIMER)
    if (!openssl.ok) throw new Error(`no DTLS client: ${openssl.reason}`)
    return new DtlsClients(openssl.value, profile)
  }

  close(): void {
    this.openssl.calls.SSL_CTX_free(this.context)
  }
}

export class DtlsClient {
  readonly #clients: DtlsClients
  readonly #ssl: Handle
  readonly #input: Handle
  readonly #output: Handle
  readonly #materialLength: number
  /** Exported keying material, after the handshake. */
  material: Uint8Array | undefined

  constructor(clients: DtlsClients, materialLength: number) {
    const { calls, timer } = clients.openssl
    this.#clients = clients
    this.#materialLength = materialLength
    this.#ssl = calls.SSL_new(clients.context)
    this.#input = calls.BIO_new(calls.BIO_s_mem())
    this.#output = calls.BIO_new(calls.BIO_s_mem())
    for (const bio of [this.#input, this.#output]) calls.BIO_ctrl(bio, SET_EMPTY_RETURN, -1, null)
    calls.SSL_set_bio(this.#ssl, this.#input, this.#output)
    calls.SSL_set_connect_state(this.#ssl)
    calls.SSL_ctrl(this.#ssl, SET_MTU, MTU, null)
    calls.DTLS_set_timer_cb(this.#ssl, timer)
  }

  /** Continues the handshake with a datagram, or starts it without one. Returns the datagrams to send. */
  advance(datagram?: Uint8Array): Uint8Array[] {
    const { calls } = this.#clients.openssl
    if (datagram !== undefined) calls.BIO_write(this.#input, datagram, datagram.length)
    if (this.material === undefined && calls.SSL_do_handshake(this.#ssl) === 1) this.material = this.#export()
    return this.#collect()
  }

  /** Returns the datagrams of a flight whose retransmission timer has expired. */
  repeat(): Uint8Array[] {
    this.#clients.openssl.calls.SSL_ctrl(this.#ssl, HANDLE_TIMEOUT, 0, null)
    return this.#collect()
  }

  close(): void {
    this.#clients.openssl.calls.SSL_free(this.#ssl)
  }

  #export(): Uint8Array {
    const material = new Uint8Array(this.#materialLength)
    const { SSL_export_keying_material: exportMaterial } = this.#clients.openssl.calls
    if (exportMaterial(this.#ssl, material, material.length, LABEL, LABEL.length, null, 0, 0) !== 1)
      throw new Error('OpenSSL cannot export keys')
    return material
  }

  #collect(): Uint8Array[] {
    const { calls } = this.#clients.openssl
    const bytes = new Uint8Array(Math.max(0, calls.BIO_ctrl(this.#output, BIO_PENDING, 0, null)))
    const length = bytes.length === 0 ? 0 : calls.BIO_read(this.#output, bytes, bytes.length)
    return length > 0 ? packRecords(bytes.subarray(0, length), MTU) : []
  }
}
