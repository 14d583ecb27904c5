// The voice client for Node.js: joins a channel, sends and receives Opus frames, reconnects after a lost connection.
import { setTimeout as sleep } from 'node:timers/promises'
import { SpeakingFlag, type VoiceMode, VoiceOp } from '@parley/protocol'
import { Connection } from '../connection.ts'
import { type Deferred, deferred } from '../deferred.ts'
import { LIMITS } from '../limits.ts'
import { Listeners } from '../listeners.ts'
import { SessionLoop } from '../session-loop.ts'
import type { ClientDave } from './dave/dave.ts'
import { type VoiceTarget, voiceUrl } from './endpoint.ts'
import { FRAME_SAMPLES } from './media/audio-sender.ts'
import { EarlyFrames } from './media/early-frames.ts'
import { type MediaReport, type ReceivedFrame, VoiceMedia } from './media/media.ts'
import { chooseMode, isMode } from './media/mode-choice.ts'
import type { Clock } from './media/pacer.ts'
import { type CallReadiness, type PlayedCall, Player, type PlayOptions } from './media/player.ts'
import type { VoiceSessionOptions } from './session/credentials.ts'
import type { Member, MembersView } from './session/members.ts'
import { VoiceClientSession } from './session/session.ts'
import type { VoiceSessionState } from './session/session-state.ts'
import type { VoiceDescription, VoiceOutput, VoiceReady } from './session/voice-outputs.ts'
import { VoiceClosedError } from './voice-closed-error.ts'

export interface VoiceClientOptions extends VoiceSessionOptions, VoiceTarget {
  /** Transport encryption mode to require. Default: the first mode of the node that this client supports. */
  mode?: VoiceMode | undefined
}

/** The events of a voice client with their arguments. */
export interface VoiceClientEvents {
  /** Media can be sent and received: after joining, and after each new Identify. */
  ready: { ssrc: number; mode: VoiceMode; mediaSessionId: string | undefined }
  /** The session was resumed after a lost connection. No event was missed, but media may have been. */
  resumed: undefined
  /**
   * The connection is lost. The client resumes or identifies after `wait` milliseconds, as attempt `attempt` of this outage.
   */
  disconnected: { code: number; reason: string; next: 'resume' | 'identify'; wait: number; attempt: number }
  /** The session has ended and does not reconnect. */
  closed: { code: number; reason: string }
  /** An Opus frame, in order of arrival. `userId` is undefined until the node has announced the user of the SSRC. */
  frame: ReceivedFrame & { userId: string | undefined }
  /** A user declared speaking flags (1 voice, 2 soundshare, 4 priority; 0 silent). */
  speaking: { userId: string; ssrc: number; speaking: number }
  /** A user joined the channel. */
  userConnected: { userId: string }
  /** A user left the channel. */
  userDisconnected: { userId: string }
  /** Video, client flags or platform of a user changed. */
  memberChanged: Readonly<Member>
  /** Requested quality of our sources (op 15): 0–100 by SSRC, `any` for all others; displayed pixels by SSRC. */
  wants: { any: number; wants: ReadonlyMap<number, number>; pixelCounts: ReadonlyMap<number, number> }
  /** The DAVE version in force, or the group, changed. Without a privacy code, frames are not encrypted end to end. */
  encryption: { version: number; privacyCode: string | undefined; userIds: readonly string[] }
  /** The node changed the codecs to send with (op 14). */
  codecs: { audioCodec: string | undefined; videoCodec: string | undefined }
  /** An error from which the client recovers. Not thrown without a listener. */
  error: Error
}

const CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (time, signal) => sleep(time, undefined, { signal }).catch(() => {}),
}

/**
 * Joins one channel as one user. Reconnects by itself as long as `close` is not called: it resumes the session, or identifies
 * again with the same credentials. Close codes after which the credentials are useless end it with the event `closed`.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { loadDavey, readOggOpus, VoiceClient } from '@parley/client'
 *
 * // What a chat backend gives its bots, here in the form that `parley demo --credentials` prints.
 * const credentials = JSON.parse(readFileSync('bot.json', 'utf8'))
 * const client = new VoiceClient({
 *   endpoint: credentials.endpoint,
 *   serverId: credentials.server_id,
 *   channelId: credentials.channel_id,
 *   userId: credentials.user_id,
 *   sessionId: credentials.session_id,
 *   token: credentials.token,
 *   dave: await loadDavey(),
 *   tls: { ca: readFileSync(credentials.ca) },
 * })
 * client.on('frame', ({ userId, payload }) => console.log(`${payload.length} bytes of Opus from ${userId}`))
 * client.on('closed', ({ code, reason }) => console.log(code, reason))
 *
 * await client.connect()
 * await client.play(readOggOpus(readFileSync('hello.opus')).packets)
 * await client.close()
 * ```
 */
export class VoiceClient {
  readonly #options: VoiceClientOptions
  readonly #session: VoiceClientSession
  readonly #loop: SessionLoop<VoiceOutput>
  readonly #events = new Listeners<VoiceClientEvents>()
  readonly #early = new EarlyFrames()
  #connection: Connection | undefined
  /** The latest connection, which may be closing. */
  #latest: Connection | undefined
  #media: VoiceMedia | undefined
  #isSpeaking = false
  readonly #player = new Player(this.#playedCall(), CLOCK)
  #joining: Deferred | undefined

  /** Throws a RangeError for invalid options: see `voiceUrl` and `VoiceClientSession`. */
  constructor(options: VoiceClientOptions) {
    this.#session = new VoiceClientSession(options)
    this.#loop = new SessionLoop(this.#session, output => this.#apply(output))
    voiceUrl(options, this.#session.version)
    this.#options = options
  }

  /** Adds a listener. */
  on<E extends keyof VoiceClientEvents>(event: E, listener: (event: VoiceClientEvents[E]) => void): this {
    this.#events.on(event, listener)
    return this
  }
  /** Adds a listener for the next event only. */
  once<E extends keyof VoiceClientEvents>(event: E, listener: (event: VoiceClientEvents[E]) => void): this {
    this.#events.once(event, listener)
    return this
  }
  /** Removes a listener. */
  off<E extends keyof VoiceClientEvents>(event: E, listener: (event: VoiceClientEvents[E]) => void): this {
    this.#events.off(event, listener)
    return this
  }

  /** The other members of the channel. */
  get members(): MembersView {
    return this.#session.members
  }
  /** State of the session: `live` while media can flow, `waiting` before a reconnect, `closed` at the end. */
  get state(): VoiceSessionState {
    return this.#session.state
  }
  /** SSRC of our audio; undefined while not connected. */
  get ssrc(): number | undefined {
    return this.#media?.ssrc
  }
  /** Transport encryption mode; undefined while not connected. */
  get mode(): VoiceMode | undefined {
    return this.#media?.mode
  }
  /** Code that the users compare to verify the encryption; undefined while the call is not encrypted end to end. */
  get privacyCode(): string | undefined {
    return this.#media === undefined ? undefined : this.#session.dave?.privacyCode
  }
  /** Round trip to the node's UDP port in milliseconds; undefined before the first answer. */
  get ping(): number | undefined {
    return this.#media?.roundTrip
  }
  /** Round trip to the gateway in milliseconds; undefined before the first heartbeat acknowledgement. */
  get gatewayPing(): number | undefined {
    return this.#session.roundTrip
  }
  /** Statistics of sent and received media; undefined while not connected. */
  get report(): MediaReport | undefined {
    return this.#media?.report
  }

  /**
   * Joins the channel. Rejects with VoiceClosedError if the first attempt fails or the session has ended; later losses are reconnected.
   */
  connect(): Promise<void> {
    const { end } = this.#session
    if (end !== undefined) return Promise.reject(new VoiceClosedError(end.code, end.reason))
    if (this.#joining === undefined) {
      this.#joining = deferred()
      this.#loop.feed(now => this.#session.start(now))
    }
    return this.#joining.promise
  }

  /**
   * Sends one Opus frame now. `samples` is its duration at 48 kHz. Returns false if it was not sent: before joining, or in an
   * encrypted call without a group to encrypt for; our speaking flag is declared in any case. Throws a RangeError for an empty
   * frame or one of more than 1275 bytes.
   */
  sendFrame(opus: Uint8Array, samples = FRAME_SAMPLES): boolean {
    if (opus.length === 0 || opus.length > LIMITS.opusFrame)
      throw new RangeError(`expected a frame of 1 to ${LIMITS.opusFrame} bytes, found ${opus.length}`)
    const { dave } = this.#session
    const frame = dave === undefined ? opus : dave.seal(opus)
    if (this.#media?.mode === undefined) return false
    if (!this.#isSpeaking) this.#speak(SpeakingFlag.Voice)
    return frame !== undefined && this.#media.send(frame, samples)
  }

  /** Ends a talkspurt: sends five frames of silence and declares speaking 0. */
  stopSpeaking(): void {
    if (!this.#isSpeaking) return
    this.#media?.sendSilence()
    this.#speak(0)
  }

  /**
   * Plays Opus packets at their own pace, then stops speaking. Frames that are due while media cannot be sent are dropped.
   * Before the first frame it waits up to 5 s for an encryption that is being set up; between frames, up to 150 ms for a change
   * of keys. Rejects with an Error if it is playing already, and as `sendFrame` throws, for a frame that is empty or too long.
   */
  play(frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options?: PlayOptions): Promise<void> {
    return this.#player.play(frames, options)
  }

  /** Sends any other opcode, such as Media Sink Wants (op 15). Returns false while not connected. */
  command(op: number, data: unknown): boolean {
    const isSent = this.#session.command(op, data)
    this.#loop.pump()
    return isSent
  }

  /** Leaves the channel. Resolves when the WebSocket is closed. */
  async close(): Promise<void> {
    this.stopSpeaking()
    this.#session.close()
    this.#loop.pump()
    await this.#latest?.done
  }

  /** For tests: destroys the TCP connection without a close frame, like a network failure. Media continues; the session resumes. */
  dropConnection(): void {
    this.#connection?.cut()
  }

  #playedCall(): PlayedCall {
    const session = () => this.#session
    return {
      get readiness() {
        return readinessOf(session().dave)
      },
      get isAlone() {
        return session().members.size === 0
      },
      get isClosed() {
        return session().state === 'closed'
      },
      sendFrame: (frame, samples) => this.sendFrame(frame, samples),
      stopSpeaking: () => this.stopSpeaking(),
    }
  }

  #speak(flags: number): void {
    this.#isSpeaking = flags !== 0
    this.#session.setSpeaking(flags)
    this.#loop.pump()
  }

  #apply(output: VoiceOutput): void {
    this.#player.callChanged()
    switch (output.kind) {
      case 'connect':
        return this.#openConnection(output.version)
      case 'send':
        return this.#connection?.send(output.data)
      case 'close':
        return this.#closeConnection(output.code, output.reason)
      case 'ready':
        return void this.#openMedia(output.ready)
      case 'description':
        return this.#startMedia(output.description)
      case 'resumed':
        // After an interruption the NAT may have assigned another address.
        this.#media?.sendReport()
        return this.#events.emit('resumed', undefined)
      case 'disconnected':
        if (output.next === 'identify') this.#closeMedia()
        return this.#events.emit('disconnected', output)
      case 'closed':
        return this.#end(output.code, output.reason)
      case 'undecodable':
        return this.#events.emit('error', new Error(output.reason))
      case 'memberChanged':
        this.#events.emit('memberChanged', output.member)
        return this.#retryEarly()
      case 'userConnected':
        return this.#events.emit('userConnected', output)
      case 'userDisconnected':
        return this.#events.emit('userDisconnected', output)
      case 'speaking':
        this.#events.emit('speaking', output)
        return this.#retryEarly()
      case 'keys':
        return this.#retryEarly()
      case 'wants':
        return this.#events.emit('wants', output)
      case 'codecs':
        return this.#events.emit('codecs', output)
      case 'encryption':
        return this.#events.emit('encryption', output)
      case 'dave':
        return
    }
  }

  #openConnection(version: number): void {
    const connection = new Connection(voiceUrl(this.#options, version), this.#options.tls, {
      opened: () => this.#loop.feed(now => this.#session.connectionOpened(now)),
      received: data => this.#loop.feed(now => this.#session.messageReceived(data, now)),
      closed: (code, reason) => this.#loop.feed(now => this.#session.connectionClosed(code, reason, now)),
    })
    this.#connection = this.#latest = connection
  }

  /** Discovers our address, then selects the protocol. Does nothing if the session has ended by then. */
  async #openMedia(ready: VoiceReady): Promise<void> {
    this.#closeMedia()
    const media = new VoiceMedia(ready, frame => this.#received(frame))
    this.#media = media
    try {
      const mode = chooseMode(ready.modes, this.#options.mode)
      const { ip, port } = await media.open()
      if (this.#media !== media) return media.close()
      this.#session.select({ protocol: 'udp', address: ip, port, mode })
    } catch (error) {
      if (this.#media === media) this.#failMedia(error instanceof Error ? error.message : String(error))
    }
    this.#loop.pump()
  }

  /** A frame that cannot be opened waits: its key, or the user of its SSRC, may not have arrived yet. */
  #received(frame: ReceivedFrame): void {
    const now = performance.now()
    const { dave, members } = this.#session
    const userId = members.bySsrc(frame.ssrc)?.userId
    const payload = dave === undefined ? frame.payload : dave.open(userId, frame.payload)
    if (payload === undefined || this.#early.mustWait(frame, now)) this.#early.keep(frame, now)
    else this.#emitFrame({ ...frame, payload, userId })
    // Many frames that do not open reset the group, with messages to the node.
    if (payload === undefined) this.#loop.pump()
  }

  #retryEarly(): void {
    const { dave, members } = this.#session
    const open = (frame: ReceivedFrame) => {
      const userId = members.bySsrc(frame.ssrc)?.userId
      const payload = dave?.tryOpen(userId, frame.payload)
      if (payload !== undefined) this.#emitFrame({ ...frame, payload, userId })
      return payload !== undefined
    }
    this.#early.retry(open, performance.now())
  }

  /** A sealed frame may hold nothing. */
  #emitFrame(frame: VoiceClientEvents['frame']): void {
    if (frame.payload.length > 0) this.#events.emit('frame', frame)
  }

  #failMedia(reason: string): void {
    this.#session.command(VoiceOp.NoRoute, {})
    this.#session.fail(reason, performance.now())
  }

  #startMedia(description: VoiceDescription): void {
    if (this.#media === undefined) return
    if (description.protocol !== 'udp')
      return this.#session.fail('the node answered with a WebRTC description', performance.now())
    const { mode, key, mediaSessionId } = description
    if (!isMode(mode)) return this.#session.fail(`the node selected the unknown mode ${mode}`, performance.now())
    this.#media.protect(mode, key)
    this.#joining?.resolve()
    this.#events.emit('ready', { ssrc: this.#media.ssrc, mode, mediaSessionId })
  }

  #closeMedia(): void {
    this.#early.clear()
    this.#media?.close()
    this.#media = undefined
  }

  #closeConnection(code: number, reason: string): void {
    this.#connection?.close(code, reason)
    this.#connection = undefined
  }

  #end(code: number, reason: string): void {
    this.#closeMedia()
    this.#connection = undefined
    this.#isSpeaking = false
    this.#joining?.reject(new VoiceClosedError(code, reason))
    this.#events.emit('closed', { code, reason })
  }
}

function readinessOf(dave: ClientDave | undefined): CallReadiness {
  if (dave === undefined || dave.isSettled) return 'settled'
  return dave.isChanging ? 'changing' : 'setup'
}
