// Go Live: each stream is an LVSP channel of its own, in which only the owner's media is forwarded. It ends with its owner.
import { LIMITS } from '../limits.ts'
import type { StreamName } from './events.ts'
import type { Publisher } from './publisher.ts'
import type { Seat, Seats } from './seats.ts'

interface Stream extends StreamName {
  /** The channel id under which clients identify (`rtc_server_id`). */
  readonly serverId: string
  /** Whether the owner's voice state has said so: before that, `self_stream: false` does not end it. */
  isAnnounced: boolean
  readonly seats: Map<string, Seat>
}

/** Members of a stream's channel are users of the call; `Calls` ends their part when they leave it. */
export class Streams {
  readonly #seats: Seats
  readonly #publisher: Publisher
  readonly #byKey = new Map<string, Stream>()
  /** Keys of the streams that a user owns or watches. */
  readonly #ofUser = new Map<string, Set<string>>()

  constructor(seats: Seats, publisher: Publisher) {
    this.#seats = seats
    this.#publisher = publisher
  }

  /** Repeated for each viewer. A stream that was started again has another server id. Returns false if there are too many. */
  created(name: StreamName, serverId: string): boolean {
    const known = this.#byKey.get(name.key)
    if (known?.serverId === serverId) return true
    if (known !== undefined) this.end(name.key)
    if (this.#byKey.size >= LIMITS.streams) return false
    this.#byKey.set(name.key, { ...name, serverId, isAnnounced: false, seats: new Map() })
    return true
  }

  /** Seats a user who is in the call of the stream, with the session id of `call`. Returns false for an unknown stream. */
  admit(
    key: string,
    call: Seat,
    target: { node: string; endpoint: string; token: string },
    isRestored = false,
  ): boolean {
    const stream = this.#byKey.get(key)
    if (stream === undefined) return false
    const { userId, sessionId } = call
    const known = stream.seats.get(userId)
    if (known?.token === target.token && known.sessionId === sessionId && known.node === target.node) return true
    if (known !== undefined && known.node !== target.node) this.#removeSeat(stream, known)
    const seat = this.#seats.grant(
      {
        ...target,
        userId,
        sessionId,
        channel: { channelId: stream.serverId },
        restrictions: { mute: false, deaf: false, suppress: false },
        stream: { key, ownerId: stream.ownerId },
      },
      isRestored,
    )
    if (known !== undefined) this.#publisher.cancel(known)
    stream.seats.set(userId, seat)
    const keys = this.#ofUser.get(userId)
    if (keys === undefined) this.#ofUser.set(userId, new Set([key]))
    else keys.add(key)
    return true
  }

  /** The owner's voice state says whether the owner streams; undefined if it does not say. */
  ownerStreams(userId: string, isStreaming: boolean | undefined): void {
    if (isStreaming === undefined) return
    for (const key of [...(this.#ofUser.get(userId) ?? [])]) {
      const stream = this.#byKey.get(key)
      if (stream?.ownerId !== userId) continue
      if (isStreaming) stream.isAnnounced = true
      else if (stream.isAnnounced) this.end(key)
    }
  }

  /** Ends the user's own streams, and the user's watching. */
  userLeft(userId: string): void {
    for (const key of [...(this.#ofUser.get(userId) ?? [])]) this.viewerLeft(key, userId)
  }

  /** Ends one user's part; the stream itself if the user owns it. */
  viewerLeft(key: string, userId: string): void {
    const stream = this.#byKey.get(key)
    if (stream?.ownerId === userId) return this.end(key)
    const seat = stream?.seats.get(userId)
    if (stream !== undefined && seat !== undefined) this.#removeSeat(stream, seat)
  }

  /** Ends a stream: its seats, and its channel on the nodes. */
  end(key: string): void {
    const stream = this.#byKey.get(key)
    if (stream === undefined) return
    this.#byKey.delete(key)
    for (const seat of stream.seats.values()) this.#forget(key, seat)
    if (stream.seats.size > 0) this.#seats.close(stream.serverId)
  }

  /** The call of these streams has ended. */
  endIn(channelId: string): void {
    for (const { key, place } of [...this.#byKey.values()]) if (place.channelId === channelId) this.end(key)
  }
  endOfGuild(guildId: string): void {
    for (const { key, place } of [...this.#byKey.values()]) if (place.guildId === guildId) this.end(key)
  }

  #removeSeat(stream: Stream, seat: Seat): void {
    stream.seats.delete(seat.userId)
    this.#forget(stream.key, seat)
    this.#seats.remove(seat)
  }

  /** The user no longer has a part in the stream. */
  #forget(key: string, seat: Seat): void {
    this.#publisher.cancel(seat)
    const keys = this.#ofUser.get(seat.userId)
    keys?.delete(key)
    if (keys?.size === 0) this.#ofUser.delete(seat.userId)
  }
}
