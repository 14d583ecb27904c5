// The keys of DAVE in @snazzah/davey, native or WebAssembly.
import { decodeProposals } from '@parley/protocol'
import type { DaveCodec, DaveKeys, DaveLibrary, DaveMedia } from './dave.ts'

/** The module of the library. */
export type Davey = typeof import('@snazzah/davey')
type Session = InstanceType<Davey['DAVESession']>

/** Numbers of the library's enumerations. */
const MEDIA: Readonly<Record<DaveMedia, number>> = { audio: 0, video: 1 }
const CODECS: Readonly<Record<DaveCodec, number>> = { opus: 1, VP8: 2, VP9: 3, H264: 4, AV1: 6 }
const mediaOf = (codec: DaveCodec): number => (codec === 'opus' ? MEDIA.audio : MEDIA.video)

/** The library as `ClientDave` uses it. */
export const daveyLibrary = (davey: Davey): DaveLibrary => ({
  version: davey.DAVE_PROTOCOL_VERSION,
  keysFor: (userId, channelId) => new DaveyKeys(davey, userId, channelId),
})

/** A Buffer over the same memory. */
const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/**
 * One DAVESession of the library. Before `reset` there is none: sealing and opening then return the frame unchanged,
 * and `isReady` is false.
 */
class DaveyKeys implements DaveKeys {
  readonly #davey: Davey
  readonly #userId: string
  readonly #channelId: string
  #session: Session | undefined

  constructor(davey: Davey, userId: string, channelId: string) {
    this.#davey = davey
    this.#userId = userId
    this.#channelId = channelId
  }

  get isReady(): boolean {
    return this.#session?.ready ?? false
  }
  get privacyCode(): string | undefined {
    return this.#session?.voicePrivacyCode || undefined
  }
  get userIds(): readonly string[] {
    return this.#session?.getUserIds() ?? []
  }

  /** The first call creates the library's session; later ones start another group in the same session. */
  reset(): Uint8Array {
    const version = this.#davey.DAVE_PROTOCOL_VERSION
    if (this.#session === undefined) this.#session = new this.#davey.DAVESession(version, this.#userId, this.#channelId)
    else this.#session.reinit(version, this.#userId, this.#channelId)
    return this.#session.getSerializedKeyPackage()
  }
  setExternalSender(entry: Uint8Array): void {
    this.#session?.setExternalSender(bufferOf(entry))
  }
  answer(proposals: Uint8Array, users: readonly string[]): Uint8Array | undefined {
    const { operation, messages } = decodeProposals(proposals)
    const { commit, welcome } = this.#session?.processProposals(operation, bufferOf(messages), [...users]) ?? {}
    return commit === undefined || welcome === undefined ? commit : joined(commit, welcome)
  }
  processCommit(commit: Uint8Array): void {
    this.#session?.processCommit(bufferOf(commit))
  }
  processWelcome(welcome: Uint8Array): void {
    this.#session?.processWelcome(bufferOf(welcome))
  }
  seal(frame: Uint8Array, codec: DaveCodec): Uint8Array {
    return this.#session?.encrypt(mediaOf(codec), CODECS[codec], bufferOf(frame)) ?? frame
  }
  open(userId: string, frame: Uint8Array, media: DaveMedia): Uint8Array {
    return this.#session?.decrypt(userId, MEDIA[media], bufferOf(frame)) ?? frame
  }
  async verificationCode(userId: string): Promise<string> {
    if (this.#session === undefined) throw new Error('expected a group, found none')
    return this.#session.getVerificationCode(userId)
  }
  allowClear(seconds: number): void {
    this.#session?.setPassthroughMode(true, seconds)
  }
}
