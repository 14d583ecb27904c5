// What a scripted node knows of its backend: channels, voice states, and the INFO that it has sent.
import { randomBytes } from 'node:crypto'
import { LvspInfo, LvspOp } from '@parley/protocol'

type Data = Record<string, unknown>

interface NumberedInfo {
  s: number
  text: string
}

const token = () => randomBytes(24).toString('base64url')

export class NodeState {
  readonly #session = randomBytes(16).toString('hex')
  readonly #sent: NumberedInfo[] = []
  /** CHANNEL_ASSIGN and VOICE_STATE_DONE, by what they name. */
  readonly #channels = new Map<string, Data>()
  readonly #voiceStates = new Map<string, Data>()

  get seq(): number {
    return this.#sent.length
  }

  /** An INFO as text, stored for a replay. Without extensions it has no number. */
  numbered(type: number, data: Data, hasExtensions: boolean): string {
    const s = this.#sent.length + 1
    const text = JSON.stringify({ op: LvspOp.Info, ...(hasExtensions && { s }), d: { type, data } })
    this.#sent.push({ s, text })
    return text
  }

  /** The answer to IDENTIFY or RESUME: what is sent again, then READY. */
  ready(
    isResume: boolean,
    { seq, session, capabilities: wanted }: Data,
    { capabilities, health, extra }: { capabilities: readonly string[] | undefined; health: number; extra: Data },
  ): string[] {
    const ready = (fields: Data) => JSON.stringify({ op: LvspOp.Ready, d: { health, ...fields, ...extra } })
    if (capabilities === undefined) return [...(isResume ? this.#state(false) : []), ready({})]
    const requested = Array.isArray(wanted) ? wanted : []
    const agreed = capabilities.filter(name => requested.includes(name))
    const isReplay = isResume && session === this.#session && typeof seq === 'number'
    const again = isReplay
      ? this.#sent.filter(({ s }) => s > seq).map(({ text }) => text)
      : isResume
        ? this.#state(true)
        : []
    const resumed = isResume && { resumed: isReplay ? 'replay' : 'state' }
    return [...again, ready({ session: this.#session, seq: this.seq, capabilities: agreed, ...resumed })]
  }

  /** Executes a command; returns its answer. */
  execute(
    type: number,
    data: Data,
    endpoint: string,
    hasExtensions: boolean,
  ): { type: number; data: Data } | undefined {
    const { user_id, channel_id, guild_id, session_id } = data
    const place = { channel_id, ...(guild_id != null && { guild_id }) }
    switch (type) {
      case LvspInfo.ChannelRequest: {
        const assign = this.#channels.get(String(channel_id)) ?? {
          ...place,
          token: token(),
          ...(hasExtensions && { endpoint }),
        }
        this.#channels.set(String(channel_id), assign)
        return { type: LvspInfo.ChannelAssign, data: assign }
      }
      case LvspInfo.VoiceStateCreate:
      case LvspInfo.TokenRefresh: {
        const name = `${guild_id ?? channel_id} ${user_id}`
        const known = this.#voiceStates.get(name)
        const fresh = {
          ...place,
          user_id,
          session_id: session_id ?? known?.session_id ?? randomBytes(16).toString('hex'),
        }
        const extension = hasExtensions && { token: token(), endpoint, connected: false }
        const isSame = type === LvspInfo.VoiceStateCreate && known?.channel_id === channel_id
        const done = isSame ? { ...known, ...(session_id != null && { session_id }) } : { ...fresh, ...extension }
        this.#voiceStates.set(name, done)
        return { type: LvspInfo.VoiceStateDone, data: done }
      }
      case LvspInfo.Stats:
        return { type: LvspInfo.Stats, data: { channels: this.#channels.size, sessions: 0, egress_bps: 0, health: 1 } }
      default:
        return undefined
    }
  }

  /** All channels and voice states, with new numbers. */
  #state(hasExtensions: boolean): string[] {
    return [
      ...[...this.#channels.values()].map(data => this.numbered(LvspInfo.ChannelAssign, data, hasExtensions)),
      ...[...this.#voiceStates.values()].map(data => this.numbered(LvspInfo.VoiceStateDone, data, hasExtensions)),
    ]
  }
}
