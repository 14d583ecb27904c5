// A member of a load who comes as browsers do: ICE checks, OpenSSL's DTLS, SRTP that other code than the node's opens.
import { randomBytes } from 'node:crypto'
import type { WebrtcSelection } from '@parley/client'
import { ExtensionUri, encodeStunRequest, SrtpProfile } from '@parley/protocol'
import { stunMac } from '../../../packages/server/src/lane/crypto/stun-mac.ts'
import type { LoadSockets } from '../media/load-sockets.ts'
import { DtlsClient, type DtlsClients } from './dtls-client.ts'
import { materialLength, SrtpOpener } from './srtp-opener.ts'

/** What Chromium chooses first. */
export const BROWSER_PROFILE = SrtpProfile.AeadAes128Gcm
/** What it calls Opus, and how it numbers the extensions that the node knows. */
export const BROWSER_OPUS = 111
const EXTENSIONS = [`1 ${ExtensionUri.AudioLevel}`, `3 ${ExtensionUri.TransportSequence}`]

const UFRAG = 'load'
const STUN_RESPONSE = 0x0101
/** Until the node has answered, and after that, so that it knows that somebody is there. */
const IMPATIENCE = 500
const CONSENT_INTERVAL = 5_000
const PATIENCE = 20_000

type State =
  | { kind: 'checking' }
  | { kind: 'handshaking'; client: DtlsClient }
  | { kind: 'connected'; client: DtlsClient }
  | { kind: 'closed' }

export class Browser {
  readonly #sockets: LoadSockets
  readonly #socket: number
  readonly #clients: DtlsClients
  readonly #node: Int32Array
  readonly #check: Uint8Array
  readonly #done: (opener: SrtpOpener) => void
  #state: State = { kind: 'checking' }
  #timer: NodeJS.Timeout

  /** What to select; `audioSsrc` is the browser's own. */
  static selection(clients: DtlsClients, audioSsrc: number): WebrtcSelection {
    const credentials = [`ice-ufrag:${UFRAG}`, `ice-pwd:${'a'.repeat(24)}`, `fingerprint:${clients.fingerprint}`]
    const rest = [...EXTENSIONS.map(extension => `extmap:${extension}`), `rtpmap:${BROWSER_OPUS} opus/48000/2`]
    const sdp = [...credentials, ...rest].map(line => `a=${line}`).join('\n')
    const opus = { name: 'opus', type: 'audio', priority: 1000, payload_type: BROWSER_OPUS } as const
    return { protocol: 'webrtc', sdp, codecs: [opus], audioSsrc }
  }

  /** Resolves with what opens the node's packets, once the handshake is over. `answer` is the node's fragment. */
  static connect(
    sockets: LoadSockets,
    socket: number,
    clients: DtlsClients,
    node: Int32Array,
    answer: string,
  ): { browser: Browser; opener: Promise<SrtpOpener> } {
    let browser: Browser | undefined
    const opener = new Promise<SrtpOpener>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('a browser was not connected in time')), PATIENCE)
      browser = new Browser(sockets, socket, clients, node, answer, found => {
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
    this.#timer = setInterval(() => this.#again(), IMPATIENCE)
  }

  /** Takes a datagram that is no media; false if it is none of ICE or DTLS. */
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
    const client = new DtlsClient(this.#clients, materialLength(BROWSER_PROFILE))
    this.#state = { kind: 'handshaking', client }
    this.#send(client.advance())
  }

  #advance(client: DtlsClient, bytes: Uint8Array): void {
    this.#send(client.advance(bytes))
    if (client.material === undefined) return
    this.#state = { kind: 'connected', client }
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.#again(), CONSENT_INTERVAL)
    this.#done(new SrtpOpener(BROWSER_PROFILE, client.material))
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

/** The value of an SDP attribute; throws if it is not there. */
function lineOf(sdp: string, name: string): string {
  const line = sdp.split('\n').find(each => each.startsWith(`a=${name}:`))
  if (line === undefined) throw new Error(`expected a=${name} in the node's answer`)
  return line.slice(name.length + 3).trim()
}
