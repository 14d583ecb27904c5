// The DAVE library of most bots, @snazzah/davey. It is native and optional.
// Each platform has a binary in a package of its own, so that loading may fail where the library is installed.
import { decodeProposals } from '@parley/protocol'
import type { DaveKeys, DaveLibrary } from './dave.ts'

type Davey = typeof import('@snazzah/davey')
type Session = InstanceType<Davey['DAVESession']>

/** Media type of the library's `decrypt`. */
const AUDIO = 0

/** Loads @snazzah/davey. Resolves with undefined if it is not installed, or does not run on this platform. */
export async function loadDavey(): Promise<DaveLibrary | undefined> {
  let davey: Davey
  try {
    davey = (await import('@snazzah/davey')).default as unknown as Davey
  } catch {
    return undefined
  }
  return {
    version: davey.DAVE_PROTOCOL_VERSION,
    keysFor: (userId, channelId) => new DaveyKeys(davey, userId, channelId),
  }
}

/** A Buffer over the same memory. */
const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

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
    return commit === undefined || welcome === undefined ? commit : Buffer.concat([commit, welcome])
  }
  processCommit(commit: Uint8Array): void {
    this.#session?.processCommit(bufferOf(commit))
  }
  processWelcome(welcome: Uint8Array): void {
    this.#session?.processWelcome(bufferOf(welcome))
  }
  seal(frame: Uint8Array): Uint8Array {
    return this.#session?.encryptOpus(bufferOf(frame)) ?? frame
  }
  open(userId: string, frame: Uint8Array): Uint8Array {
    return this.#session?.decrypt(userId, AUDIO, bufferOf(frame)) ?? frame
  }
  allowClear(seconds: number): void {
    this.#session?.setPassthroughMode(true, seconds)
  }
}
