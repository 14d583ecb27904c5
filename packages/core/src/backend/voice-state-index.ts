// Voice states by session id: LVSP selects them so, and a backend has too many to search.
import type { Channel } from '../channel/channel.ts'
import type { BackendId } from '../channel/channel-ref.ts'
import type { VoiceState } from '../channel/voice-state.ts'

/** A voice state and its channel. */
export interface Place {
  readonly channel: Channel
  readonly state: VoiceState
}

/** To change a session id, remove the voice state before and add it after. */
export class VoiceStateIndex {
  readonly #byBackend = new Map<BackendId, Map<string, Map<VoiceState, Channel>>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Several if a bot uses one session id in many guilds. */
  find(backend: BackendId, sessionId: string): Place[] {
    const sameId = this.#byBackend.get(backend)?.get(sessionId) ?? []
    return [...sameId].map(([state, channel]) => ({ channel, state }))
  }

  add({ channel, state }: Place): void {
    const byId = this.#byBackend.get(channel.backend) ?? new Map<string, Map<VoiceState, Channel>>()
    this.#byBackend.set(channel.backend, byId)
    const sameId = byId.get(state.sessionId) ?? new Map<VoiceState, Channel>()
    byId.set(state.sessionId, sameId)
    if (!sameId.has(state)) this.#size++
    sameId.set(state, channel)
  }

  remove({ channel, state }: Place): void {
    const byId = this.#byBackend.get(channel.backend)
    const sameId = byId?.get(state.sessionId)
    if (!sameId?.delete(state)) return
    this.#size--
    if (sameId.size === 0) byId?.delete(state.sessionId)
  }
}
