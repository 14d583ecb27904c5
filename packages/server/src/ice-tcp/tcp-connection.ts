// One ICE-TCP connection: authenticated by its first frame, then relayed to its lane over a UDP socket of its own on this machine.
// The lane sees a datagram from a loopback address, and treats it as any other: its engine, its checks and its rates apply unchanged.
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { isIPv6, type Socket } from 'node:net'
import { encodeFrame, FrameReader, isRtcpType, RTP_HEADER } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'
import type { IceSession } from './ice-sessions.ts'

/** What a connection needs of `IceTcp`. */
export interface TcpConnectionHost {
  readonly totals: IceTcpTotals
  /** The session of a genuine check. */
  authenticate(frame: Uint8Array): IceSession | undefined
  /** Where the lane of the session listens, and the address of this machine to send from: one per connection where there are many. */
  pathTo(session: IceSession): { ip: string; port: number; from: string | undefined }
  closed(connection: TcpConnection): void
}

/** Totals since the start. */
export interface IceTcpTotals {
  /** Connections that never authenticated, by reason. */
  readonly refused: { late: number; malformed: number; unauthenticated: number }
  readonly datagrams: { in: number; out: number }
  /** Datagrams for a client that reads too slowly. */
  readonly drops: { video: number; other: number }
}

type State =
  /** Nothing is authenticated. */
  | { kind: 'greeting'; deadline: NodeJS.Timeout; authenticated: () => void }
  /** The first check verified; frames wait for the UDP socket. */
  | { kind: 'opening'; session: IceSession; udp: UdpSocket; early: Uint8Array[] }
  | { kind: 'relaying'; session: IceSession; udp: UdpSocket }
  | { kind: 'closed' }

/** RTP's payload type without the marker bit. */
const PAYLOAD_TYPE = 0x7f

export class TcpConnection {
  readonly #socket: Socket
  readonly #host: TcpConnectionHost
  readonly #reader = new FrameReader(SERVER_LIMITS.maxIceTcpFrame)
  #state: State
  /** Bytes and frames since `#windowStart`. */
  #bytes = 0
  #frames = 0
  #windowStart = -Infinity
  #resume: NodeJS.Timeout | undefined
  readonly #take = (frame: Uint8Array): void => this.#frame(frame)

  /** `authenticated` is called once, if the first frame is a genuine check. */
  constructor(socket: Socket, host: TcpConnectionHost, authenticated: () => void) {
    this.#socket = socket
    this.#host = host
    const deadline = setTimeout(() => this.#refuse('late'), SERVER_LIMITS.iceTcpFirstFrame)
    this.#state = { kind: 'greeting', deadline, authenticated }
    socket.setNoDelay(true)
    socket.on('error', ignore)
    // A view: a Buffer's `slice` does not copy, as that of a Uint8Array does.
    socket.on('data', (chunk: Buffer) => this.#received(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)))
    socket.on('close', () => this.close())
    // A client sends checks every few seconds.
    socket.on('timeout', () => this.close())
  }

  get isAuthenticated(): boolean {
    return this.#state.kind === 'opening' || this.#state.kind === 'relaying'
  }

  close(): void {
    const state = this.#state
    if (state.kind === 'closed') return
    this.#state = { kind: 'closed' }
    clearTimeout(this.#resume)
    if (state.kind === 'greeting') clearTimeout(state.deadline)
    else {
      state.udp.close()
      state.session.connections.delete(this)
    }
    this.#socket.destroy()
    this.#host.closed(this)
  }

  #received(chunk: Uint8Array): void {
    if (this.#reader.read(chunk, this.#take)) return this.#pace(chunk.length)
    if (this.#state.kind === 'greeting') this.#refuse('malformed')
    else this.close()
  }

  #frame(frame: Uint8Array): void {
    const state = this.#state
    switch (state.kind) {
      case 'greeting':
        return this.#greet(frame, state)
      case 'opening':
        return void state.early.push(frame)
      case 'relaying':
        return this.#forward(state.udp, frame)
      case 'closed':
        return
    }
  }

  /** The first frame has to be a genuine check; an answer comes from the lane only, so that a stranger gets none. */
  #greet(frame: Uint8Array, { deadline, authenticated }: State & { kind: 'greeting' }): void {
    const session = this.#host.authenticate(frame)
    if (session === undefined) return this.#refuse('unauthenticated')
    clearTimeout(deadline)
    authenticated()
    // A client that changed its network has dead connections, which must not lock it out.
    const [oldest] = session.connections
    if (session.connections.size >= SERVER_LIMITS.maxIceTcpPerSession) oldest?.close()
    session.connections.add(this)
    this.#socket.setTimeout(SERVER_LIMITS.iceTcpIdle)
    this.#socket.pause()
    this.#open(session, frame)
  }

  #open(session: IceSession, first: Uint8Array): void {
    const { ip, port, from } = this.#host.pathTo(session)
    const udp = createSocket(isIPv6(ip) ? 'udp6' : 'udp4')
    this.#state = { kind: 'opening', session, udp, early: [first] }
    // Once it is open, an error says that the lane is being replaced: its sessions end then.
    udp.on('error', () => {
      if (this.#state.kind === 'opening') this.close()
    })
    udp.on('message', datagram => this.#deliver(datagram))
    udp.once('connect', () => this.#relay())
    udp.bind({ address: from, exclusive: true }, () => udp.connect(port, ip))
  }

  #relay(): void {
    const state = this.#state
    if (state.kind !== 'opening') return
    const { session, udp, early } = state
    this.#state = { kind: 'relaying', session, udp }
    for (const frame of early) this.#forward(udp, frame)
    this.#socket.resume()
  }

  #forward(udp: UdpSocket, frame: Uint8Array): void {
    this.#host.totals.datagrams.in++
    this.#frames++
    udp.send(frame)
  }

  /** From the lane. What the client does not read in time is dropped, video first: a queue would only make it late. */
  #deliver(datagram: Uint8Array): void {
    if (this.#state.kind !== 'relaying') return
    const { totals } = this.#host
    const unread = this.#socket.writableLength
    if (unread > SERVER_LIMITS.maxIceTcpVideoBuffered && this.#isVideo(datagram, this.#state.session)) {
      totals.drops.video++
      return
    }
    if (unread > SERVER_LIMITS.maxIceTcpBuffered) {
      totals.drops.other++
      return
    }
    totals.datagrams.out++
    this.#socket.write(encodeFrame(datagram))
  }

  /** RTP (RFC 7983 §7) whose payload type is not that of audio; the header is not encrypted. */
  #isVideo(datagram: Uint8Array, { audioType }: IceSession): boolean {
    const first = datagram[0]!
    const second = datagram[1]!
    const isRtp = first >= 128 && first <= 191 && datagram.length >= RTP_HEADER && !isRtcpType(second)
    return isRtp && (second & PAYLOAD_TYPE) !== audioType
  }

  /** Above its rate the client is not read until the second has passed, so that TCP slows it down. */
  #pace(length: number): void {
    const now = performance.now()
    if (now - this.#windowStart >= 1_000) {
      this.#windowStart = now
      this.#bytes = 0
      this.#frames = 0
    }
    this.#bytes += length
    const isFast =
      this.#bytes > SERVER_LIMITS.iceTcpBytesPerSecond || this.#frames > SERVER_LIMITS.iceTcpFramesPerSecond
    if (!isFast || this.#state.kind !== 'relaying') return
    this.#socket.pause()
    clearTimeout(this.#resume)
    this.#resume = setTimeout(() => this.#socket.resume(), this.#windowStart + 1_000 - now)
  }

  #refuse(reason: keyof IceTcpTotals['refused']): void {
    this.#host.totals.refused[reason]++
    this.close()
  }
}

function ignore(): void {}
