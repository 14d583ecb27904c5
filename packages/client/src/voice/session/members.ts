// The other members of the channel and their SSRCs, from opcodes 5, 11, 12, 13, 18 and 20.
import type { Stream } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

/** Another member of the channel. Optional fields are absent until the node has sent them. */
export interface Member {
  /** Snowflake of the user. */
  readonly userId: string
  /** SSRC of the user's audio. */
  ssrc?: number | undefined
  /** Speaking flags (op 5): 1 voice, 2 soundshare, 4 priority; 0 while silent or undeclared. */
  speaking: number
  /** Video that the user sends (op 12); absent while there is none. */
  video?: { ssrc: number; rtxSsrc?: number | undefined; streams: readonly Stream[] } | undefined
  /** Client flags (op 18). */
  flags?: number | undefined
  /** Platform (op 20): 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation. */
  platform?: number | undefined
}

/** Read access to the members. */
export interface MembersView extends Iterable<Readonly<Member>> {
  readonly size: number
  /** The member with this user id. */
  get(userId: string): Readonly<Member> | undefined
  /** The member that sends audio or video with this SSRC. */
  bySsrc(ssrc: number): Readonly<Member> | undefined
}

export class Members implements MembersView {
  readonly #byUser = new Map<string, Member>()
  readonly #bySsrc = new Map<number, Member>()

  get size(): number {
    return this.#byUser.size
  }
  get(userId: string): Readonly<Member> | undefined {
    return this.#byUser.get(userId)
  }
  bySsrc(ssrc: number): Readonly<Member> | undefined {
    return this.#bySsrc.get(ssrc)
  }
  *[Symbol.iterator](): IterableIterator<Readonly<Member>> {
    yield* this.#byUser.values()
  }

  /** Adds a user. Returns false if the user is known, or the table is full. */
  add(userId: string): boolean {
    if (this.#byUser.has(userId) || this.#byUser.size >= LIMITS.members) return false
    this.#byUser.set(userId, { userId, speaking: 0 })
    return true
  }

  /** Removes a user. Returns false if the user is unknown. */
  remove(userId: string): boolean {
    const member = this.#byUser.get(userId)
    if (member === undefined) return false
    this.#byUser.delete(userId)
    for (const ssrc of ssrcsOf(member)) this.#bySsrc.delete(ssrc)
    return true
  }

  /** Removes all members and returns their user ids. */
  clear(): string[] {
    const users = [...this.#byUser.keys()]
    this.#byUser.clear()
    this.#bySsrc.clear()
    return users
  }

  setSpeaking(userId: string, ssrc: number, speaking: number): void {
    this.#change(userId, member => {
      member.speaking = speaking
      if (ssrc !== 0) member.ssrc = ssrc
    })
  }

  /** Op 12. An audio SSRC of 0 leaves the known one unchanged. */
  setVideo(userId: string, audioSsrc: number, video: Member['video']): void {
    this.#change(userId, member => {
      if (audioSsrc !== 0) member.ssrc = audioSsrc
      member.video = video
    })
  }

  setFlags(userId: string, flags: number): void {
    this.#change(userId, member => {
      member.flags = flags
    })
  }

  setPlatform(userId: string, platform: number): void {
    this.#change(userId, member => {
      member.platform = platform
    })
  }

  #change(userId: string, change: (member: Member) => void): void {
    const member = this.#byUser.get(userId)
    if (member === undefined) return
    for (const ssrc of ssrcsOf(member)) this.#bySsrc.delete(ssrc)
    change(member)
    for (const ssrc of ssrcsOf(member)) this.#bySsrc.set(ssrc, member)
  }
}

/** All SSRCs a member sends with. */
const ssrcsOf = (member: Member): number[] => {
  const { video } = member
  const streams = video?.streams.flatMap(stream => [stream.ssrc, stream.rtx_ssrc]) ?? []
  return [member.ssrc, video?.ssrc, video?.rtxSsrc, ...streams].filter(
    ssrc => ssrc !== undefined && ssrc !== 0,
  ) as number[]
}
