// The users in calls: who is where, who may be, and what becomes of their seats and streams. A voice state alone admits no user:
// only the token that follows it does.
import { LIMITS } from '../limits.ts'
import { type BridgeNoteName, bridgeNote } from '../notes.ts'
import type { NodeTable } from './nodes.ts'
import type { BridgeOutput } from './outputs.ts'
import { isSamePlace, type Place, type SeenVoiceState } from './place.ts'
import { Publisher } from './publisher.ts'
import { Seats } from './seats.ts'
import type { Verdict } from './snapshot.ts'
import { Streams } from './streams.ts'
import { type Admission, placeOf, type User, Users } from './users.ts'

/** What `Calls` needs of the bridge. */
export interface CallsOptions {
  nodes: NodeTable
  outputs: BridgeOutput[]
  /** Whether the database can be asked for a user's token. */
  hasDatabase: boolean
  /** Whether the database has to allow each join. */
  checksPermissions: boolean
}

/**
 * A user goes through: voice state (`moved`), token (`admit`), permission (`authorized`), seat. Each step may arrive
 * late or never.
 */
export class Calls {
  readonly users = new Users()
  readonly seats: Seats
  readonly publisher: Publisher
  readonly streams: Streams
  readonly #options: CallsOptions
  /** Users whose token has to follow, oldest first. */
  readonly #tokenAwaited = new Set<User>()

  constructor(options: CallsOptions) {
    this.#options = options
    this.seats = new Seats(options.nodes, options.outputs)
    this.publisher = new Publisher(options.outputs)
    this.streams = new Streams(this.seats, this.publisher)
  }

  /** When an update is to be published, or a token has not arrived in time. */
  get deadline(): number {
    const [oldest] = this.#tokenAwaited
    return Math.min(this.publisher.deadline, oldest?.tokenBy ?? Infinity)
  }

  tick(now: number): void {
    this.publisher.tick(now)
    for (const user of this.#tokenAwaited) {
      if (user.tokenBy! > now) break
      this.tokenArrived(user)
      this.findToken(user)
    }
  }

  /** The user of an event; undefined if there are too many. */
  changed(userId: string, now: number): User | undefined {
    const user = this.users.of(userId)
    if (user === undefined) this.note('bridge.full', { of: 'users' })
    else Object.assign(user, { changedAt: now, missingSince: undefined, refused: undefined })
    return user
  }

  /**
   * The old place ends now, not when the token arrives: the token stays the same over a move, and a client that identifies before
   * the node knows of the move would enter the old channel.
   */
  moved(user: User, voice: SeenVoiceState, now: number): void {
    user.hasMoved = user.seat !== undefined
    this.unseat(user)
    user.voice = voice
    this.awaitToken(user, now)
  }
  /** If no token follows, it is looked up. */
  awaitToken(user: User, now: number): void {
    this.tokenArrived(user)
    user.tokenBy = now + LIMITS.tokenWait
    this.#tokenAwaited.add(user)
  }
  /** The user's token is here, or is no longer expected. */
  tokenArrived(user: User): void {
    this.#tokenAwaited.delete(user)
    user.tokenBy = undefined
  }

  /** The token of the user is not known: the database has it, or the user has to leave. */
  findToken(user: User): void {
    if (this.#options.hasDatabase) this.#options.outputs.push({ kind: 'readUser', userId: user.id })
    else if (user.seat === undefined) this.drop(user)
  }

  /** Seats the user, after the database has allowed it if it has to. A seated user was allowed before. */
  admit(user: User, admission: Admission): void {
    const { place, token, node } = admission
    const { seat, voice } = user
    if (seat !== undefined && seat.token === token && seat.node === node && seat.sessionId === voice?.sessionId)
      return this.seats.restrict(seat, voice.restrictions)
    if (!this.#options.checksPermissions || seat !== undefined) return this.#seat(user, admission)
    const isAsked = user.admission !== undefined && isSamePlace(user.admission.place, place)
    user.admission = admission
    if (!isAsked) this.#options.outputs.push({ kind: 'authorize', userId: user.id, place })
  }

  /** The database's answer to `authorize`. Ignored if the user has moved or left since. */
  authorized(userId: string, place: Place, verdict: Verdict, now: number): void {
    const user = this.users.get(userId)
    const admission = user?.admission
    if (user === undefined || admission === undefined || !isSamePlace(admission.place, place)) return
    user.admission = undefined
    const reason = this.#refusalOf(place, verdict)
    // The node may have refused the user's Identify by now.
    const isSlow = now - user.changedAt > LIMITS.slowAdmission
    if (reason === undefined) return this.#seat(user, { ...admission, isRestored: admission.isRestored || isSlow })
    this.note('bridge.refused', { user: user.id, channel: place.channelId, reason })
    // A database that is away refuses for the moment only.
    if (verdict.kind !== 'unknown') user.refused = refusalKey(place, admission.token)
  }
  /** Whether the database refused the user with this token in this place before. */
  wasRefused({ refused }: User, place: Place, token: string): boolean {
    return refused === refusalKey(place, token)
  }

  /** The user left: ends its seat and its streams, and forgets it. */
  drop(user: User): void {
    this.unseat(user)
    this.#forget(user)
  }
  /** Ends the user's seat and streams. The user stays known. */
  unseat(user: User): void {
    this.streams.userLeft(user.id)
    if (user.seat === undefined) return
    this.publisher.cancel(user.seat)
    this.seats.remove(user.seat)
    user.seat = undefined
  }

  /** The channel was deleted: its users and streams end. */
  channelGone(channelId: string, now: number): void {
    this.streams.endIn(channelId)
    for (const user of this.users.all()) {
      if (placeOf(user)?.channelId !== channelId) continue
      user.changedAt = now
      this.#forget(user)
    }
    this.seats.close(channelId)
  }
  /** The guild was deleted: all its calls end. */
  guildGone(guildId: string, now: number): void {
    this.streams.endOfGuild(guildId)
    for (const user of this.users.all()) {
      if (placeOf(user)?.guildId !== guildId) continue
      const channelId = user.seat?.channel.channelId
      user.changedAt = now
      this.#forget(user)
      if (channelId !== undefined) this.seats.close(channelId)
    }
  }

  note(event: BridgeNoteName, fields: Record<string, string | number>): void {
    this.#options.outputs.push({ kind: 'note', note: bridgeNote(event, fields) })
  }

  /** Grants the seat, if the user is still in that place. A change of node or login replaces the old seat. */
  #seat(user: User, { place, token, node, endpoint, isRestored }: Admission): void {
    if (user.voice === undefined || !isSamePlace(user.voice.place, place)) return
    if (user.seat !== undefined && user.seat.node !== node) this.unseat(user)
    const before = user.seat
    if (before !== undefined) this.publisher.cancel(before)
    const { sessionId, restrictions } = user.voice
    user.hasMoved = false
    const wish = { userId: user.id, channel: place, node, endpoint, sessionId, token, restrictions }
    user.seat = this.seats.grant(wish, isRestored)
    // Spacebar sends no VOICE_SERVER_UPDATE to the second login, while the first one is still connected.
    if (before !== undefined && before.sessionId !== sessionId) this.publisher.force(user.seat)
  }

  /** Why the user may not join; undefined if the user may. */
  #refusalOf({ channelId }: Place, verdict: Verdict): string | undefined {
    if (verdict.kind === 'denied') return verdict.reason
    if (verdict.kind === 'unknown') return 'the database is away'
    const { userLimit } = verdict
    return userLimit !== undefined && this.seats.count(channelId) >= userLimit ? 'the channel is full' : undefined
  }

  /** The user is in no call. When its last event arrived is kept. */
  #forget(user: User): void {
    if (user.seat !== undefined) this.publisher.cancel(user.seat)
    this.streams.userLeft(user.id)
    this.tokenArrived(user)
    this.users.forget(user)
  }
}

const refusalKey = ({ channelId }: Place, token: string): string => `${channelId} ${token}`
