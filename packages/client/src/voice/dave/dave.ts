// The client side of DAVE without the library that holds the keys: its messages, and which frames are sealed.
import { DaveTransition, decodeTransition, encodeClientBinary, OPUS_SILENCE, VoiceOp } from '@parley/protocol'
import { z } from 'zod'
import { LIMITS } from '../../limits.ts'
import type { DaveOutput } from './dave-messages.ts'

/** A codec whose frames DAVE seals, by its name in SDP. The codec decides which bytes of a frame stay readable for RTP. */
export type DaveCodec = 'opus' | 'VP8' | 'VP9' | 'H264' | 'AV1'

/** Audio and video of a user have keys of their own. */
export type DaveMedia = 'audio' | 'video'

/** The MLS state of one user in one channel, held by a DAVE library. */
export interface DaveKeys {
  /** Discards the group and creates a new one with the user as only member. Returns the key package to send (op 26). */
  reset(): Uint8Array
  /** Payload of op 25. */
  setExternalSender(entry: Uint8Array): void
  /** Payload of op 27 in, payload of op 28 out; undefined if there is nothing to commit. `users` may be in the group. */
  answer(proposals: Uint8Array, users: readonly string[]): Uint8Array | undefined
  /** A commit from op 29. Throws if it is invalid. */
  processCommit(commit: Uint8Array): void
  /** A Welcome from op 30. Throws if it is invalid. */
  processWelcome(welcome: Uint8Array): void
  /** Whether a group exists to seal frames for. */
  readonly isReady: boolean
  /** Code of the group for comparison by its users; undefined without a group. */
  readonly privacyCode: string | undefined
  /** Users of the group, the own one included; empty without a group. Only they can open what `seal` returns. */
  readonly userIds: readonly string[]
  /** Encrypts a frame. */
  seal(frame: Uint8Array, codec: DaveCodec): Uint8Array
  /** Decrypts a frame of a user. Throws if that fails. */
  open(userId: string, frame: Uint8Array, media: DaveMedia): Uint8Array
  /** Accepts unencrypted frames too for this number of seconds. */
  allowClear(seconds: number): void
  /**
   * Code of the keys of the user and of another user of the group, for comparison by these two. It takes a second or more. Rejects
   * for a user that is not in the group. Absent where the library has none.
   */
  verificationCode?(userId: string): Promise<string>
}

/** A DAVE library, such as `loadDavey` returns. */
export interface DaveLibrary {
  /** The highest protocol version that it supports. */
  readonly version: number
  /** Creates the state of one user in one channel. */
  keysFor(userId: string, channelId: string): DaveKeys
}

/**
 * A DAVE library in another thread. The session emits its DAVE messages as outputs `dave`, to be passed there, and accepts the
 * answers as `daveEvent`. Frames are sealed and opened in that thread.
 */
export interface RemoteDave {
  /** The highest protocol version that the library supports. */
  readonly version: number
}

/** Receives the messages and events of a ClientDave. */
export interface DaveOutlet {
  /** Sends a JSON message. */
  sendText(op: number, data: unknown): void
  /** Sends a binary message, opcode included. */
  sendBinary(bytes: Uint8Array): void
  /** The version in force, or the group, changed. `userIds`: its users; empty while frames are not encrypted end to end. */
  changed(version: number, privacyCode: string | undefined, userIds: readonly string[]): void
  /** New keys: frames that failed to decrypt may decrypt now. */
  renewed(): void
  /** A message did not decode, or the library refused it. */
  failed(reason: string): void
}

/** An outlet that pushes outputs of a session. */
export const outletTo = (push: (output: DaveOutput) => void): DaveOutlet => ({
  sendText: (op, d) => push({ kind: 'send', data: JSON.stringify({ op, d }) }),
  sendBinary: data => push({ kind: 'send', data }),
  changed: (version, privacyCode, userIds) => push({ kind: 'encryption', version, privacyCode, userIds }),
  renewed: () => push({ kind: 'keys' }),
  failed: reason => push({ kind: 'undecodable', reason }),
})

const PrepareTransition = z.object({ transition_id: z.int(), protocol_version: z.int() })
const PrepareEpoch = z.object({ protocol_version: z.int(), epoch: z.int() })

/** Opus silence, the only frame that is never sealed. */
export const isSilence = (frame: Uint8Array): boolean =>
  frame.length === OPUS_SILENCE.length && OPUS_SILENCE.every((byte, index) => frame[index] === byte)

/** Length of the shortest trailer of a sealed frame: tag (8), nonce (1), trailer length (1), marker (2). */
const MIN_TRAILER = 12
/** Each of the two marker bytes that end a sealed frame. */
const MARKER = 0xfa

/** Detects a sealed frame by its trailer. One in seventy thousand unsealed frames is mistaken for one. */
function isSealed(frame: Uint8Array): boolean {
  const [appended = 0, ...marker] = frame.subarray(-3)
  return marker.every(byte => byte === MARKER) && appended >= MIN_TRAILER && appended <= frame.length
}

/**
 * Answers the node's DAVE messages and decides which frames are sealed. `VoiceClientSession` feeds it opcodes 21, 22,
 * 24 (JSON) and 25, 27, 29, 30 (binary); `VoiceClient` passes each frame through `seal` or `open`. States, messages and
 * their order: docs/dave.md.
 */
export class ClientDave {
  readonly #keys: DaveKeys
  readonly #outlet: DaveOutlet
  /** The version in force for sending. */
  #version = 0
  /** The version in force after the pending transition. */
  #prepared = 0
  /** Prepared transitions: id to resulting version. */
  readonly #pending = new Map<number, number>()
  #lastTransition = 0
  /** Whether op 31 was sent and neither a new start, nor a Welcome, nor an executed transition has followed. */
  #isRecovering = false
  /** Consecutive frames that did not decrypt. */
  #failures = 0

  constructor(keys: DaveKeys, outlet: DaveOutlet) {
    this.#keys = keys
    this.#outlet = outlet
  }

  /** The protocol version in force; 0 while frames are not encrypted end to end. */
  get version(): number {
    return this.#version
  }
  /** Whether all members can open frames sent now: not while a group is being set up, and not while its keys change. */
  get isSettled(): boolean {
    return this.#version === 0 || (this.#keys.isReady && !this.isChanging)
  }
  /** Whether a transition is pending: the library seals with new keys already, and other members may not have them yet. */
  get isChanging(): boolean {
    return this.#pending.size > 0
  }
  /** Code that the users compare to verify the encryption; undefined while frames are not encrypted end to end. */
  get privacyCode(): string | undefined {
    return this.#version > 0 && this.#keys.isReady ? this.#keys.privacyCode : undefined
  }

  /**
   * Code that this user and another member compare to verify each other's keys: 45 digits. Undefined without a group, for a user that
   * is not in it, and if the group changed until the code was there.
   */
  async verificationCode(userId: string): Promise<string | undefined> {
    const group = this.privacyCode
    if (group === undefined || !this.#keys.userIds.includes(userId)) return undefined
    const code = await this.#keys.verificationCode?.(userId).catch(() => undefined)
    return this.privacyCode === group ? code : undefined
  }

  /** Session Description names the version of the call. Each one resets the group. */
  described(version: number): void {
    this.#pending.clear()
    this.#isRecovering = false
    this.#version = version
    this.#prepared = version
    if (version > 0) this.#reset()
    this.#report()
  }

  /** Handles opcodes 21, 22 and 24. Returns false for others. */
  receive(op: number, data: unknown): boolean {
    if (op === VoiceOp.DavePrepareTransition) this.#read(PrepareTransition, data, message => this.#prepare(message))
    else if (op === VoiceOp.DavePrepareEpoch) this.#read(PrepareEpoch, data, message => this.#prepareEpoch(message))
    else if (op === VoiceOp.DaveExecuteTransition)
      this.#read(DaveTransition, data, message => this.#execute(message.transition_id))
    else return false
    return true
  }

  /** Handles opcodes 25, 27, 29 and 30. A message that the library refuses is reported; the node recreates the group in the end. */
  receiveBinary(op: number, payload: Uint8Array, members: Iterable<{ userId: string }>): void {
    try {
      this.#take(op, payload, members)
    } catch (error) {
      this.#outlet.failed(`opcode ${op}: ${error instanceof Error ? error.message : error}`)
    }
  }

  /** Dispatches a binary message. Errors of the library are the caller's to catch. */
  #take(op: number, payload: Uint8Array, members: Iterable<{ userId: string }>): void {
    if (op === VoiceOp.DaveExternalSender) this.#keys.setExternalSender(payload)
    else if (op === VoiceOp.DaveProposals)
      this.#answer(
        payload,
        Array.from(members, member => member.userId),
      )
    else if (op === VoiceOp.DaveAnnounceCommit) this.#use(payload, body => this.#keys.processCommit(body))
    else if (op === VoiceOp.DaveWelcome) {
      // It answers the newest key package: if it cannot be used, the node needs another one.
      this.#isRecovering = false
      this.#use(payload, body => this.#keys.processWelcome(body))
    }
  }

  /** The frame to send; undefined if it must be sealed and no group exists yet. */
  seal(frame: Uint8Array, codec: DaveCodec = 'opus'): Uint8Array | undefined {
    if (this.#version === 0 || (codec === 'opus' && isSilence(frame))) return frame
    return this.#keys.isReady ? this.#keys.seal(frame, codec) : undefined
  }

  /** The decrypted frame; undefined if it cannot be decrypted, or not yet. Too many failures in a row reset the group. */
  open(userId: string | undefined, frame: Uint8Array, media: DaveMedia = 'audio'): Uint8Array | undefined {
    const opened = this.tryOpen(userId, frame, media)
    if (opened === undefined && userId !== undefined && this.#keys.isReady) this.#failed()
    else if (opened !== undefined && opened !== frame) this.#failures = 0
    return opened
  }

  /** As `open`, without counting failures. */
  tryOpen(userId: string | undefined, frame: Uint8Array, media: DaveMedia = 'audio'): Uint8Array | undefined {
    if ((media === 'audio' && isSilence(frame)) || (this.#version === 0 && !isSealed(frame))) return frame
    if (!this.#keys.isReady) return this.#version === 0 && this.#prepared === 0 ? frame : undefined
    if (userId === undefined) return undefined
    try {
      return this.#keys.open(userId, frame, media)
    } catch {
      return undefined
    }
  }

  /** Op 21: a transition was announced. Id 0 takes effect at once, any other with op 22. */
  #prepare({ transition_id: id, protocol_version: version }: z.infer<typeof PrepareTransition>): void {
    this.#pending.set(id, version)
    if (id === 0) return this.#execute(0)
    if (version === 0) this.#keys.allowClear(LIMITS.downgradeOverlapSeconds)
    this.#outlet.sendText(VoiceOp.DaveTransitionReady, { transition_id: id })
  }

  /**
   * Op 22, or transition 0: the version of the transition is in force. Frames that are on their way were sent under the
   * previous one, so that unencrypted frames stay acceptable for a moment.
   */
  #execute(id: number): void {
    const version = this.#pending.get(id)
    if (version === undefined) return
    this.#pending.delete(id)
    if (this.#version !== version) this.#keys.allowClear(LIMITS.clearOverlapSeconds)
    this.#version = version
    this.#prepared = version
    this.#lastTransition = id
    this.#isRecovering = false
    this.#report()
  }

  /** Op 24. Epoch 1 means a new group, for which the client sends a new key package; other epochs need no reaction. */
  #prepareEpoch({ protocol_version: version, epoch }: z.infer<typeof PrepareEpoch>): void {
    if (epoch !== 1) return
    // The node has executed every transition of the old group, but op 22 may be lost with a connection.
    this.#pending.clear()
    this.#isRecovering = false
    this.#prepared = version
    this.#reset()
    if (this.#version === 0) this.#keys.allowClear(LIMITS.clearOverlapSeconds)
  }

  #answer(proposals: Uint8Array, users: readonly string[]): void {
    const commit = this.#keys.answer(proposals, users)
    if (commit !== undefined) this.#outlet.sendBinary(encodeClientBinary(VoiceOp.DaveCommitWelcome, commit))
  }

  /**
   * Op 29 and op 30: the library processes the commit or Welcome, then the client reports that it is ready (op 23), or
   * recovers.
   */
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

  /**
   * A frame did not decrypt. During a transition that is normal; otherwise too many in a row mean that the group is
   * broken.
   */
  #failed(): void {
    if (this.#isRecovering || this.#pending.size > 0 || this.#version === 0) return
    if (++this.#failures > LIMITS.decryptFailures) this.#recover(this.#lastTransition)
  }

  /**
   * Op 31, then a new key package: the node removes and adds this client in its next batch. Commits that arrive until then were made for
   * the group that was left, and are not reported.
   */
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

  #report(): void {
    const code = this.privacyCode
    this.#outlet.changed(this.#version, code, code === undefined ? [] : this.#keys.userIds)
  }

  #read<T>(schema: z.ZodType<T>, data: unknown, use: (message: T) => void): void {
    const message = schema.safeParse(data)
    if (message.success) use(message.data)
    else this.#outlet.failed('a DAVE message did not decode')
  }
}
