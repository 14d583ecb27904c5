// Reconciliation with Spacebar's database: what the bus did not say, because the bridge or the bus was away.
import { LIMITS } from '../limits.ts'
import type { Calls } from './calls.ts'
import type { NodeTable } from './nodes.ts'
import { isSamePlace } from './place.ts'
import type { Snapshot, StoredStreamSession, StoredVoiceState } from './snapshot.ts'
import { placeOf } from './users.ts'

/**
 * The database may lag behind the bus, and its rows may be left over: neither adds nor removes a user against a newer
 * event.
 */
export class Reconciliation {
  readonly #calls: Calls
  readonly #nodes: NodeTable

  constructor(calls: Calls, nodes: NodeTable) {
    this.#calls = calls
    this.#nodes = nodes
  }

  /** Everything in the database. `readAt`: users with later events are left as they are. */
  all({ voiceStates, streamSessions }: Snapshot, readAt: number, now: number): void {
    for (const row of voiceStates) this.voiceState(row, readAt)
    this.#missing(new Set(voiceStates.map(({ userId }) => userId)), readAt, now)
    for (const row of streamSessions) this.#streamSession(row)
    this.#calls.note('bridge.reconciled', { voice_states: voiceStates.length, users: this.#calls.users.size })
  }

  /** One row. A user who is no longer a member is dropped; a user in another place is moved. */
  voiceState(row: StoredVoiceState, readAt: number): void {
    const { place, sessionId, restrictions, token } = row
    const user = this.#calls.users.of(row.userId)
    if (user === undefined) return this.#calls.note('bridge.full', { of: 'users' })
    if (user.changedAt > readAt) return
    user.missingSince = undefined
    if (!row.isMember) return this.#calls.drop(user)
    if (this.#calls.wasRefused(user, place, token)) return
    if (!isSamePlace(placeOf(user), place)) this.#calls.unseat(user)
    this.#calls.tokenArrived(user)
    user.voice = { place, sessionId, restrictions }
    const { node, endpoint } = user.seat ?? this.#byRegion(row.region)
    this.#calls.admit(user, { place, token, node, endpoint, isRestored: true })
  }

  /** Rows do not name a node: the guild's region does. */
  #byRegion(region: string | undefined): { node: string; endpoint: string } {
    const { name, endpoint } = this.#nodes.byRegion(region)
    return { node: name, endpoint }
  }

  /** After a restart of Spacebar's gateway its table is empty, and the users come back one after another. */
  #missing(listed: ReadonlySet<string>, readAt: number, now: number): void {
    for (const user of this.#calls.users.all()) {
      if (listed.has(user.id) || user.changedAt > readAt) continue
      user.missingSince ??= now
      if (now - user.missingSince >= LIMITS.absenceGrace) this.#calls.drop(user)
    }
  }

  /** Rows of streams remain when their owner has left: they count only while the owner is in the call. */
  #streamSession({ stream, serverId, endpoint, userId, token }: StoredStreamSession): void {
    const { users, streams } = this.#calls
    const seat = users.get(userId)?.seat
    const owner = users.get(stream.ownerId)?.seat
    const node = this.#nodes.byEndpoint(endpoint)?.name
    if (seat === undefined || node === undefined || !isSamePlace(owner?.channel, stream.place)) return
    if (!isSamePlace(seat.channel, stream.place) || !streams.created(stream, serverId)) return
    streams.admit(stream.key, seat, { node, endpoint, token }, true)
  }
}
