// The node that a run is directed at, and how it numbers info types.
import { LvspInfo } from '@parley/protocol'

/** See docs/lvsp.md. */
export type NodeDialect = 'spec' | 'litecord'

export interface NodeTarget {
  /** URL of LVSP. */
  url: string
  /** Of a backend without users: the cases end its channels. */
  secret: string
  dialect: NodeDialect
  /** `host:port` of the voice gateway, for a node that names none. */
  endpoint?: string | undefined
  /** PEM; default: the system's certificate authorities. */
  ca?: string | undefined
}

/** In the litecord dialect; other numbers are those of the specification. */
const LITECORD_NUMBERS: Readonly<Record<number, number>> = {
  [LvspInfo.ChannelUpdate]: 2,
  [LvspInfo.ChannelDestroy]: 3,
  [LvspInfo.VoiceStateCreate]: 4,
  [LvspInfo.VoiceStateUpdate]: 5,
  [LvspInfo.VoiceStateDestroy]: 6,
}

/** The number of an info type that a backend sends. */
export const infoNumber = ({ dialect }: NodeTarget, type: number): number =>
  dialect === 'litecord' ? (LITECORD_NUMBERS[type] ?? type) : type
