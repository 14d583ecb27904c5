// Which video codec each sender is to use: its preferred one that every other member can decode (ops 4 and 14).
import { type Codec, VoiceOp } from '@parley/protocol'
import type { Deadlines, Timed } from '../../deadlines.ts'
import { LIMITS } from '../../limits.ts'
import { videoTypes } from '../../transport/video-mapping.ts'
import type { ChannelSession } from '../channel-session.ts'

interface Member {
  /** Names of the codecs it can decode, in lower case. */
  readonly decodes: ReadonlySet<string>
  /** The codec it was last sent. */
  assigned: string
}

/** Assigned to clients that list no codec to encode with. */
const FALLBACK_CODEC = 'H264'

/**
 * Assigns another codec immediately if a member cannot decode the present one; assigns a preferred codec only once the members and
 * their codecs have stayed the same for `videoBetterDelay`.
 */
export class VideoCodecs implements Timed {
  readonly #deadlines: Deadlines
  readonly #members = new Map<ChannelSession, Member>()
  /** By codec, how many members can decode it. */
  readonly #decoders = new Map<string, number>()
  #isStale = false
  #updatedAt = -Infinity
  #betterAt = Infinity

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  get deadline(): number {
    return this.#isStale ? this.#updatedAt + LIMITS.videoUpdateInterval : this.#betterAt
  }

  tick(now: number): void {
    if (now < this.deadline) return
    const isSettled = !this.#isStale
    this.#isStale = false
    this.#updatedAt = now
    this.#betterAt = Infinity
    for (const [session, member] of this.#members) this.#update(session, member, isSettled, now)
  }

  /** Chooses the codec for the session's Session Description, and counts it as a member if it has video. */
  choose(session: ChannelSession): string {
    this.leave(session)
    const assigned = this.#best(session, undefined)
    if (session.media.hasVideo) this.#join(session, assigned)
    return assigned
  }

  /** The codec that the session is to send; undefined without video. */
  of(session: ChannelSession): string | undefined {
    return this.#members.get(session)?.assigned
  }

  /** The session listed other codecs. */
  changed(session: ChannelSession): void {
    const before = this.#members.get(session)?.assigned
    const assigned = this.choose(session)
    if (before !== assigned && session.media.hasVideo) sendCodec(session, assigned)
  }

  /** Sends the assigned codec again, to a session that may have missed it. */
  repeat(session: ChannelSession): void {
    const member = this.#members.get(session)
    if (member !== undefined) sendCodec(session, member.assigned)
  }

  /** The session leaves the video, or is about to be counted again. */
  leave(session: ChannelSession): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    this.#members.delete(session)
    this.#count(member.decodes, -1)
  }

  close(): void {
    this.#members.clear()
    this.#decoders.clear()
    this.#isStale = false
    this.#betterAt = Infinity
    this.#deadlines.remove(this)
  }

  /** Counts the session among those that have to decode what others send. */
  #join(session: ChannelSession, assigned: string): void {
    const decodes = decodable(session.media.codecs)
    this.#members.set(session, { decodes, assigned })
    this.#count(decodes, 1)
  }

  #count(codecs: ReadonlySet<string>, change: 1 | -1): void {
    for (const name of codecs) this.#decoders.set(name, (this.#decoders.get(name) ?? 0) + change)
    this.#isStale = true
    this.#deadlines.update(this)
  }

  #update(session: ChannelSession, member: Member, isSettled: boolean, now: number): void {
    const best = this.#best(session, member)
    if (best === member.assigned) return
    const isUrgent = this.#isForAll(best, member) && !this.#isForAll(member.assigned, member)
    if (isUrgent || isSettled) {
      member.assigned = best
      sendCodec(session, best)
    } else this.#betterAt = now + LIMITS.videoBetterDelay
  }

  #best({ media }: ChannelSession, member: Member | undefined): string {
    const encodable = media.codecs
      .filter(({ type, encode }) => type === 'video' && encode !== false)
      .sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0))
    return (encodable.find(({ name }) => this.#isForAll(name, member)) ?? encodable[0])?.name ?? FALLBACK_CODEC
  }

  /** Whether every member other than `member` can decode it. */
  #isForAll(name: string, member: Member | undefined): boolean {
    const codec = name.toLowerCase()
    const others = this.#members.size - (member === undefined ? 0 : 1)
    const decoders = (this.#decoders.get(codec) ?? 0) - (member?.decodes.has(codec) ? 1 : 0)
    return decoders === others
  }
}

/** Codecs that the client decodes and the node forwards. */
const decodable = (codecs: readonly Codec[]): ReadonlySet<string> =>
  new Set(
    codecs
      .filter(codec => codec.decode !== false && videoTypes(codec).length > 0)
      .map(({ name }) => name.toLowerCase()),
  )

const sendCodec = (session: ChannelSession, codec: string): void =>
  session.sendText(VoiceOp.SessionUpdate, JSON.stringify({ audio_codec: 'opus', video_codec: codec }))
