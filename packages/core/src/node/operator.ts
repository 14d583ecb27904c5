// What the operator of the node does, besides its backends: ends and mutes sessions, ends a draining.
import { type OwnerQuestion, VoiceClose } from '@parley/protocol'
import type { BackendControl, BackendControlOptions } from '../backend/control.ts'
import type { Drain } from '../backend/drain.ts'
import type { BackendId, LocalPlacement } from '../channel/channel-ref.ts'
import type { Ending } from '../channel/channel-session.ts'
import type { Channels } from '../channel/channels.ts'
import type { EncryptionHost } from '../channel/encryption.ts'
import type { Place } from '../channel/voice-states/voice-state-index.ts'
import type { Deadlines } from '../deadlines.ts'
import type { Effects } from '../effect.ts'
import type { Gateway } from '../gateway/connection.ts'
import type { AuthenticationPolicy } from '../gateway/voice-sessions.ts'
import type { Health } from '../lvsp/health.ts'
import type { Lvsp } from '../lvsp/lvsp.ts'
import type { AddressBans, Ban } from './address-bans.ts'
import type { NodeSettings, Writable } from './settings.ts'

/** The parts of the node that an operator changes. */
interface OperatorParts {
  readonly channels: Channels
  readonly backendControl: BackendControl
  readonly health: Health
  readonly drain: Drain
  readonly deadlines: Deadlines
  readonly effects: Effects
  readonly lvsp: Lvsp
  /** Objects that the parts of the node read at each use. */
  readonly policy: Writable<AuthenticationPolicy>
  readonly encryption: Writable<Pick<EncryptionHost, 'policy'>>
  readonly gateway: Writable<Pick<Gateway, 'minVersion' | 'strictOpcodes'>> & Pick<Gateway, 'sessions'>
  readonly bans: AddressBans
  readonly backendOptions: Writable<Pick<BackendControlOptions, 'orphanGrace'>>
}

/** A user, in each of its channels unless one is named. */
export interface UserSelector {
  readonly userId: string
  readonly channelId?: string | undefined
  readonly backend?: BackendId | undefined
}

const KICKED: Ending = { code: VoiceClose.Disconnected, reason: 'disconnected by the operator' }

/** What the operator does to users and to the node. Each method is an input: its effects are taken with `takeEffects`. */
export interface Operator {
  /**
   * Ends the sessions of a user (4014) and removes its voice states, so that its tokens are no longer accepted until the backend
   * creates another one. The backend is notified of the end. Returns the number of voice states.
   */
  kick(selector: UserSelector, now: number): number
  /** Mutes a user while its voice state exists, or lifts that; the backend's own mute stays. Returns the number of voice states. */
  mute(selector: UserSelector, isMuted: boolean): number
  /** Bans of addresses in effect, by the node and by the operator. */
  bans(now: number): readonly Ban[]
  /**
   * Closes new voice connections of an address (in IPv6: of its /64) with 4021 for `duration` milliseconds; open ones stay. Returns
   * false if too many are banned.
   */
  ban(address: string, duration: number, now: number): boolean
  /** Lifts a ban. Returns whether there was one. */
  unban(address: string, now: number): boolean
  /** Stops draining: the node accepts channels again. Returns false if it does not drain. */
  undrain(): boolean
  /** Whether this node has what another process of its cluster asks for: a voice state of the user, or the session. */
  holds(question: OwnerQuestion): boolean
  /** Every channel of the node with the fencing number of its placement in a cluster. */
  placements(): readonly LocalPlacement[]
  /** The highest fencing number that a front of the cluster has sent, by backend. */
  highestEpochs(): ReadonlyMap<BackendId, number>
  /** Ends a channel (4014) that a cluster placed on another node, unless it has at least this epoch here. Returns whether it ended. */
  fence(placement: LocalPlacement, now: number): boolean
  /** Applies settings, all or none: throws an error about invalid secrets before it changes anything. */
  configure(settings: NodeSettings, now: number): void
}

/**
 * The server's admin API calls it through `VoiceNode`; it closes sessions with the same code as a backend that disconnects them.
 */
export class NodeOperator implements Operator {
  readonly #parts: OperatorParts

  constructor(parts: OperatorParts) {
    this.#parts = parts
  }

  kick(selector: UserSelector, now: number): number {
    const places = this.#placesOf(selector)
    for (const place of places) this.#parts.channels.removeVoiceState(place, KICKED, now)
    return places.length
  }

  mute(selector: UserSelector, isMuted: boolean): number {
    const places = this.#placesOf(selector)
    for (const { channel, state } of places) channel.muteByOperator(state, isMuted)
    return places.length
  }

  bans(now: number): Ban[] {
    return this.#parts.bans.list(now)
  }

  ban(address: string, duration: number, now: number): boolean {
    return this.#parts.bans.add(address, duration, now)
  }

  unban(address: string, now: number): boolean {
    return this.#parts.bans.remove(address, now)
  }

  /** Sessions that the backend already moved do not return by themselves. */
  undrain(): boolean {
    const { backendControl, health, drain, deadlines, effects } = this.#parts
    if (!backendControl.isDraining) return false
    backendControl.isDraining = false
    health.draining = false
    drain.cancel()
    deadlines.update(drain)
    effects.note('node.undrained', {})
    return true
  }

  holds({ server, user, session }: OwnerQuestion): boolean {
    const { channels, gateway } = this.#parts
    const hasUser = user !== undefined && channels.voiceStates.ofUser(server, user).length > 0
    return hasUser || (session !== undefined && gateway.sessions.has(server, session))
  }

  placements(): readonly LocalPlacement[] {
    return [...this.#parts.backendControl.placements()]
  }

  highestEpochs(): ReadonlyMap<BackendId, number> {
    return this.#parts.backendControl.highestEpochs
  }

  fence(placement: LocalPlacement, now: number): boolean {
    const { backendControl, effects } = this.#parts
    const isEnded = backendControl.fence(placement, now)
    const { tenant: backend, channelId: channel, epoch } = placement
    if (isEnded) effects.note('cluster.fenced', { backend, channel, epoch })
    return isEnded
  }

  /**
   * Secrets are replaced first, as only they can be refused. Each object is changed in place, so that its readers need
   * no notice.
   */
  configure(settings: NodeSettings, now: number): void {
    const { channels, lvsp, policy, encryption, gateway, health, backendOptions } = this.#parts
    const { announce, channelTokenAuth, sessionCheck, resumeWindow, minVersion, strictOpcodes } = settings
    lvsp.replaceSecrets(settings.backends)
    Object.assign(policy, { announce, channelTokenAuth, sessionCheck, resumeWindow })
    Object.assign(gateway, { minVersion, strictOpcodes })
    backendOptions.orphanGrace = settings.orphanGrace
    health.capacity = settings.capacity
    for (const { id, ...limits } of settings.backends) channels.setLimits(id, limits)
    encryption.policy = settings.dave
    for (const channel of channels.all()) channel.encryption.propertiesChanged(now)
  }

  /** Searches all channels: there is no index by user alone, and an operator asks rarely. */
  #placesOf({ userId, channelId, backend }: UserSelector): Place[] {
    const places: Place[] = []
    for (const channel of this.#parts.channels.all()) {
      const state = channel.voiceStates.get(userId)
      const isSelected =
        (channelId === undefined || channel.channelId === channelId) &&
        (backend === undefined || channel.backend === backend)
      if (state !== undefined && isSelected) places.push({ channel, state })
    }
    return places
  }
}
