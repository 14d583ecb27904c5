// A member of a call in a case, with the voice client: plays numbered frames, and counts those of the others.
import { setTimeout as pause } from 'node:timers/promises'
import { type DaveLibrary, VoiceClient } from '@parley/client'
import type { VoiceMode } from '@parley/protocol'
import { CaseFailure, expect } from '../../checked-case.ts'
import type { NodeTarget } from '../node-target.ts'
import type { VoiceAccess } from '../node-under-test.ts'

const WAIT = 8_000
const PAUSE = 20

/** An Opus frame that differs from others by its number and its user. */
const frameOf = (number: number, userId: string): Uint8Array =>
  Buffer.concat([Buffer.from([0x78, 0x0a, number >> 8, number & 0xff]), Buffer.from(userId)])

export class CallMember {
  readonly userId: string
  readonly #client: VoiceClient
  /** Frames of the others, as text: each has the user and a number. */
  readonly #frames = new Set<string>()
  readonly #speakers = new Set<string>()
  #sent = 0

  /** Rejects with a `CaseFailure` if the join fails. */
  static async join(
    { url, ca }: NodeTarget,
    access: VoiceAccess,
    { mode, dave }: { mode?: VoiceMode | undefined; dave?: DaveLibrary | undefined } = {},
  ): Promise<CallMember> {
    const { guildId: serverId, ...credentials } = access
    const tls = url.startsWith('wss:') ? { ca } : (false as const)
    const client = new VoiceClient({ ...credentials, serverId, tls, mode, dave, attempts: 1 })
    const member = new CallMember(client, access.userId)
    try {
      await client.connect()
    } catch (error) {
      throw new CaseFailure(`a client cannot join: ${error instanceof Error ? error.message : error}`)
    }
    return member
  }

  private constructor(client: VoiceClient, userId: string) {
    this.#client = client
    this.userId = userId
    client.on('error', () => {})
    client.on('frame', ({ userId: speaker, payload }) => {
      this.#frames.add(Buffer.from(payload).toString('hex'))
      if (speaker !== undefined) this.#speakers.add(speaker)
    })
  }

  /** Of the end-to-end encryption; undefined without a group. */
  get privacyCode(): string | undefined {
    return this.#client.privacyCode
  }

  /** How many of these frames have arrived, unchanged. */
  heard = (frames: readonly string[]): number => frames.filter(frame => this.#frames.has(frame)).length
  /** Whether any packet of the user has arrived. */
  hasHeard = (userId: string): boolean => this.#speakers.has(userId)

  /** Sends frames of 20 ms until each listener has received one; resolves with those sent. Rejects with a `CaseFailure`. */
  async reaches(...listeners: readonly CallMember[]): Promise<string[]> {
    const sent: string[] = []
    const end = performance.now() + WAIT
    while (!listeners.every(listener => listener.heard(sent) > 0)) {
      expect(
        performance.now() < end,
        `no frame reached every listener within ${WAIT / 1_000} s, ${sent.length} were sent`,
      )
      sent.push(...this.burst(1))
      await pause(PAUSE)
    }
    return sent
  }

  /** Sends frames at once, and returns them. */
  burst(frames: number): string[] {
    return Array.from({ length: frames }, () => {
      const frame = frameOf(this.#sent++, this.userId)
      this.#client.sendFrame(frame)
      return Buffer.from(frame).toString('hex')
    })
  }

  /** Resolves when the call is encrypted end to end for this member. Rejects with a `CaseFailure`. */
  async encrypted(): Promise<void> {
    const end = performance.now() + WAIT
    while (this.privacyCode === undefined) {
      expect(performance.now() < end, `no group for end-to-end encryption within ${WAIT / 1_000} s`)
      await pause(PAUSE)
    }
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}
