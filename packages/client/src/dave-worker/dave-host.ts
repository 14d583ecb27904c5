// The DAVE session of a page in its worker: processes commands of the voice session, seals and opens frames.

import type { DaveReport } from '../browser/worker-messages.ts'
import { ClientDave, type DaveCodec, type DaveLibrary, type DaveMedia, outletTo } from '../voice/dave/dave.ts'
import type { DaveCommand, DaveEvent, DaveOutput } from '../voice/dave/dave-messages.ts'

interface Described {
  readonly dave: ClientDave
  readonly userId: string
  readonly channelId: string
}

/**
 * One call at a time. Before Session Description has named the DAVE version, and after the end of the voice session, no frame
 * passes in either direction.
 */
export class DaveHost {
  readonly report: DaveReport = { sealed: 0, clear: 0, unsent: 0, opened: 0, passed: 0, unopened: 0 }
  readonly #library: DaveLibrary
  readonly #emit: (event: DaveEvent) => void
  readonly #renewals = new Set<() => void>()
  #call: Described | undefined
  #generation = 0
  #users: ReadonlyMap<number, string> = new Map()
  #codecs: ReadonlyMap<number, string> = new Map()

  constructor(library: DaveLibrary, emit: (event: DaveEvent) => void) {
    this.#library = library
    this.#emit = emit
  }

  /** A library that fails leaves the call without keys: no frame passes while it is encrypted. */
  command(command: DaveCommand): void {
    try {
      this.#process(command)
    } catch (error) {
      this.#output({ kind: 'undecodable', reason: `DAVE: ${error instanceof Error ? error.message : error}` })
    }
  }

  #process(command: DaveCommand): void {
    switch (command.kind) {
      case 'described':
        return this.#described(command)
      case 'text':
        return void this.#call?.dave.receive(command.op, command.data)
      case 'binary': {
        const members = command.userIds.map(userId => ({ userId }))
        return this.#call?.dave.receiveBinary(command.op, command.payload, members)
      }
      case 'ended':
        this.#call = undefined
    }
  }

  /** The user of each SSRC. Frames of other SSRCs wait. */
  setSources(sources: Iterable<readonly [number, string]>): void {
    this.#users = new Map(sources)
    this.#renewed()
  }

  /** Names of codecs by payload type. */
  setCodecs(codecs: Iterable<readonly [number, string]>): void {
    this.#codecs = new Map(codecs)
  }
  codecOf(payloadType: number | undefined): string | undefined {
    return payloadType === undefined ? undefined : this.#codecs.get(payloadType)
  }

  /** The code of this user and another member; see `ClientDave`. */
  async verificationCode(userId: string): Promise<string | undefined> {
    return this.#call?.dave.verificationCode(userId)
  }

  /** Calls the listener when frames that could not be opened may be opened now. Returns a function that removes it. */
  onRenewal(listener: () => void): () => void {
    this.#renewals.add(listener)
    return () => void this.#renewals.delete(listener)
  }

  /** The frame to send; undefined if it must not be sent. Frames of unknown codecs are sent in unencrypted calls only. */
  seal(frame: Uint8Array, codec: DaveCodec | undefined): Uint8Array | undefined {
    const sealed = this.#trySeal(frame, codec)
    if (sealed === undefined) this.report.unsent++
    else if (sealed === frame) this.report.clear++
    else this.report.sealed++
    return sealed
  }

  /** The library throws for frames that it cannot seal, such as H264 in which each attempt contains a start code. */
  #trySeal(frame: Uint8Array, codec: DaveCodec | undefined): Uint8Array | undefined {
    const dave = this.#call?.dave
    if (dave === undefined || (codec === undefined && dave.version > 0)) return undefined
    try {
      return dave.seal(frame, codec)
    } catch {
      return undefined
    }
  }

  /** The decrypted frame; undefined if it cannot be decrypted, or not yet. `isRetry`: not a new frame, see `ClientDave`. */
  open(frame: Uint8Array, ssrc: number | undefined, media: DaveMedia, isRetry = false): Uint8Array | undefined {
    const dave = this.#call?.dave
    const userId = this.#users.get(ssrc ?? 0)
    const opened = isRetry ? dave?.tryOpen(userId, frame, media) : dave?.open(userId, frame, media)
    if (opened === frame) this.report.passed++
    else if (opened !== undefined) this.report.opened++
    return opened
  }

  /** A session of the library belongs to one user in one channel. */
  #described({ generation, version, userId, channelId }: Extract<DaveCommand, { kind: 'described' }>): void {
    this.#generation = generation
    if (this.#call?.userId !== userId || this.#call.channelId !== channelId) {
      const keys = this.#library.keysFor(userId, channelId)
      this.#call = {
        dave: new ClientDave(
          keys,
          outletTo(output => this.#output(output)),
        ),
        userId,
        channelId,
      }
    }
    this.#call.dave.described(version)
  }

  #output(output: DaveOutput): void {
    this.#emit({ generation: this.#generation, output })
    if (output.kind === 'keys' || output.kind === 'encryption') this.#renewed()
  }

  #renewed(): void {
    for (const listener of this.#renewals) listener()
  }
}
