// Who else is in the channel, and which ssrc is whose: kept from opcodes 5, 11, 12, 13, 18 and 20.
import type { Stream } from '@parley/protocol'

/** What is known of one other user. Fields are absent until the node has told them. */
export interface Member {
  readonly userId: string
  /** Of the user's audio. */
  ssrc?: number | undefined
  /** The flags last declared; 0 until then. */
  speaking: number
  video?: { ssrc: number; rtxSsrc?: number | undefined; streams: readonly Stream[] } | undefined
  /** Opcode 18. */
  flags?: number | undefined
  /** Opcode 20: 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation. */
  platform?: number | undefined
}

/** What others may see of it. */
export type MembersView = Pick<Members, 'size' | 'get' | 'bySsrc' | typeof Symbol.iterator>

/** A channel holds far fewer; a node gone wild must not fill our memory. */
const MOST_MEMBERS = 10_000

export class Members {
  readonly #byUser = new Map<string, Member>()
  readonly #bySsrc = new Map<number, Member>()

  get size(): number {
    return this.#byUser.size
  }
  get(userId: string): Readonly<Member> | undefined {
    return this.#byUser.get(userId)
  }
  /** Whose audio or video `ssrc` is. */
  bySsrc(ssrc: number): Readonly<Member> | undefined {
    return this.#bySsrc.get(ssrc)
  }
  *[Symbol.iterator](): IterableIterator<Readonly<Member>> {
    yield* this.#byUser.values()
  }

  /** Adds the user if they are new; says whether they were. A user past the bound is not added. */
  add(userId: string): boolean {
    if (this.#byUser.has(userId) || this.#byUser.size >= MOST_MEMBERS) return false
    this.#byUser.set(userId, { userId, speaking: 0 })
    return true
  }

  remove(userId: string): boolean {
    const member = this.#byUser.get(userId)
    if (member === undefined) return false
    this.#byUser.delete(userId)
    for (const ssrc of ssrcsOf(member)) this.#bySsrc.delete(ssrc)
    return true
  }

  /** Forgets everybody, and says who they were. */
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

  /** `audioSsrc` and `video` as opcode 12 says them; a video ssrc of 0 means that there is none. */
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
