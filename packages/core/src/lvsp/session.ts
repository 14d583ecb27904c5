// LvspSession: what an LVSP resume restores. One per backend; numbers what the node sends and keeps it for replay.
import { type LvspEvent, type LvspEventData, LvspInfo, LvspOp } from '@parley/protocol'
import type { BackendId } from '../channel/voice-state.ts'
import type { ConnectionId, Effects } from '../effect.ts'
import { LIMITS } from '../limits.ts'
import { ReplayBuffer } from '../replay-buffer.ts'
import { type Agreement, eventData, isAgreed } from './dialect.ts'
import type { ChannelEncryption, NodeControl } from './node-control.ts'

/** A live connection, as its session sees it. */
export interface Attachment {
  readonly id: ConnectionId
  readonly agreement: Agreement
  /** Closes the connection with 4000; it then detaches itself. */
  dismiss(reason: string, now: number): void
}

interface Kept {
  type: LvspEvent
  text: string
}

export class LvspSession {
  readonly backend: BackendId
  /** What READY calls it. */
  readonly id: string
  /** The token that last identified or resumed it, in canonical form: drafts of the specification resume with it. */
  draftToken: string | undefined
  readonly #node: NodeControl
  readonly #effects: Effects
  readonly #replay = new ReplayBuffer<Kept>({
    highest: Number.MAX_SAFE_INTEGER,
    messages: LIMITS.lvspReplayMessages,
    bytes: LIMITS.lvspReplayBytes,
  })
  /** Oldest first; the newest receives. */
  #attached: Attachment[] = []
  /** Of the newest connection, also after its end: it says what may be kept for replay. */
  #agreement: Agreement | undefined
  #endsAt = Infinity

  constructor(backend: BackendId, id: string, node: NodeControl, effects: Effects) {
    this.backend = backend
    this.id = id
    this.#node = node
    this.#effects = effects
  }

  /** The number of the newest INFO, 0 before the first. */
  get seq(): number {
    return this.#replay.last
  }

  /** A connection went live: from now on it receives. */
  attach(connection: Attachment, now: number): void {
    this.#attached.push(connection)
    this.#agreement = connection.agreement
    this.#endsAt = Infinity
    if (this.#attached.length === 1) this.#node.backendAttached(this.backend, now)
  }

  /** A connection ended. The one before it receives again; after the last one the session waits to be resumed. */
  detach(connection: Attachment, now: number): void {
    const left = this.#attached.filter(other => other !== connection)
    if (left.length === this.#attached.length) return
    this.#attached = left
    this.#agreement = left.at(-1)?.agreement ?? this.#agreement
    if (left.length > 0) return
    this.#endsAt = now + LIMITS.lvspResumeWindow
    this.#node.backendDetached(this.backend, now)
  }

  /** Resumed: whoever held the session before has lost it. */
  dismissOthers(connection: Attachment, now: number): void {
    for (const other of [...this.#attached]) if (other !== connection) other.dismiss('resumed elsewhere', now)
  }

  /** Numbers an INFO, keeps it, and sends it if anyone receives. What was not agreed on is not sent at all. */
  send<T extends LvspEvent>(type: T, data: LvspEventData<T>): void {
    if (this.#agreement === undefined || !isAgreed(this.#agreement, type)) return
    const d = { type, data: eventData(this.#agreement.dialect, data) }
    const text = JSON.stringify({ op: LvspOp.Info, s: this.#replay.next, d })
    this.#replay.push({ type, text }, text.length)
    const receiver = this.#attached.at(-1)
    if (receiver !== undefined) this.#effects.send(receiver.id, text)
  }

  /**
   * Sends the newest connection what it missed after INFO number `seq` of session `session`; where that is not known, or
   * no longer kept, everything the backend has: each channel and each voice state, in the order of their making.
   */
  catchUp(seq: number | undefined, session: string | undefined): 'replay' | 'state' {
    const isOurs = session === undefined || session === this.id
    const missed = isOurs && seq !== undefined && seq <= this.seq ? this.#replay.after(seq) : undefined
    if (missed === undefined) {
      this.#sendState()
      return 'state'
    }
    for (const { type, text } of missed) this.#resend(type, text)
    return 'replay'
  }

  #resend(type: LvspEvent, text: string): void {
    const receiver = this.#attached.at(-1)
    if (receiver !== undefined && isAgreed(receiver.agreement, type)) this.#effects.send(receiver.id, text)
  }

  #sendState(): void {
    const { channels, voiceStates, encrypted } = this.#node.snapshot(this.backend)
    for (const channel of channels) this.sendAssign(channel)
    for (const voiceState of voiceStates) this.sendDone(voiceState)
    for (const channel of encrypted) this.sendDave(channel)
  }

  sendDave(channel: ChannelEncryption): void {
    this.send(LvspInfo.ChannelDave, {
      channel_id: channel.channelId,
      guild_id: channel.guildId,
      protocol_version: channel.version,
      epoch: channel.epoch,
      members: channel.members,
    })
  }

  sendAssign(channel: { channelId: string; guildId?: string | undefined; token: string }): void {
    this.send(LvspInfo.ChannelAssign, {
      channel_id: channel.channelId,
      guild_id: channel.guildId,
      token: channel.token,
      endpoint: this.#node.endpoint,
    })
  }

  sendDone(state: {
    userId: string
    channelId: string
    guildId?: string | undefined
    sessionId: string
    token: string
  }): void {
    this.send(LvspInfo.VoiceStateDone, {
      user_id: state.userId,
      channel_id: state.channelId,
      guild_id: state.guildId,
      session_id: state.sessionId,
      token: state.token,
      endpoint: this.#node.endpoint,
    })
  }

  /** When nobody can resume it any more; `Infinity` while a connection is live. */
  get endsAt(): number {
    return this.#endsAt
  }

  inspect() {
    return {
      backend: this.backend,
      session: this.id,
      seq: this.seq,
      kept: this.#replay.size,
      connections: this.#attached.map(connection => connection.id),
      endsAt: this.#endsAt,
    }
  }
}
