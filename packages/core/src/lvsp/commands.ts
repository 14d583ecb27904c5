// Executes the INFO messages of a backend, one at a time and in order.
// Decoding, agreement and replies are decided here; what a command does to channels and voice states is
// `NodeControl`'s.

import type { VoiceStateRestrictions } from '@parley/protocol'
import {
  channelPropertiesOf,
  LvspCapability,
  type LvspCommand,
  type LvspCommandData,
  LvspCommands,
  LvspFailure,
  LvspInfo,
  type LvspInfoMessage,
  SessionId,
  Snowflake,
} from '@parley/protocol'
import type { ChannelRef } from '../channel/channel-ref.ts'
import { faultOf } from '../errors.ts'
import { ok, type Result } from '../result.ts'
import type { Agreement } from './dialect.ts'
import { commandOf, isAgreed } from './dialect.ts'
import {
  type ListedChannel,
  type NodeControl,
  type Refusal,
  refuse,
  type Sync,
  type VoiceStateSelector,
} from './node-control.ts'
import type { LvspSession } from './session.ts'
import type { Work } from './work.ts'

/** The ids that FAILURE repeats, and their schemas. */
const ECHOED_IDS = { channel_id: Snowflake, guild_id: Snowflake, user_id: Snowflake, session_id: SessionId }

/** Nothing, or work that is not done yet. */
type Outcome = Result<Work | undefined, Refusal>

/** Where commands act. */
export interface CommandTarget {
  readonly node: NodeControl
  /** FRONT_BACKEND. */
  frontBackend(session: LvspSession, data: LvspCommandData<typeof LvspInfo.FrontBackend>, now: number): void
}

/**
 * The commands of one live connection, from READY to its end. Answers go to the session, whose receiving connection may
 * be another. Never throws for what a backend sent: a command that is malformed, not agreed on or impossible is refused
 * and changes nothing.
 */
export class Commands {
  readonly #node: NodeControl
  readonly #frontBackend: CommandTarget['frontBackend']
  readonly #session: LvspSession
  readonly #agreement: Agreement
  /**
   * The SYNC whose parts are being received; undefined between two lists. It ends with the connection, without effect.
   */
  #sync: Sync | undefined
  /** A part of the list was refused: the list is incomplete, and its other parts are refused, up to the last one. */
  #isListRefused = false

  constructor({ node, frontBackend }: CommandTarget, session: LvspSession, agreement: Agreement) {
    this.#node = node
    this.#frontBackend = frontBackend
    this.#session = session
    this.#agreement = agreement
  }

  /** Returns work that the next command has to wait for. If the command is refused, FAILURE is sent. */
  run(message: LvspInfoMessage, now: number): Result<Work | undefined, Refusal> {
    const result = this.#execute(message, now)
    if (!result.ok) this.#session.sendFailure(message.type, idsOf(message.data), result.reason)
    return result
  }

  #execute(message: LvspInfoMessage, now: number): Outcome {
    this.#session.isExecuting = true
    try {
      return this.#dispatch(message, now)
    } finally {
      this.#session.isExecuting = false
    }
  }

  /**
   * Order of the checks: known type (in the connection's dialect), agreed capability, shape of the data, then the
   * command itself.
   */
  #dispatch({ type, data }: LvspInfoMessage, now: number): Outcome {
    const command = commandOf(this.#agreement.dialect, type, data)
    if (command === undefined) return refuse(LvspFailure.UnknownType, `info type ${type} is not one that backends send`)
    if (!isAgreed(this.#agreement, command))
      return refuse(LvspFailure.NotAgreed, `info type ${type} needs a capability that was not negotiated`)
    switch (command) {
      case LvspInfo.ChannelRequest:
        return decoded(command, data, d => this.#requestChannel(d, now))
      case LvspInfo.ChannelDestroy:
        return decoded(command, data, d => this.#node.destroyChannel(this.#backend, refOf(d), now, this.#epochOf(d)))
      case LvspInfo.VoiceStateCreate:
        return decoded(command, data, d => this.#createVoiceState(d, now))
      case LvspInfo.VoiceStateDestroy:
        return decoded(command, data, d => this.#node.destroyVoiceStates(this.#backend, selectorOf(d), now))
      case LvspInfo.VoiceStateUpdate:
        return decoded(command, data, d =>
          this.#node.updateVoiceStates(this.#backend, selectorOf(d), restrictionsOf(d), now),
        )
      case LvspInfo.ChannelUpdate:
        return decoded(command, data, d =>
          this.#node.updateChannel(this.#backend, refOf(d), channelPropertiesOf(d.channel_properties), now),
        )
      case LvspInfo.Sync:
        return this.#listPart(data, now)
      case LvspInfo.TokenRefresh:
        return decoded(command, data, d => this.#refreshToken(d, now))
      case LvspInfo.FrontBackend:
        return decoded(command, data, d => {
          this.#frontBackend(this.#session, d, now)
          return ok(undefined)
        })
      case LvspInfo.Stats:
        return this.#sendStats(now)
    }
  }

  get #backend(): string {
    return this.#session.backend
  }

  /** Only fronts place channels: a backend that names an epoch would change which of two placements stays. */
  #epochOf({ epoch }: { epoch?: number | undefined }): number | undefined {
    return this.#session.front === undefined ? undefined : epoch
  }

  /** CHANNEL_REQ. Its properties take effect before the answer. */
  #requestChannel(data: LvspCommandData<typeof LvspInfo.ChannelRequest>, now: number): Outcome {
    const properties = data.channel_properties && channelPropertiesOf(data.channel_properties)
    const updated = properties && this.#node.updateChannel(this.#backend, refOf(data), properties, now)
    if (updated?.ok === false) return updated
    const grant = this.#node.assignChannel(this.#backend, refOf(data), now, this.#epochOf(data))
    if (!grant.ok) return grant
    if (grant.value !== undefined) this.#session.sendAssign(grant.value)
    return ok(undefined)
  }

  /** VOICE_STATE_CREATE. A token is accepted from backends that agreed on `adopt_token` only. */
  #createVoiceState(data: LvspCommandData<typeof LvspInfo.VoiceStateCreate>, now: number): Outcome {
    if (data.token != null && !this.#agreement.capabilities.has(LvspCapability.AdoptToken))
      return refuse(LvspFailure.NotAgreed, 'token: the capability adopt_token was not negotiated')
    const request = {
      ...refOf(data),
      userId: data.user_id,
      sessionId: data.session_id ?? undefined,
      token: data.token ?? undefined,
      restrictions: restrictionsOf(data),
      isInChannel: this.#session.front === undefined ? undefined : true,
    }
    const grant = this.#node.createVoiceState(this.#backend, request, now)
    if (!grant.ok) return grant
    if (grant.value !== undefined) this.#session.sendDone(grant.value)
    return ok(undefined)
  }

  #refreshToken(data: LvspCommandData<typeof LvspInfo.TokenRefresh>, now: number): Outcome {
    const grant = this.#node.refreshToken(this.#backend, data.user_id, refOf(data), now)
    if (!grant.ok) return grant
    if (grant.value !== undefined) this.#session.sendDone(grant.value)
    return ok(undefined)
  }

  /** A list without one of its parts would destroy what that part names. */
  #listPart(data: unknown, now: number): Outcome {
    const outcome = this.#isListRefused
      ? refuse(LvspFailure.InvalidData, 'channels: an earlier part of the list was refused')
      : decoded(LvspInfo.Sync, data, d => this.#listed(d, now))
    if (outcome.ok) return outcome
    this.#sync = undefined
    this.#isListRefused = isContinued(data)
    return outcome
  }

  /**
   * One part of SYNC. Only the last part acts, and may take longer than one slice; `grace` is in seconds on the wire.
   */
  #listed({ channels, more, grace }: LvspCommandData<typeof LvspInfo.Sync>, now: number): Outcome {
    this.#sync ??= this.#node.startSync(this.#backend)
    const listed = this.#sync.list(channels.map(listedOf))
    if (!listed.ok || more === true) return listed
    const work = this.#sync.finish((grace ?? 0) * 1_000, now)
    this.#sync = undefined
    return ok(work)
  }

  #sendStats(now: number): Outcome {
    const stats = this.#node.stats(this.#backend, now)
    if (stats !== undefined) this.#session.sendStats(stats, healthOf(this.#node, now))
    return ok(undefined)
  }
}

/** Health on the wire: a number from 0 to 1, rounded to thousandths. */
export function healthOf(node: NodeControl, now: number): number {
  const health = node.health(now)
  return Number.isFinite(health) ? Math.round(Math.min(1, Math.max(0, health)) * 1_000) / 1_000 : 0
}

/** Decodes the data and runs the command; refuses it with the place and kind of the first fault. */
function decoded<T extends LvspCommand>(
  command: T,
  data: unknown,
  run: (data: LvspCommandData<T>) => Outcome,
): Outcome {
  const result = LvspCommands[command].safeParse(data)
  if (result.success) return run(result.data as LvspCommandData<T>)
  return refuse(LvspFailure.InvalidData, faultOf(result.error))
}

const listedOf = ({ users, ...channel }: LvspCommandData<typeof LvspInfo.Sync>['channels'][number]): ListedChannel => ({
  ...refOf(channel),
  userIds: users.map(({ user_id }) => user_id),
})

const refOf = (data: { channel_id: string; guild_id?: string | undefined }): ChannelRef => ({
  channelId: data.channel_id,
  guildId: data.guild_id,
})

/** Whether a SYNC, which may be malformed, says that its list continues. */
const isContinued = (data: unknown): boolean =>
  typeof data === 'object' && data !== null && 'more' in data && data.more === true

/** For VOICE_STATE_DESTROY and VOICE_STATE_UPDATE. The schema has checked that it names something. */
const selectorOf = (data: LvspCommandData<typeof LvspInfo.VoiceStateDestroy>): VoiceStateSelector => ({
  sessionId: data.session_id ?? undefined,
  userId: data.user_id ?? undefined,
  channelId: data.channel_id ?? undefined,
  guildId: data.guild_id,
})

/** Picks the restrictions out of a message; absent ones stay undefined, which keeps their value. */
function restrictionsOf(data: VoiceStateRestrictions): VoiceStateRestrictions {
  const { mute, deaf, suppress, priority, flags, platform } = data
  return { mute, deaf, suppress, priority, flags, platform }
}

/** The valid ids of the message. The rest is not echoed: it may be deep, long and malformed. */
function idsOf(data: unknown): { channel_id?: string; guild_id?: string; user_id?: string; session_id?: string } {
  if (typeof data !== 'object' || data === null) return {}
  const ids = Object.entries(ECHOED_IDS).flatMap(([name, schema]) => {
    const id = schema.safeParse((data as Record<string, unknown>)[name])
    return id.success ? [[name, id.data]] : []
  })
  return Object.fromEntries(ids)
}
