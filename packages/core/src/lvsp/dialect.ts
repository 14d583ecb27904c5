// Dialects: how one backend numbers LVSP's info types, and what it can bear to receive. Pure rules.
import { LvspCapability, type LvspCommand, LvspCommands, type LvspEvent, LvspInfo } from '@parley/protocol'

/** `spec` is the specification's numbering; `litecord` the older one that Litecord still has. */
export type Dialect = 'spec' | 'litecord'

/** What was agreed with one connection. The dialect may change once, see `isLitecordCreate`. */
export interface Agreement {
  dialect: Dialect
  /** Send CHANNEL_ASSIGN in the litecord dialect too: Litecord as it is dies of it, a repaired one does not. */
  readonly legacyAssign: boolean
  readonly capabilities: ReadonlySet<LvspCapability>
}

const UPDATE_OR_DESTROY = 2
const CREATE_OR_DESTROY = 3
const LITECORD_CREATE = 4
const DESTROY_OR_UPDATE = 5
const UPDATE_OR_LEAVE = 6

/**
 * The command that an info type means, or undefined if a backend cannot mean anything by it. The litecord numbering is
 * 0 request, 2 update, 3 destroy channel, 4 create, 5 update, 6 leave; where the data tells both apart, both are read in
 * either dialect.
 */
export function commandOf(dialect: Dialect, type: number, data: unknown): LvspCommand | undefined {
  const litecord = dialect === 'litecord'
  switch (type) {
    case UPDATE_OR_DESTROY:
      return has(data, 'channel_properties') ? LvspInfo.ChannelUpdate : LvspInfo.ChannelDestroy
    case CREATE_OR_DESTROY:
      return has(data, 'user_id') ? LvspInfo.VoiceStateCreate : LvspInfo.ChannelDestroy
    case LITECORD_CREATE:
      return isLitecordCreate(type, data) ? LvspInfo.VoiceStateCreate : undefined
    case DESTROY_OR_UPDATE:
      return litecord ? LvspInfo.VoiceStateUpdate : LvspInfo.VoiceStateDestroy
    case UPDATE_OR_LEAVE:
      return litecord ? LvspInfo.VoiceStateDestroy : LvspInfo.VoiceStateUpdate
    default:
      return isCommand(type) ? type : undefined
  }
}

/** A type 4 from a backend is VOICE_STATE_DONE in the specification, which only a node sends: it betrays the dialect. */
export const isLitecordCreate = (type: number, data: unknown): boolean =>
  type === LITECORD_CREATE && has(data, 'user_id') && has(data, 'channel_id')

/** What must be agreed on before an info type may be sent, either way. */
export function capabilityOf(type: LvspCommand | LvspEvent): LvspCapability | undefined {
  switch (type) {
    case LvspInfo.Failure:
      return LvspCapability.Failure
    case LvspInfo.VoiceStateConnected:
    case LvspInfo.VoiceStateDisconnected:
    case LvspInfo.VoiceStateSpeaking:
      return LvspCapability.Events
    case LvspInfo.ChannelDave:
      return LvspCapability.Dave
    case LvspInfo.Sync:
      return LvspCapability.Sync
    case LvspInfo.TokenRefresh:
      return LvspCapability.UserToken
    case LvspInfo.Stats:
      return LvspCapability.Stats
    default:
      return undefined
  }
}

/** Whether a backend that agreed to this command or event may use it, or be sent it. */
export function isAgreed(agreement: Agreement, type: LvspCommand | LvspEvent): boolean {
  const capability = capabilityOf(type)
  if (capability !== undefined) return agreement.capabilities.has(capability)
  return type !== LvspInfo.ChannelAssign || agreement.dialect === 'spec' || agreement.legacyAssign
}

/** The litecord dialect wants `guild_id: null` where the specification leaves it out. */
export const eventData = (dialect: Dialect, data: object): object =>
  dialect === 'litecord' && 'channel_id' in data ? { guild_id: null, ...withoutUndefined(data) } : data

const isCommand = (type: number): type is LvspCommand => Object.hasOwn(LvspCommands, type)

const has = (data: unknown, key: string) =>
  typeof data === 'object' &&
  data !== null &&
  Object.hasOwn(data, key) &&
  (data as Record<string, unknown>)[key] != null

const withoutUndefined = (data: object) =>
  Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined))
