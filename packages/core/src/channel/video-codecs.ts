// Which video codec each sender is told to use: its first that everybody else can decode (ops 4 and 14).
import { type Codec, VoiceOp } from '@parley/protocol'
import type { Deadlines, Timed } from '../deadlines.ts'
import { LIMITS } from '../limits.ts'
import { videoTypes } from '../transport/video-mapping.ts'
import type { ChannelSession } from './channel.ts'

interface Member {
  /** What it can decode, in small letters. */
  readonly decodes: ReadonlySet<string>
  /** The codec it was told to send with. */
  told: string
}

/** What clients are told if they can encode nothing. */
const NOTHING_BETTER = 'H264'

/**
 * Told at once when somebody who is there could not decode what a sender was told to send; for another reason, that is
 * a codec that would be better, only once members and their codecs have stayed the same for a while.
 */
export class VideoCodecs implements Timed {
  readonly #deadlines: Deadlines
  readonly #members = new Map<ChannelSession, Member>()
  /** By codec, how many members can decode it. */
  readonly #decoders = new Map<string, number>()
  #isStale = false
  #lookedAt = -Infinity
  #betterAt = Infinity

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  get deadline(): number {
    return this.#isStale ? this.#lookedAt + LIMITS.videoUpdateInterval : this.#betterAt
  }

  tick(now: number): void {
    if (now < this.deadline) return
    const isSettled = !this.#isStale
    this.#isStale = false
    this.#lookedAt = now
    this.#betterAt = Infinity
    for (const [session, member] of this.#members) this.#look(session, member, isSettled, now)
  }

  /** The session is about to be told which codec to send with. */
  choose(session: ChannelSession): string {
    this.leave(session)
    const told = this.#best(session, undefined)
    if (session.hasVideo) this.#join(session, told)
    return told
  }

  /** The session has listed other codecs. */
  changed(session: ChannelSession): void {
    const before = this.#members.get(session)?.told
    const told = this.choose(session)
    if (before !== told && session.hasVideo) tell(session, told)
  }

  /** The session may have missed what it was told. */
  repeat(session: ChannelSession): void {
    const member = this.#members.get(session)
    if (member !== undefined) tell(session, member.told)
  }

  leave(session: ChannelSession): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    this.#members.delete(session)
    this.#count(member.decodes, -1)
  }

  /** Nobody is told of anything any more. */
  close(): void {
    this.#members.clear()
    this.#decoders.clear()
    this.#isStale = false
    this.#betterAt = Infinity
    this.#deadlines.remove(this)
  }

  #join(session: ChannelSession, told: string): void {
    const decodes = decodable(session.codecs)
    this.#members.set(session, { decodes, told })
    this.#count(decodes, 1)
  }

  #count(codecs: ReadonlySet<string>, change: 1 | -1): void {
    for (const name of codecs) this.#decoders.set(name, (this.#decoders.get(name) ?? 0) + change)
    this.#isStale = true
    this.#deadlines.update(this)
  }

  #look(session: ChannelSession, member: Member, isSettled: boolean, now: number): void {
    const best = this.#best(session, member)
    if (best === member.told) return
    const isUrgent = this.#isForAll(best, member) && !this.#isForAll(member.told, member)
    if (isUrgent || isSettled) {
      member.told = best
      tell(session, best)
    } else this.#betterAt = now + LIMITS.videoBetterDelay
  }

  #best({ codecs }: ChannelSession, member: Member | undefined): string {
    const encodable = codecs
      .filter(({ type, encode }) => type === 'video' && encode !== false)
      .sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0))
    return (encodable.find(({ name }) => this.#isForAll(name, member)) ?? encodable[0])?.name ?? NOTHING_BETTER
  }

  /** Whether all can decode it, but for the member itself. */
  #isForAll(name: string, member: Member | undefined): boolean {
    const codec = name.toLowerCase()
    const others = this.#members.size - (member === undefined ? 0 : 1)
    const decoders = (this.#decoders.get(codec) ?? 0) - (member?.decodes.has(codec) ? 1 : 0)
    return decoders === others
  }
}

/** Those that the node passes on too. */
const decodable = (codecs: readonly Codec[]): ReadonlySet<string> =>
  new Set(
    codecs
      .filter(codec => codec.decode !== false && videoTypes(codec).length > 0)
      .map(({ name }) => name.toLowerCase()),
  )

const tell = (session: ChannelSession, codec: string): void =>
  session.sendText(VoiceOp.SessionUpdate, JSON.stringify({ audio_codec: 'opus', video_codec: codec }))
