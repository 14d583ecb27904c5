// Voice states by user and by session id, so that no message has to search the channels of a guild or backend.
import type { Channel } from '../channel.ts'
import type { BackendId } from '../channel-ref.ts'
import type { VoiceState } from './voice-state.ts'

/** A voice state and its channel. */
export interface Place {
  readonly channel: Channel
  readonly state: VoiceState
}

/** The places of one session id: mostly a single one. A bot has one session id in many guilds: those are kept by `server_id`. */
type SessionPlaces = Place | Map<string, readonly Place[]>

const NO_PLACES: readonly Place[] = []

/**
 * `Channels` keeps it in step with the voice states of its channels. To change a session id, remove the voice state
 * before and add it after.
 */
export class VoiceStateIndex {
  /** By `server_id` and user. */
  readonly #byUser = new Map<string, Map<string, readonly Place[]>>()
  readonly #bySession = new Map<BackendId, Map<string, SessionPlaces>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The user's voice states in a guild or call: one, or several if backends share the `server_id`. */
  ofUser(serverId: string, userId: string): readonly Place[] {
    return this.#byUser.get(serverId)?.get(userId) ?? NO_PLACES
  }

  /** The voice states with this session id, of one `server_id` or of all. */
  ofSession(backend: BackendId, sessionId: string, serverId?: string): readonly Place[] {
    const places = this.#bySession.get(backend)?.get(sessionId)
    if (places === undefined) return NO_PLACES
    if (!(places instanceof Map)) return [places]
    return serverId === undefined ? [...places.values()].flat() : (places.get(serverId) ?? NO_PLACES)
  }

  /** The voice state must not be in the index. */
  add(place: Place): void {
    this.#size++
    const { channel, state } = place
    const users = entry(this.#byUser, channel.serverId, () => new Map<string, readonly Place[]>())
    users.set(state.userId, [...(users.get(state.userId) ?? NO_PLACES), place])
    const sessions = entry(this.#bySession, channel.backend, () => new Map<string, SessionPlaces>())
    const known = sessions.get(state.sessionId)
    if (known === undefined) sessions.set(state.sessionId, place)
    else sessions.set(state.sessionId, withPlace(byServer(known), place))
  }

  /** Does nothing for a voice state that is not in the index. */
  remove({ channel, state }: Place): void {
    const users = this.#byUser.get(channel.serverId)
    const places = users?.get(state.userId)
    if (users === undefined || !places?.some(place => place.state === state)) return
    this.#size--
    setOrDelete(users, state.userId, without(places, state))
    if (users.size === 0) this.#byUser.delete(channel.serverId)
    this.#removeSession(channel, state)
  }

  #removeSession(channel: Channel, state: VoiceState): void {
    const sessions = this.#bySession.get(channel.backend)
    const places = sessions?.get(state.sessionId)
    if (sessions === undefined || places === undefined) return
    if (places instanceof Map) setOrDelete(places, channel.serverId, without(places.get(channel.serverId) ?? [], state))
    if (!(places instanceof Map) || places.size === 0) sessions.delete(state.sessionId)
    if (sessions.size === 0) this.#bySession.delete(channel.backend)
  }
}

const without = (places: readonly Place[], state: VoiceState) => places.filter(place => place.state !== state)

/** The places of one session id in the form for several servers. */
const byServer = (places: SessionPlaces): Map<string, readonly Place[]> =>
  places instanceof Map ? places : new Map([[places.channel.serverId, [places]]])

function withPlace(places: Map<string, readonly Place[]>, place: Place): Map<string, readonly Place[]> {
  const { serverId } = place.channel
  return places.set(serverId, [...(places.get(serverId) ?? NO_PLACES), place])
}

/** Empty lists are removed, so that the maps do not grow with users that left. */
function setOrDelete(map: Map<string, readonly Place[]>, key: string, places: readonly Place[]): void {
  if (places.length > 0) map.set(key, places)
  else map.delete(key)
}

function entry<V>(map: Map<string, V>, key: string, create: () => V): V {
  const found = map.get(key) ?? create()
  map.set(key, found)
  return found
}
