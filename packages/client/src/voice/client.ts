// A voice client for Node.js: joins a channel, sends and receives Opus frames, and comes back when a connection is lost.
import { setTimeout as sleep } from 'node:timers/promises'
import { SpeakingFlag, VoiceMode, VoiceOp } from '@parley/protocol'
import { Connection } from '../connection.ts'
import { type Deferred, deferred } from '../deferred.ts'
import { Listeners } from '../listeners.ts'
import { OPUS_RATE, opusSamples } from '../ogg/opus-packet.ts'
import { SessionLoop } from '../session-loop.ts'
import { type VoiceTarget, voiceUrl } from './endpoint.ts'
import { FRAME_SAMPLES } from './media/audio-sender.ts'
import { EarlyFrames } from './media/early-frames.ts'
import { type HeardFrame, LONGEST_FRAME, type MediaReport, VoiceMedia } from './media/media.ts'
import { type Clock, paced } from './media/pacer.ts'
import type { Member, MembersView } from './session/members.ts'
import type { VoiceDescription, VoiceOutput, VoiceReady } from './session/outputs.ts'
import { VoiceClientSession, type VoiceSessionOptions } from './session/session.ts'
import { VoiceClosedError } from './voice-closed-error.ts'

export interface VoiceClientOptions extends VoiceSessionOptions, VoiceTarget {
  /** The encryption mode to insist on. Without it, the first of the node's that this client speaks. */
  mode?: VoiceMode | undefined
}

/** Events and what their listeners are given. */
export interface VoiceClientEvents {
  /** Media flows: after joining, and again after a session that had to start anew. */
  ready: { ssrc: number; mode: VoiceMode; mediaSessionId: string | undefined }
  /** A lost connection is back; nothing was missed but media. */
  resumed: undefined
  /** A connection is lost; the client comes back by itself after `wait` milliseconds. */
  disconnected: { code: number; reason: string; next: 'resume' | 'identify'; wait: number }
  /** The session is over for good. */
  closed: { code: number; reason: string }
  /** One Opus frame of one user, in the order of arrival. `userId` is absent until the node has said whose ssrc it is. */
  frame: HeardFrame & { userId: string | undefined }
  speaking: { userId: string; ssrc: number; speaking: number }
  userConnected: { userId: string }
  userDisconnected: { userId: string }
  /** Video, flags or platform of a user changed. */
  memberChanged: Readonly<Member>
  /** What the node wants of us (opcode 15). */
  wants: { any: number; wants: ReadonlyMap<number, number>; pixelCounts: ReadonlyMap<number, number> }
  /** DAVE's version in force changed, or the group did. Without a code frames are not encrypted end to end. */
  encryption: { version: number; privacyCode: string | undefined }
  codecs: { audioCodec: string | undefined; videoCodec: string | undefined }
  /** Something went wrong that the client goes on from. Not thrown if nobody listens. */
  error: Error
}

export interface PlayOptions {
  /** Ends playing early, in good order. */
  signal?: AbortSignal | undefined
}

/** How long `play` waits for an encrypted call to come about, and for word of anybody else. */
const SETTLING = 5_000
const ALONE = 200
/** How long it waits in between while the keys of the call change. Below what a pacer takes for a pause. */
const CHANGING = 150
/** How often it looks. */
const GLANCE = 5
const CLOCK: Clock = { now: () => performance.now(), sleep: time => sleep(time) }

export class VoiceClient {
  readonly #options: VoiceClientOptions
  readonly #session: VoiceClientSession
  readonly #loop: SessionLoop<VoiceOutput>
  readonly #events = new Listeners<VoiceClientEvents>()
  readonly #early = new EarlyFrames()
  #connection: Connection | undefined
  #media: VoiceMedia | undefined
  #isSpeaking = false
  #isPlaying = false
  #isPatient = true
  #joining: Deferred | undefined

  /** Throws a RangeError for options that cannot work: see `voiceUrl` and `VoiceClientSession`. */
  constructor(options: VoiceClientOptions) {
    this.#session = new VoiceClientSession(options)
    this.#loop = new SessionLoop(this.#session, output => this.#apply(output))
    voiceUrl(options, this.#session.version)
    this.#options = options
  }

  on<E extends keyof VoiceClientEvents>(event: E, listener: (event: VoiceClientEvents[E]) => void): this {
    this.#events.on(event, listener)
    return this
  }
  once<E extends keyof VoiceClientEvents>(event: E, listener: (event: VoiceClientEvents[E]) => void): this {
    this.#events.once(event, listener)
    return this
  }
  off<E extends keyof VoiceClientEvents>(event: E, listener: (event: VoiceClientEvents[E]) => void): this {
    this.#events.off(event, listener)
    return this
  }

  /** The others in the channel. */
  get members(): MembersView {
    return this.#session.members
  }
  get state(): VoiceClientSession['state'] {
    return this.#session.state
  }
  get ssrc(): number | undefined {
    return this.#media?.ssrc
  }
  get mode(): VoiceMode | undefined {
    return this.#media?.mode
  }
  /** What its users compare to know that nobody listens; undefined while the call is not encrypted end to end. */
  get privacyCode(): string | undefined {
    return this.#session.dave?.privacyCode
  }
  /** Milliseconds to the node's media port and back; undefined before the first answer. */
  get ping(): number | undefined {
    return this.#media?.roundTrip
  }
  /** Milliseconds to the gateway and back; undefined before the first heartbeat was answered. */
  get gatewayPing(): number | undefined {
    return this.#session.roundTrip
  }
  /** What was sent and received in this session; undefined outside one. */
  get report(): MediaReport | undefined {
    return this.#media?.report
  }

  /** Joins. Rejects with VoiceClosedError if that fails; a session that is lost later comes back by itself. */
  connect(): Promise<void> {
    if (this.#joining === undefined) {
      this.#joining = deferred()
      this.#loop.feed(now => this.#session.start(now))
    }
    return this.#joining.promise
  }

  /**
   * Sends one Opus frame now; says whether it was sent. `samples` is what it plays for at 48 kHz: 960 (20 ms) without it.
   * Where it has to be encrypted end to end and there is nobody to encrypt it for, it is not sent; that we speak is told all the
   * same. Throws a RangeError for an empty frame or one of more than 1275 bytes.
   */
  sendFrame(opus: Uint8Array, samples = FRAME_SAMPLES): boolean {
    if (opus.length === 0 || opus.length > LONGEST_FRAME)
      throw new RangeError(`expected a frame of 1 to ${LONGEST_FRAME} bytes, found ${opus.length}`)
    const { dave } = this.#session
    const frame = dave === undefined ? opus : dave.seal(opus)
    if (this.#media?.mode === undefined) return false
    if (!this.#isSpeaking) this.#speak(SpeakingFlag.Voice)
    return frame !== undefined && this.#media.send(frame, samples)
  }

  /** Ends the utterance: five frames of silence, and the others are told. */
  stopSpeaking(): void {
    if (!this.#isSpeaking) return
    this.#media?.sendSilence()
    this.#speak(0)
  }

  /**
   * Plays Opus packets at their own pace, then stops speaking. Frames that come up while media cannot flow are dropped. Before the
   * first one, an encrypted call that is just coming about is waited for, and in between, for a moment, a change of its keys.
   */
  async play(frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, { signal }: PlayOptions = {}): Promise<void> {
    if (this.#isPlaying) throw new Error('something is being played already')
    this.#isPlaying = true
    try {
      await this.#settled(SETTLING, signal)
      for await (const frame of paced(frames, frameTime, CLOCK)) {
        await this.#changed(signal)
        if (signal?.aborted || this.#session.state === 'closed') break
        this.sendFrame(frame, opusSamples(frame))
      }
    } finally {
      this.#isPlaying = false
      this.stopSpeaking()
    }
  }

  /** Sends any other opcode, such as Media Sink Wants; says whether the node could take it now. */
  command(op: number, data: unknown): boolean {
    const isSent = this.#session.command(op, data)
    this.#loop.pump()
    return isSent
  }

  /** Leaves. Resolves when socket and timers are gone. */
  async close(): Promise<void> {
    const connection = this.#connection
    this.stopSpeaking()
    this.#session.close()
    this.#loop.pump()
    await connection?.done
  }

  /** For tests: cuts the TCP connection without a word, as a lost network does. Media goes on, and the session resumes. */
  dropConnection(): void {
    this.#connection?.cut()
  }

  /** Whoever is alone has nobody to wait for; that takes a moment to tell. */
  async #settled(patience: number, signal: AbortSignal | undefined): Promise<void> {
    const start = performance.now()
    for (let waited = 0; waited < patience && signal?.aborted !== true; waited = performance.now() - start) {
      const { dave, members, state } = this.#session
      if (dave === undefined || dave.isSettled || state === 'closed') return
      if (members.size === 0 && waited > ALONE) return
      await sleep(GLANCE)
    }
  }

  /** Somebody may take long to be ready: that is waited for once. */
  async #changed(signal: AbortSignal | undefined): Promise<void> {
    const isChanging = () => this.#session.dave?.isChanging === true
    if (isChanging() && this.#isPatient) await this.#settled(CHANGING, signal)
    this.#isPatient = !isChanging()
  }

  #speak(flags: number): void {
    this.#isSpeaking = flags !== 0
    this.#session.setSpeaking(flags)
    this.#loop.pump()
  }

  #apply(output: VoiceOutput): void {
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
        this.#media?.rediscover()
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
        return this.#hearEarly()
      case 'userConnected':
        return this.#events.emit('userConnected', output)
      case 'userDisconnected':
        return this.#events.emit('userDisconnected', output)
      case 'speaking':
        this.#events.emit('speaking', output)
        return this.#hearEarly()
      case 'keys':
        return this.#hearEarly()
      case 'wants':
        return this.#events.emit('wants', output)
      case 'codecs':
        return this.#events.emit('codecs', output)
      case 'encryption':
        return this.#events.emit('encryption', output)
    }
  }

  #openConnection(version: number): void {
    this.#connection = new Connection(voiceUrl(this.#options, version), this.#options.tls, {
      opened: () => this.#loop.feed(now => this.#session.connectionOpened(now)),
      received: data => this.#loop.feed(now => this.#session.messageReceived(data, now)),
      closed: (code, reason) => this.#loop.feed(now => this.#session.connectionClosed(code, reason, now)),
    })
  }

  /** Finds our address and answers with the mode. Media of a session that is gone meanwhile is left alone. */
  async #openMedia(ready: VoiceReady): Promise<void> {
    this.#closeMedia()
    const media = new VoiceMedia(ready, frame => this.#heard(frame))
    this.#media = media
    try {
      const mode = this.#chooseMode(ready)
      const { ip, port } = await media.open()
      if (this.#media !== media) return media.close()
      this.#session.select({ protocol: 'udp', address: ip, port, mode })
    } catch (error) {
      if (this.#media === media) this.#failMedia(error instanceof Error ? error.message : String(error))
    }
    this.#loop.pump()
  }

  /** A frame that cannot be opened is kept: its key may be on its way, or word of whose it is. */
  #heard(frame: HeardFrame): void {
    const now = performance.now()
    const { dave, members } = this.#session
    const userId = members.bySsrc(frame.ssrc)?.userId
    const payload = dave === undefined ? frame.payload : dave.open(userId, frame.payload)
    if (payload === undefined || this.#early.mustWait(frame, now)) this.#early.keep(frame, now)
    else this.#events.emit('frame', { ...frame, payload, userId })
  }

  #hearEarly(): void {
    const { dave, members } = this.#session
    const open = (frame: HeardFrame) => {
      const userId = members.bySsrc(frame.ssrc)?.userId
      const payload = dave?.tryOpen(userId, frame.payload)
      if (payload !== undefined) this.#events.emit('frame', { ...frame, payload, userId })
      return payload !== undefined
    }
    this.#early.retry(open, performance.now())
  }

  #failMedia(reason: string): void {
    this.#session.command(VoiceOp.NoRoute, {})
    this.#session.fail(reason, performance.now())
  }

  #chooseMode({ modes }: VoiceReady): VoiceMode {
    const wanted = this.#options.mode
    const mode = modes.find(offered => (wanted === undefined ? isMode(offered) : offered === wanted))
    if (mode === undefined) throw new Error(`expected mode ${wanted ?? 'of any known name'}, found ${modes.join(', ')}`)
    return mode as VoiceMode
  }

  #startMedia(description: VoiceDescription): void {
    if (this.#media === undefined) return
    if (description.protocol !== 'udp') return this.#session.fail('the node answered with WebRTC', performance.now())
    const { mode, key, mediaSessionId } = description
    if (!isMode(mode)) return this.#session.fail(`the node chose the unknown mode ${mode}`, performance.now())
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

const MODES: ReadonlySet<string> = new Set(Object.values(VoiceMode))
const isMode = (name: string): name is VoiceMode => MODES.has(name)

const frameTime = (frame: Uint8Array) => ((opusSamples(frame) ?? FRAME_SAMPLES) * 1_000) / OPUS_RATE
