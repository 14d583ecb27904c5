// The WebRTC transport: from Select Protocol through ICE checks and the DTLS handshake to a protected peer.
import { formatSdpAnswer } from '@parley/protocol'
import type { Crypto } from '../../crypto.ts'
import type { Deadlines, Timed } from '../../deadlines.ts'
import type { LaneCommand, PeerId } from '../../lane/commands.ts'
import type { Dtls, DtlsAssociation, Fingerprint } from './dtls.ts'
import type { HandshakeOrigin, Handshakes } from './handshakes.ts'
import type { WebrtcOffer } from './offer.ts'

/** Letters, digits, `+` and `/`: 6 bits of randomness each (RFC 8839 §5.4 asks for 24 and 128 bits at least). */
const ICE_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const UFRAG_LENGTH = 8
const PASSWORD_LENGTH = 24

/** What WebRTC transports need of the node. */
export interface WebrtcHost {
  readonly dtls: Dtls
  readonly handshakes: Handshakes
  readonly deadlines: Deadlines
  readonly crypto: Crypto
  /** A port that takes the same datagrams over TCP. */
  readonly tcpPort?: number | undefined
}

export interface WebrtcPath {
  readonly origin: HandshakeOrigin
  readonly peer: PeerId
  /** The address of the lane, for the client. */
  readonly ip: string
  readonly port: number
  /** The layers that Ready assigned. */
  readonly rids: readonly { rid: string; ssrc: number; rtxSsrc: number }[]
  /** To the peer's lane. */
  send(command: LaneCommand): void
  /** The client closed its end or failed the handshake; no media is sent from now on. */
  closed(reason: string): void
}

/**
 * The DTLS association exists from the client's first datagram on, not from Select Protocol: an offer alone costs the
 * node little.
 */
type State =
  /** No datagram yet. */
  | { kind: 'waiting' }
  | { kind: 'handshaking'; association: DtlsAssociation }
  | { kind: 'connected'; association: DtlsAssociation; profile: string }
  | { kind: 'closed' }

export class WebrtcTransport implements Timed {
  readonly kind = 'webrtc' as const
  /** Its packets name their layers, so that their SSRCs need no declaration. */
  readonly namesLayers: boolean
  readonly #host: WebrtcHost
  readonly #path: WebrtcPath
  /** That of the offer. The rest of it is not kept, as it takes kilobytes. */
  readonly #fingerprint: Fingerprint
  #state: State = { kind: 'waiting' }

  constructor({ sdp, mapping }: WebrtcOffer, host: WebrtcHost, path: WebrtcPath) {
    this.#fingerprint = sdp.fingerprint
    this.namesLayers = mapping.extensions.rid !== undefined
    this.#host = host
    this.#path = path
  }

  get origin(): HandshakeOrigin {
    return this.#path.origin
  }

  /** From now on the lane answers the client's ICE checks. Returns the fragment for Session Description. */
  open({ sdp, mapping }: WebrtcOffer): string {
    const { crypto, dtls, tcpPort } = this.#host
    const { ip, port, peer } = this.#path
    const ufrag = iceText(crypto, UFRAG_LENGTH)
    const password = iceText(crypto, PASSWORD_LENGTH)
    const ice = { localUfrag: ufrag, remoteUfrag: sdp.ufrag, password: asciiBytes(password) }
    const rids = this.namesLayers ? this.#path.rids : undefined
    this.#path.send({ kind: 'addWebrtcPeer', peer, ice, mapping, rids })
    return formatSdpAnswer({ ip, port, tcpPort, ufrag, password, fingerprint: dtls.fingerprint })
  }

  get deadline(): number {
    return this.#association?.deadline ?? Infinity
  }

  /** A DTLS datagram from an address that ICE checks have proved. */
  datagramArrived(bytes: Uint8Array, now: number): void {
    if (this.#state.kind === 'waiting') this.#accept(now)
    this.#association?.receive(bytes, now)
    this.#settle()
  }

  /** Lets the association retransmit or give up. */
  tick(now: number): void {
    this.#association?.tick(now)
    this.#settle()
  }

  /** Maps an SSRC that the client chose to one of the peer. */
  mapSsrc(clientSsrc: number, ssrc: number): void {
    this.#path.send({ kind: 'mapSsrc', peer: this.#path.peer, clientSsrc, ssrc })
  }

  /** Sends close_notify and releases the association. The caller removes the peer. */
  close(): void {
    this.#association?.close()
    this.#flush()
    this.#end()
  }

  /** Ends a handshake that others need the place of. */
  giveUp(reason: string): void {
    this.#association?.close()
    this.#flush()
    this.#lose(reason)
  }

  /** Without secrets. */
  inspect() {
    const profile = this.#state.kind === 'connected' ? this.#state.profile : undefined
    return { kind: this.kind, state: this.#state.kind, profile }
  }

  get #association(): DtlsAssociation | undefined {
    return 'association' in this.#state ? this.#state.association : undefined
  }

  /** If too many handshakes are in progress, the client's retransmission tries again. */
  #accept(now: number): void {
    if (!this.#host.handshakes.add(this)) return
    this.#state = { kind: 'handshaking', association: this.#host.dtls.accept(this.#fingerprint, now) }
  }

  /** Called after every input. The key is sent before the last flight, because the client's first packets follow that immediately. */
  #settle(): void {
    const association = this.#association
    if (association === undefined) return
    const { state } = association
    if (state.kind === 'connected' && this.#state.kind === 'handshaking') {
      const { profile, material } = state
      this.#state = { kind: 'connected', association, profile }
      this.#host.handshakes.remove(this)
      this.#path.send({ kind: 'protectPeer', peer: this.#path.peer, protection: profile, key: material, nonceStart: 0 })
    }
    this.#flush()
    if (state.kind === 'closed') return this.#lose(state.reason)
    this.#host.deadlines.update(this)
  }

  #end(): void {
    this.#state = { kind: 'closed' }
    this.#host.handshakes.remove(this)
    this.#host.deadlines.remove(this)
  }

  /** The association ended without `close`: the lane forgets the peer's address and key. */
  #lose(reason: string): void {
    this.#end()
    this.#path.send({ kind: 'removeWebrtcPeer', peer: this.#path.peer })
    this.#path.closed(reason)
  }

  /** Sends what the association produced, through the lane, because only its socket reaches the client. */
  #flush(): void {
    const { peer } = this.#path
    for (const bytes of this.#association?.takeDatagrams() ?? []) this.#path.send({ kind: 'sendDatagram', peer, bytes })
  }
}

function iceText(crypto: Crypto, length: number): string {
  let text = ''
  for (const byte of crypto.randomBytes(length)) text += ICE_ALPHABET[byte & 63]
  return text
}

function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return bytes
}
