// Dialects: how a backend numbers info types, and which messages it can receive.
import { LvspCapability, type LvspCommand, LvspCommands, type LvspEvent, LvspInfo } from '@parley/protocol'

/** `spec` is the numbering of the specification; `litecord` the older one that Litecord uses. */
export type Dialect = 'spec' | 'litecord'

/** What was negotiated with one connection. The dialect may change once, see `isLitecordCreate`. */
export interface Agreement {
  dialect: Dialect
  /** Send CHANNEL_ASSIGN in the litecord dialect too: unpatched Litecord crashes on this message. */
  readonly legacyAssign: boolean
  readonly capabilities: ReadonlySet<LvspCapability>
}

const UPDATE_OR_DESTROY = 2
const CREATE_OR_DESTROY = 3
const LITECORD_CREATE = 4
const DESTROY_OR_UPDATE = 5
const UPDATE_OR_LEAVE = 6

/**
 * The command of an info type; undefined if backends do not send the type. The litecord numbering is 0 request, 2 update,
 * 3 destroy channel, 4 create, 5 update, 6 leave; where the data distinguishes the two numberings, both are accepted in either
 * dialect.
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

/** A type 4 from a backend identifies the litecord dialect: in the specification it is VOICE_STATE_DONE, which only nodes send. */
export const isLitecordCreate = (type: number, data: unknown): boolean =>
  type === LITECORD_CREATE && has(data, 'user_id') && has(data, 'channel_id')

/** Whether a connection without capabilities is by the library that Litecord uses. Most other Python backends negotiate some. */
export const isLitecordAgent = (userAgent = ''): boolean => /python.*websockets/i.test(userAgent)

/** The capability that an info type needs, in either direction. */
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
    case LvspInfo.ChannelDraining:
      return LvspCapability.Draining
    case LvspInfo.Receiver:
      return LvspCapability.Receiver
    case LvspInfo.Sync:
      return LvspCapability.Sync
    case LvspInfo.ChannelMirror:
    case LvspInfo.VoiceStateMirror:
    case LvspInfo.FrontBackend:
      return LvspCapability.Front
    case LvspInfo.TokenRefresh:
      return LvspCapability.UserToken
    case LvspInfo.Stats:
      return LvspCapability.Stats
    case LvspInfo.VideoView:
    case LvspInfo.VideoSource:
      return LvspCapability.Video
    default:
      return undefined
  }
}

/** Whether the agreement covers this command or event. */
export function isAgreed(agreement: Agreement, type: LvspCommand | LvspEvent): boolean {
  const capability = capabilityOf(type)
  if (capability !== undefined) return agreement.capabilities.has(capability)
  return type !== LvspInfo.ChannelAssign || agreement.dialect === 'spec' || agreement.legacyAssign
}

/** The litecord dialect has `guild_id: null` where the specification omits the field. */
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
