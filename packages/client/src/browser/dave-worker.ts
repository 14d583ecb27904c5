// The page's end of the DAVE worker: passes DAVE messages to it, and has it seal and open the frames of senders and receivers.

import { LIMITS } from '../limits.ts'
import type { RemoteDave } from '../voice/dave/dave.ts'
import type { DaveCommand, DaveEvent } from '../voice/dave/dave-messages.ts'
import type { DaveReport, TransformOptions, WorkerReply, WorkerRequest } from './worker-messages.ts'

/** A `Worker` of the page that runs the script `@parley/client/dave-worker`. */
export interface DaveWorkerThread {
  postMessage(message: unknown): void
  terminate(): void
  addEventListener(
    type: 'message' | 'error',
    listener: (event: { readonly type: string; readonly data?: unknown; readonly message?: string }) => void,
  ): void
}

/** An RTCRtpSender or RTCRtpReceiver. */
export interface Transformable {
  transform: unknown
  readonly track?: { readonly kind: string } | null
}

/** Where the worker finds the WebAssembly of `@snazzah/davey`: a URL, relative to the page, or its bytes. */
export interface DaveWorkerOptions {
  wasm: string | Uint8Array
}

type Question = Extract<WorkerRequest, { kind: 'report' | 'verify' }>
type ScriptTransform = new (worker: unknown, options: TransformOptions) => unknown

const scriptTransform = (): ScriptTransform | undefined =>
  (globalThis as { RTCRtpScriptTransform?: ScriptTransform }).RTCRtpScriptTransform

/** Why this browser cannot encrypt end to end; undefined if it can. */
export function obstacleToDave(): string | undefined {
  if (!('WebAssembly' in globalThis)) return 'this browser has no WebAssembly'
  return scriptTransform() === undefined ? 'this browser has no RTCRtpScriptTransform' : undefined
}

/**
 * End-to-end encryption for a web client. The worker has the keys: it processes the DAVE messages of one voice session at a time,
 * and seals and opens the frames of the senders and receivers that were given to it. Nothing is sent, and nothing received is
 * passed on, before Session Description.
 *
 * Its version belongs into Identify (`max_dave_protocol_version`); `VoiceClientSession` with the option `dave` does that, and emits
 * the commands. A client with a gateway session of its own creates the commands itself, see `DaveCommand`.
 *
 * @example
 * ```ts
 * import { DaveWorker, type DaveWorkerThread, type Transformable } from '@parley/client/browser'
 * import { SessionLoop, VoiceClientSession, type VoiceOutput } from '@parley/client/sessions'
 *
 * // new Worker('/dave-worker.js', { type: 'module' }), the file that this package has as `@parley/client/dave-worker`.
 * declare const worker: DaveWorkerThread
 * // Opens the WebSocket, sends, and creates the RTCPeerConnection, with these transceivers first.
 * declare const apply: (output: VoiceOutput) => void
 * declare const microphone: { sender: Transformable }, member: { receiver: Transformable }
 *
 * const dave = await DaveWorker.open(worker, { wasm: '/davey.wasm' })
 * const credentials = { serverId: '100', channelId: '500', userId: '1', sessionId: '…', token: '…' }
 * const session = new VoiceClientSession({ ...credentials, dave })
 * const loop = new SessionLoop(session, output => (output.kind === 'dave' ? dave.command(output.command) : apply(output)))
 * dave.onEvent = event => loop.feed(() => session.daveEvent(event))
 *
 * // Right after `addTransceiver`:
 * dave.sealSender(microphone.sender, 'audio')
 * dave.openReceiver(member.receiver, 'audio')
 * // At each output about members:
 * dave.setSources(Array.from(session.members, ({ ssrc = 0, userId }) => [ssrc, userId]))
 * ```
 */
export class DaveWorker implements RemoteDave {
  readonly version: number
  /** Receives the events of the current voice session, to be passed to `VoiceClientSession.daveEvent`. */
  onEvent: (event: DaveEvent) => void = () => {}
  readonly #thread: DaveWorkerThread
  /** What settles each question that the worker has not answered. */
  readonly #asked = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>()
  #nextId = 0
  #isClosed = false
  /** Generation of the latest `described` in this worker, and in its session: each session counts from 1. */
  #generation = { worker: 0, session: 0 }

  /** `open` does this once the worker has loaded the library. */
  private constructor(thread: DaveWorkerThread, version: number) {
    this.#thread = thread
    this.version = version
    thread.addEventListener('message', ({ data }) => this.#received(data as WorkerReply))
  }

  /** Loads the library. Rejects with an Error if that fails; the worker is then terminated. */
  static async open(thread: DaveWorkerThread, { wasm }: DaveWorkerOptions): Promise<DaveWorker> {
    try {
      const obstacle = obstacleToDave()
      if (obstacle !== undefined) throw new Error(obstacle)
      return new DaveWorker(thread, await load(thread, wasm))
    } catch (error) {
      thread.terminate()
      throw error
    }
  }

  /** An output `dave` of the session. */
  command(command: DaveCommand): void {
    if (command.kind !== 'described') return this.#post({ kind: 'dave', command })
    const worker = this.#generation.worker + 1
    this.#generation = { worker, session: command.generation }
    this.#post({ kind: 'dave', command: { ...command, generation: worker } })
  }

  /** Seals what the sender sends. Call it before the first negotiation: browsers ignore a transform of a running sender. */
  sealSender(sender: Transformable, media: 'audio' | 'video'): void {
    sender.transform = this.#transform({ role: 'seal', media })
  }

  /** Opens what the receiver receives. Call it before the negotiation that connects the receiver. */
  openReceiver(receiver: Transformable, media: 'audio' | 'video'): void {
    receiver.transform = this.#transform({ role: 'open', media })
  }

  /** The user of each SSRC that the node announced, audio and video. Replaces the earlier ones. Frames of other SSRCs wait. */
  setSources(sources: Iterable<readonly [ssrc: number, userId: string]>): void {
    this.#post({ kind: 'sources', sources: [...sources] })
  }

  /** Codecs by payload type, from the SDP: `opus`, `VP8`, `VP9`, `H264`, `AV1`. Browsers that do not name the codec of a frame need it. */
  setCodecs(codecs: Iterable<readonly [payloadType: number, name: string]>): void {
    this.#post({ kind: 'codecs', codecs: [...codecs] })
  }

  /** Counts of frames. Rejects with an Error once the worker is closed. */
  report(): Promise<DaveReport> {
    return this.#ask<DaveReport>({ kind: 'report', id: this.#nextId++ })
  }

  /**
   * Code that this user and another member of the call compare to verify each other: 45 digits, the same for both. It depends on the
   * keys of the two only, which are new in each session. Undefined without a group, and for a user that is not in it. The worker
   * takes a second or two for it, in which it passes no frames: call it when the user asks for the code. Rejects with an Error if the
   * library cannot compute it, and once the worker is closed.
   */
  verificationCode(userId: string): Promise<string | undefined> {
    return this.#ask<string | undefined>({ kind: 'verify', id: this.#nextId++, userId })
  }

  /** Ends the worker. Its senders and receivers pass no more frames, and what it has not answered is rejected. */
  close(): void {
    this.#isClosed = true
    this.#thread.terminate()
    for (const { reject } of this.#asked.values()) reject(closed())
    this.#asked.clear()
  }

  async #ask<Answer>(question: Question): Promise<Answer> {
    if (this.#isClosed) throw closed()
    const answer = new Promise<unknown>((resolve, reject) => this.#asked.set(question.id, { resolve, reject }))
    this.#post(question)
    return (await answer) as Answer
  }

  #transform(options: TransformOptions): unknown {
    const Transform = scriptTransform()
    if (Transform === undefined) throw new Error('expected a browser with RTCRtpScriptTransform')
    return new Transform(this.#thread, options)
  }

  #received(reply: WorkerReply): void {
    if (reply.kind === 'dave') return this.#event(reply.event)
    if (reply.kind === 'loaded' || reply.kind === 'failed') return
    const asked = this.#asked.get(reply.id)
    this.#asked.delete(reply.id)
    if (reply.kind === 'refused') asked?.reject(new Error(reply.reason))
    else asked?.resolve(reply.kind === 'report' ? reply.report : reply.code)
  }

  /** An event of an earlier session has no effect on the present one. */
  #event({ generation, output }: DaveEvent): void {
    if (generation === this.#generation.worker) this.onEvent({ generation: this.#generation.session, output })
  }

  #post(request: WorkerRequest): void {
    this.#thread.postMessage(request)
  }
}

const closed = () => new Error('the DAVE worker is closed')

/** Resolves with the version of the library. */
function load(thread: DaveWorkerThread, wasm: string | Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the DAVE library did not load in time')), LIMITS.daveLoadTimeout)
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      finish()
    }
    thread.addEventListener('message', ({ data }) => {
      const reply = data as WorkerReply
      if (reply.kind === 'loaded') settle(() => resolve(reply.version))
      else if (reply.kind === 'failed') settle(() => reject(new Error(reply.reason)))
    })
    thread.addEventListener('error', ({ message = 'no reason given' }) => {
      settle(() => reject(new Error(`the DAVE worker did not start: ${message}`)))
    })
    const request: WorkerRequest = { kind: 'load', wasm: typeof wasm === 'string' ? absolute(wasm) : wasm }
    thread.postMessage(request)
  })
}

/** The worker would resolve a relative URL against its own script. */
function absolute(url: string): string {
  const base = (globalThis as { location?: { href: string } }).location?.href
  return base === undefined ? url : new URL(url, base).href
}
