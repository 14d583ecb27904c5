// A directory of channels and voice states in memory, for tests of LVSP alone: the rules of a node without its voice.
import { LvspFailure } from '@parley/protocol'
import type { ChannelProperties, ChannelRef, VoiceStateUpdate } from '../channel/voice-state.ts'
import type {
  BackendSnapshot,
  BackendStats,
  ChannelGrant,
  NodeControl,
  Refusal,
  VoiceStateGrant,
  VoiceStateRequest,
  VoiceStateSelector,
} from '../lvsp/node-control.ts'

interface MemoryState extends VoiceStateGrant {
  update: VoiceStateUpdate
}
interface MemoryChannel extends ChannelGrant {
  properties: ChannelProperties
  /** By user, oldest first. */
  states: Map<string, MemoryState>
}

const refuse = (failure: LvspFailure, message: string): Refusal => ({ failure, message })

/** Tokens and session ids are counted, so that a test can name them. */
export class MemoryNodeControl implements NodeControl {
  endpoint = 'voice.example:443'
  currentHealth = 0.75
  draining = false
  readonly attached: string[] = []
  readonly #backends = new Map<string, Map<string, MemoryChannel>>()
  #made = 0

  assignChannel(backend: string, ref: ChannelRef): ChannelGrant | Refusal {
    const channel = this.#open(backend, ref)
    return 'failure' in channel ? channel : grantOf(channel)
  }

  updateChannel(backend: string, ref: ChannelRef, properties: ChannelProperties): Refusal | undefined {
    const channel = this.#open(backend, ref)
    if ('failure' in channel) return channel
    for (const [key, value] of Object.entries(properties))
      if (value !== undefined) Object.assign(channel.properties, { [key]: value })
    return undefined
  }

  destroyChannel(backend: string, ref: ChannelRef): Refusal | undefined {
    if (!this.#of(backend).delete(ref.channelId)) return refuse(LvspFailure.UnknownChannel, 'no such channel')
    return undefined
  }

  createVoiceState(backend: string, request: VoiceStateRequest): VoiceStateGrant | Refusal {
    const channel = this.#open(backend, request)
    if ('failure' in channel) return channel
    for (const other of this.#of(backend).values())
      if (other !== channel && channel.guildId !== undefined && other.guildId === channel.guildId)
        other.states.delete(request.userId)
    const { userId } = request
    const known = channel.states.get(userId)
    const state: MemoryState = known ?? {
      ...{ channelId: channel.channelId, guildId: channel.guildId, userId },
      sessionId: `session-${++this.#made}`,
      token: `user-token-${this.#made}`,
      update: {},
    }
    state.sessionId = request.sessionId ?? state.sessionId
    Object.assign(state.update, defined(request.update ?? {}))
    channel.states.set(userId, state)
    return grantOfState(state)
  }

  destroyVoiceStates(backend: string, selector: VoiceStateSelector): Refusal | undefined {
    const chosen = this.#select(backend, selector)
    for (const { channel, state } of chosen) channel.states.delete(state.userId)
    return chosen.length === 0 ? refuse(LvspFailure.UnknownVoiceState, 'no such voice state') : undefined
  }

  updateVoiceStates(backend: string, selector: VoiceStateSelector, update: VoiceStateUpdate): Refusal | undefined {
    const chosen = this.#select(backend, selector)
    for (const { state } of chosen) Object.assign(state.update, defined(update))
    return chosen.length === 0 ? refuse(LvspFailure.UnknownVoiceState, 'no such voice state') : undefined
  }

  refreshToken(backend: string, userId: string, channel: ChannelRef): VoiceStateGrant | Refusal {
    const state = this.#of(backend).get(channel.channelId)?.states.get(userId)
    if (state === undefined) return refuse(LvspFailure.UnknownVoiceState, 'no such voice state')
    state.token = `user-token-${++this.#made}`
    return grantOfState(state)
  }

  sync(backend: string, listed: readonly (ChannelRef & { userIds: readonly string[] })[]): void {
    const kept = new Map(listed.map(channel => [channel.channelId, channel.userIds]))
    for (const channel of this.#of(backend).values()) {
      const users = kept.get(channel.channelId)
      if (users === undefined) this.#of(backend).delete(channel.channelId)
      else for (const userId of channel.states.keys()) if (!users.includes(userId)) channel.states.delete(userId)
    }
  }

  snapshot(backend: string): BackendSnapshot {
    const channels = [...this.#of(backend).values()]
    return {
      channels: channels.map(grantOf),
      voiceStates: channels.flatMap(channel => [...channel.states.values()].map(grantOfState)),
      encrypted: [],
    }
  }

  backendAttached(backend: string): void {
    this.attached.push(backend)
  }
  backendDetached(backend: string): void {
    this.attached.splice(this.attached.indexOf(backend), 1)
  }
  health(): number {
    return this.currentHealth
  }
  stats(backend: string): BackendStats {
    const { channels, voiceStates } = this.snapshot(backend)
    return { channels: channels.length, sessions: voiceStates.length, egressBitsPerSecond: 1_500 }
  }

  /** What a test asks about. */
  channel(backend: string, channelId: string): MemoryChannel | undefined {
    return this.#of(backend).get(channelId)
  }
  state(backend: string, channelId: string, userId: string): MemoryState | undefined {
    return this.channel(backend, channelId)?.states.get(userId)
  }

  #of(backend: string): Map<string, MemoryChannel> {
    const known = this.#backends.get(backend) ?? new Map<string, MemoryChannel>()
    this.#backends.set(backend, known)
    return known
  }

  #open(backend: string, { channelId, guildId }: ChannelRef): MemoryChannel | Refusal {
    const known = this.#of(backend).get(channelId)
    if (known !== undefined)
      return guildId === undefined || known.guildId === guildId
        ? known
        : refuse(LvspFailure.ChannelConflict, 'the channel is in another guild')
    if (this.draining) return refuse(LvspFailure.Draining, 'draining')
    const token = `channel-token-${++this.#made}`
    const channel: MemoryChannel = { channelId, guildId, token, properties: {}, states: new Map() }
    this.#of(backend).set(channelId, channel)
    return channel
  }

  #select(backend: string, { sessionId, userId, channelId, guildId }: VoiceStateSelector) {
    return [...this.#of(backend).values()].flatMap(channel =>
      [...channel.states.values()]
        .filter(
          state =>
            (sessionId === undefined || state.sessionId === sessionId) &&
            (userId === undefined || state.userId === userId) &&
            (channelId === undefined || state.channelId === channelId) &&
            (guildId === undefined || state.guildId === guildId),
        )
        .map(state => ({ channel, state })),
    )
  }
}

const defined = (update: object) =>
  Object.fromEntries(Object.entries(update).filter(([, value]) => value !== undefined))
const grantOf = ({ channelId, guildId, token }: ChannelGrant): ChannelGrant => ({ channelId, guildId, token })
const grantOfState = ({ userId, channelId, guildId, sessionId, token }: VoiceStateGrant): VoiceStateGrant => ({
  userId,
  channelId,
  guildId,
  sessionId,
  token,
})
