// A voice client's half of DAVE, without the library that holds the keys: what is said when, and which frames are sealed.
import { DaveTransition, decodeTransition, encodeClientBinary, OPUS_SILENCE, VoiceOp } from '@parley/protocol'
import { z } from 'zod'
import type { VoiceOutput } from '../session/outputs.ts'

/** One user's keys in one channel, as a library for DAVE has them. */
export interface DaveKeys {
  /** Starts from nothing, with a group of its own. Returns the key package to send. */
  reset(): Uint8Array
  setExternalSender(entry: Uint8Array): void
  /** Op 27 in, op 28 out; undefined if there is nothing to commit to. `users` are those who may be in the group. */
  answer(proposals: Uint8Array, users: readonly string[]): Uint8Array | undefined
  /** Both throw if they cannot be used. */
  processCommit(commit: Uint8Array): void
  processWelcome(welcome: Uint8Array): void
  /** Whether there is a group to seal for. */
  readonly isReady: boolean
  /** Of the group, to be compared by its users; undefined without one. */
  readonly privacyCode: string | undefined
  seal(frame: Uint8Array): Uint8Array
  /** Throws if the frame cannot be opened. */
  open(userId: string, frame: Uint8Array): Uint8Array
  /** For so many seconds, frames that are not sealed are taken too. */
  allowClear(seconds: number): void
}

export interface DaveLibrary {
  /** The highest protocol version spoken. */
  readonly version: number
  keysFor(userId: string, channelId: string): DaveKeys
}

/** What it has to say to the node. */
export interface DaveOutlet {
  sendText(op: number, data: unknown): void
  sendBinary(bytes: Uint8Array): void
  /** The version in force, or the group, is another. */
  changed(version: number, privacyCode: string | undefined): void
  /** There are new keys to open frames with. */
  renewed(): void
  failed(reason: string): void
}

/** As outputs of a session. */
export const outletTo = (push: (output: VoiceOutput) => void): DaveOutlet => ({
  sendText: (op, d) => push({ kind: 'send', data: JSON.stringify({ op, d }) }),
  sendBinary: data => push({ kind: 'send', data }),
  changed: (version, privacyCode) => push({ kind: 'encryption', version, privacyCode }),
  renewed: () => push({ kind: 'keys' }),
  failed: reason => push({ kind: 'undecodable', reason }),
})

const PrepareTransition = z.object({ transition_id: z.int(), protocol_version: z.int() })
const PrepareEpoch = z.object({ protocol_version: z.int(), epoch: z.int() })

/** Frames on their way when a call changes between sealed and clear. */
const OVERLAP = 10
/** A downgrade may be prepared long before it is executed. */
const DOWNGRADE_OVERLAP = 24
/** Frames in a row that did not open before the client starts anew: what discord.js tolerates. */
const TOLERANCE = 36

/** The one frame that is never sealed. */
export const isSilence = (frame: Uint8Array): boolean =>
  frame.length === OPUS_SILENCE.length && OPUS_SILENCE.every((byte, index) => frame[index] === byte)

/** Tag, nonce of one byte, the count of all that is appended, and the marker that ends every sealed frame. */
const LEAST_APPENDED = 12
const MARKER = 0xfa

/** By its end; of frames that are not sealed, one in seventy thousand looks as if it were. */
function isSealed(frame: Uint8Array): boolean {
  const [appended = 0, ...marker] = frame.subarray(-3)
  return marker.every(byte => byte === MARKER) && appended >= LEAST_APPENDED && appended <= frame.length
}

export class ClientDave {
  readonly #keys: DaveKeys
  readonly #outlet: DaveOutlet
  /** In force for what we send. */
  #version = 0
  /** In force once what is being prepared is executed. */
  #prepared = 0
  readonly #pending = new Map<number, number>()
  #lastTransition = 0
  #isRecovering = false
  #failures = 0

  constructor(keys: DaveKeys, outlet: DaveOutlet) {
    this.#keys = keys
    this.#outlet = outlet
  }

  get version(): number {
    return this.#version
  }
  /** Whether what is sent now will be heard by all: not while a group is being made, and not while its keys change. */
  get isSettled(): boolean {
    return this.#version === 0 || (this.#keys.isReady && !this.isChanging)
  }
  /** Whether a transition is prepared and not executed: others may not have the keys yet with which the library seals. */
  get isChanging(): boolean {
    return this.#pending.size > 0
  }
  get privacyCode(): string | undefined {
    return this.#version > 0 && this.#keys.isReady ? this.#keys.privacyCode : undefined
  }

  /** Session Description names the version of the call; a second one starts everything anew. */
  described(version: number): void {
    this.#pending.clear()
    this.#version = version
    this.#prepared = version
    if (version > 0) this.#reset()
    this.#tell()
  }

  /** Opcodes 21, 22 and 24; whether it was one of them. */
  receive(op: number, data: unknown): boolean {
    if (op === VoiceOp.DavePrepareTransition) this.#read(PrepareTransition, data, message => this.#prepare(message))
    else if (op === VoiceOp.DavePrepareEpoch) this.#read(PrepareEpoch, data, message => this.#prepareEpoch(message))
    else if (op === VoiceOp.DaveExecuteTransition)
      this.#read(DaveTransition, data, message => this.#execute(message.transition_id))
    else return false
    return true
  }

  /** Opcodes 25, 27, 29 and 30. What the library does not take is left alone: the node makes a new group in the end. */
  receiveBinary(op: number, payload: Uint8Array, members: Iterable<{ userId: string }>): void {
    try {
      this.#take(op, payload, members)
    } catch (error) {
      this.#outlet.failed(`opcode ${op}: ${error instanceof Error ? error.message : error}`)
    }
  }

  #take(op: number, payload: Uint8Array, members: Iterable<{ userId: string }>): void {
    if (op === VoiceOp.DaveExternalSender) this.#keys.setExternalSender(payload)
    else if (op === VoiceOp.DaveProposals)
      this.#answer(
        payload,
        Array.from(members, member => member.userId),
      )
    else if (op === VoiceOp.DaveAnnounceCommit) this.#use(payload, body => this.#keys.processCommit(body))
    else if (op === VoiceOp.DaveWelcome) this.#use(payload, body => this.#keys.processWelcome(body))
  }

  /** The frame as it is to be sent; undefined if it would have to be sealed and there is no group yet. */
  seal(frame: Uint8Array): Uint8Array | undefined {
    if (this.#version === 0 || isSilence(frame)) return frame
    return this.#keys.isReady ? this.#keys.seal(frame) : undefined
  }

  /** The frame as it was said; undefined if it cannot be opened, or not yet. Too many in a row, and the client starts anew. */
  open(userId: string | undefined, frame: Uint8Array): Uint8Array | undefined {
    const opened = this.tryOpen(userId, frame)
    if (opened === undefined && userId !== undefined && this.#keys.isReady) this.#failed()
    else if (opened !== undefined && opened !== frame) this.#failures = 0
    return opened
  }

  /** The same, and nothing follows from it. */
  tryOpen(userId: string | undefined, frame: Uint8Array): Uint8Array | undefined {
    if (isSilence(frame) || (this.#version === 0 && !isSealed(frame))) return frame
    if (!this.#keys.isReady) return this.#version === 0 && this.#prepared === 0 ? frame : undefined
    if (userId === undefined) return undefined
    try {
      return this.#keys.open(userId, frame)
    } catch {
      return undefined
    }
  }

  #prepare({ transition_id: id, protocol_version: version }: z.infer<typeof PrepareTransition>): void {
    this.#pending.set(id, version)
    if (id === 0) return this.#execute(0)
    if (version === 0) this.#keys.allowClear(DOWNGRADE_OVERLAP)
    this.#outlet.sendText(VoiceOp.DaveTransitionReady, { transition_id: id })
  }

  #execute(id: number): void {
    const version = this.#pending.get(id)
    if (version === undefined) return
    this.#pending.delete(id)
    if (this.#version !== version) this.#keys.allowClear(OVERLAP)
    this.#version = version
    this.#prepared = version
    this.#lastTransition = id
    this.#isRecovering = false
    this.#tell()
  }

  #prepareEpoch({ protocol_version: version, epoch }: z.infer<typeof PrepareEpoch>): void {
    if (epoch !== 1) return
    this.#prepared = version
    this.#reset()
    if (this.#version === 0) this.#keys.allowClear(OVERLAP)
  }

  #answer(proposals: Uint8Array, users: readonly string[]): void {
    const commit = this.#keys.answer(proposals, users)
    if (commit !== undefined) this.#outlet.sendBinary(encodeClientBinary(VoiceOp.DaveCommitWelcome, commit))
  }

  #use(payload: Uint8Array, process: (body: Uint8Array) => void): void {
    const { transitionId, body } = decodeTransition(payload)
    try {
      process(body)
    } catch {
      return this.#recover(transitionId)
    }
    this.#pending.set(transitionId, this.#prepared)
    this.#outlet.renewed()
    if (transitionId === 0) this.#execute(0)
    else this.#outlet.sendText(VoiceOp.DaveTransitionReady, { transition_id: transitionId })
  }

  #failed(): void {
    if (this.#isRecovering || this.#pending.size > 0 || this.#version === 0) return
    if (++this.#failures > TOLERANCE) this.#recover(this.#lastTransition)
  }

  #recover(transitionId: number): void {
    if (this.#isRecovering) return
    this.#isRecovering = true
    this.#outlet.sendText(VoiceOp.DaveInvalidCommitWelcome, { transition_id: transitionId })
    this.#reset()
  }

  #reset(): void {
    this.#failures = 0
    this.#outlet.sendBinary(encodeClientBinary(VoiceOp.DaveKeyPackage, this.#keys.reset()))
  }

  #tell(): void {
    this.#outlet.changed(this.#version, this.privacyCode)
  }

  #read<T>(schema: z.ZodType<T>, data: unknown, use: (message: T) => void): void {
    const message = schema.safeParse(data)
    if (message.success) use(message.data)
    else this.#outlet.failed('a DAVE message did not decode')
  }
}
