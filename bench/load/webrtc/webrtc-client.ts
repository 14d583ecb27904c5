// The WebRTC transport of a member, as browsers have it: ICE checks, OpenSSL's DTLS, SRTP opened by code that the node does not use.
import { randomBytes } from 'node:crypto'
import type { WebrtcSelection } from '@parley/client'
import { ExtensionUri, encodeStunRequest, SrtpProfile } from '@parley/protocol'
import { stunMac } from '../../../packages/server/src/lane/crypto/stun-mac.ts'
import type { LoadSockets } from '../media/load-sockets.ts'
import { DtlsClient, type DtlsClients } from './dtls-client.ts'
import { materialLength, SrtpOpener } from './srtp-opener.ts'

/** Chromium's preferred profile. */
export const WEBRTC_PROFILE = SrtpProfile.AeadAes256Gcm
/** Chromium's payload type for Opus. */
export const WEBRTC_OPUS = 111
/** Chromium's numbers for the header extensions that the node supports. */
const EXTENSIONS = [`1 ${ExtensionUri.AudioLevel}`, `3 ${ExtensionUri.TransportSequence}`]

const UFRAG = 'load'
const STUN_RESPONSE = 0x0101
/** Milliseconds between retransmissions of checks and flights. */
const RETRANSMISSION_INTERVAL = 500
/** Milliseconds between checks after the connection is established (RFC 7675). */
const CONSENT_INTERVAL = 5_000
const PATIENCE = 20_000

type State =
  | { kind: 'checking' }
  | { kind: 'handshaking'; client: DtlsClient }
  | { kind: 'connected'; client: DtlsClient }
  | { kind: 'closed' }

export class WebrtcClient {
  readonly #sockets: LoadSockets
  readonly #socket: number
  readonly #clients: DtlsClients
  readonly #node: Int32Array
  readonly #check: Uint8Array
  readonly #done: (opener: SrtpOpener) => void
  #state: State = { kind: 'checking' }
  #timer: NodeJS.Timeout

  /** Select Protocol of the client; `audioSsrc` is the SSRC that it chose. */
  static selection(clients: DtlsClients, audioSsrc: number): WebrtcSelection {
    const credentials = [`ice-ufrag:${UFRAG}`, `ice-pwd:${'a'.repeat(24)}`, `fingerprint:${clients.fingerprint}`]
    const rest = [...EXTENSIONS.map(extension => `extmap:${extension}`), `rtpmap:${WEBRTC_OPUS} opus/48000/2`]
    const sdp = [...credentials, ...rest].map(line => `a=${line}`).join('\n')
    const opus = { name: 'opus', type: 'audio', priority: 1000, payload_type: WEBRTC_OPUS } as const
    return { protocol: 'webrtc', sdp, codecs: [opus], audioSsrc }
  }

  /** `opener` resolves after the handshake with the keys to open the node's packets. `answer` is the node's SDP fragment. */
  static connect(
    sockets: LoadSockets,
    socket: number,
    clients: DtlsClients,
    node: Int32Array,
    answer: string,
  ): { browser: WebrtcClient; opener: Promise<SrtpOpener> } {
    let browser: WebrtcClient | undefined
    const opener = new Promise<SrtpOpener>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('a WebRTC client did not connect in time')), PATIENCE)
      browser = new WebrtcClient(sockets, socket, clients, node, answer, found => {
        clearTimeout(late)
        resolve(found)
      })
    })
    return { browser: browser!, opener }
  }

  private constructor(
    sockets: LoadSockets,
    socket: number,
    clients: DtlsClients,
    node: Int32Array,
    answer: string,
    done: (opener: SrtpOpener) => void,
  ) {
    this.#sockets = sockets
    this.#socket = socket
    this.#clients = clients
    this.#node = node
    this.#done = done
    const password = Buffer.from(lineOf(answer, 'ice-pwd'))
    const username = `${lineOf(answer, 'ice-ufrag')}:${UFRAG}`
    const transaction = Uint8Array.from(randomBytes(12))
    this.#check = encodeStunRequest({ transaction, username, useCandidate: true }, password, stunMac)
    this.#send([this.#check])
    this.#timer = setInterval(() => this.#again(), RETRANSMISSION_INTERVAL)
  }

  /** Receives a datagram that is not media; returns false if it is neither STUN nor DTLS. */
  receive(bytes: Uint8Array): boolean {
    const isStun = bytes.length >= 20 && ((bytes[0]! << 8) | bytes[1]!) === STUN_RESPONSE
    const isDtls = bytes[0]! >= 20 && bytes[0]! <= 63
    if (isStun && this.#state.kind === 'checking') this.#begin()
    else if (isDtls && this.#state.kind === 'handshaking') this.#advance(this.#state.client, bytes)
    return isStun || isDtls
  }

  close(): void {
    clearInterval(this.#timer)
    if ('client' in this.#state) this.#state.client.close()
    this.#state = { kind: 'closed' }
  }

  #begin(): void {
    const client = new DtlsClient(this.#clients, materialLength(WEBRTC_PROFILE))
    this.#state = { kind: 'handshaking', client }
    this.#send(client.advance())
  }

  #advance(client: DtlsClient, bytes: Uint8Array): void {
    this.#send(client.advance(bytes))
    if (client.material === undefined) return
    this.#state = { kind: 'connected', client }
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.#again(), CONSENT_INTERVAL)
    this.#done(SrtpOpener.ofServer(WEBRTC_PROFILE, client.material))
  }

  #again(): void {
    if (this.#state.kind === 'handshaking') this.#send(this.#state.client.repeat())
    else this.#send([this.#check])
  }

  #send(datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) {
      this.#sockets.bytes.set(datagram, this.#sockets.claim(this.#socket))
      this.#sockets.queue(datagram.length, this.#node)
    }
    this.#sockets.flush()
  }
}

/** The value of an SDP attribute; throws if it is absent. */
function lineOf(sdp: string, name: string): string {
  const line = sdp.split('\n').find(each => each.startsWith(`a=${name}:`))
  if (line === undefined) throw new Error(`expected a=${name} in the node's answer`)
  return line.slice(name.length + 3).trim()
}
