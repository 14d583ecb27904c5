// Discord's libdave as the DAVE library of a Parley client: its keys are in a process of another language.
import type { DaveLibrary } from '@parley/client'
import type { DaveCodec, DaveKeys, DaveMedia } from '../../packages/client/src/voice/dave/dave.ts'
import type { LineProcess } from './line-process.ts'

/** Digits of a group of the privacy code, and how many bytes of the epoch's authenticator each comes from. */
const GROUP = 5
const GROUPS = 6

let lastClient = 0

/** `users` may be in the group. */
export const libdaveLibrary = (process: LineProcess, users: readonly string[]): DaveLibrary => ({
  version: 1,
  keysFor: (userId, channelId) => new LibdaveKeys(process, users, userId, channelId),
})

class LibdaveKeys implements DaveKeys {
  readonly #process: LineProcess
  readonly #users: readonly string[]
  readonly #client = `keys ${++lastClient}`
  #authenticator: Buffer | undefined
  #members: readonly string[] = []

  constructor(process: LineProcess, users: readonly string[], user_id: string, channel_id: string) {
    this.#process = process
    this.#users = users
    this.#ask('open_keys', { user_id, channel_id })
  }

  get isReady(): boolean {
    return this.#authenticator !== undefined
  }
  get privacyCode(): string | undefined {
    return this.#authenticator && privacyCodeOf(this.#authenticator)
  }
  get userIds(): readonly string[] {
    return this.#members
  }

  reset(): Uint8Array {
    this.#authenticator = undefined
    this.#members = []
    return bytesOf(this.#ask('reset', {}).payload)
  }
  setExternalSender(entry: Uint8Array): void {
    this.#ask('external_sender', { payload: encoded(entry) })
  }
  answer(proposals: Uint8Array, users: readonly string[]): Uint8Array | undefined {
    const { payload } = this.#ask('answer', { payload: encoded(proposals), users })
    return payload === null ? undefined : bytesOf(payload)
  }
  processCommit(commit: Uint8Array): void {
    this.#join('commit', commit)
  }
  processWelcome(welcome: Uint8Array): void {
    this.#join('welcome', welcome)
  }
  seal(frame: Uint8Array, codec: DaveCodec): Uint8Array {
    return bytesOf(this.#ask('seal', { frame: encoded(frame), codec }).frame)
  }
  open(user_id: string, frame: Uint8Array, media: DaveMedia): Uint8Array {
    return bytesOf(this.#ask('open', { user_id, frame: encoded(frame), media }).frame)
  }
  allowClear(seconds: number): void {
    this.#ask('allow_clear', { seconds })
  }

  #join(by: 'commit' | 'welcome', bytes: Uint8Array): void {
    const { authenticator, users } = this.#ask(by, { payload: encoded(bytes), users: this.#users })
    this.#authenticator = bytesOf(authenticator)
    this.#members = users as string[]
  }

  /** Throws if libdave refuses. */
  #ask(what: string, fields: object): Record<string, unknown> {
    return this.#process.ask({ do: what, client: this.#client, ...fields })
  }
}

const encoded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const bytesOf = (text: unknown): Buffer => Buffer.from(String(text), 'base64')

/** The code that users compare: six groups of five digits, each from five bytes of the authenticator. */
const privacyCodeOf = (authenticator: Buffer): string =>
  Array.from({ length: GROUPS }, (_, group) =>
    String(authenticator.readUIntBE(group * GROUP, GROUP) % 10 ** GROUP).padStart(GROUP, '0'),
  ).join('')
