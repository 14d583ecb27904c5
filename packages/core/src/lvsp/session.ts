// The LVSP session of one backend: what RESUME restores. It numbers INFO messages and keeps them for replay.
import { type LvspEvent, type LvspEventData, LvspInfo, LvspOp } from '@parley/protocol'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Deadlines, Timed } from '../deadlines.ts'
import type { ConnectionId, Effects } from '../effect.ts'
import { LIMITS } from '../limits.ts'
import { ReplayBuffer } from '../replay-buffer.ts'
import { type Agreement, eventData, isAgreed } from './dialect.ts'
import { channelMirror, isOfVoiceState, voiceStateMirror } from './fronts/mirror-messages.ts'
import type {
  ChannelEncryption,
  ChannelGrant,
  DrainingChannel,
  MirrorItem,
  NodeControl,
  Refusal,
  StateItem,
  VoiceStateGrant,
} from './node-control.ts'
import type { Work } from './work.ts'

/** What a session needs of a live connection. */
export interface Attachment {
  readonly id: ConnectionId
  readonly agreement: Agreement
  /** `receiver` receives the INFO messages from now on: this connection or another of the same backend. */
  receiverChanged(receiver: Attachment): void
  /** Closes the connection with 4000; the connection then detaches itself. */
  dismiss(reason: string, now: number): void
}

/** What a session needs of its surroundings. */
export interface LvspSessionHost {
  readonly node: NodeControl
  readonly effects: Effects
  readonly deadlines: Deadlines
  expired(session: LvspSession): void
  /** Its first connection is live, or its last one ended. */
  connectionsChanged(session: LvspSession, now: number): void
  /** Whether this front passes events on to the backend. */
  isReceiver(session: LvspSession): boolean
}

/** A session as `VoiceNode.inspect()` shows it. */
export interface LvspSessionInspection {
  readonly backend: BackendId
  readonly session: string
  /** Number of the newest INFO. */
  readonly seq: number
  /** INFO messages kept for replay. */
  readonly kept: number
  /** Oldest first; the newest receives. */
  readonly connections: readonly ConnectionId[]
  /** When it expires, on the node's clock; `Infinity` while a connection is live. */
  readonly endsAt: number
}

/** The ids by which a backend recognizes the command that a FAILURE answers. */
export interface CommandIds {
  channel_id?: string | undefined
  guild_id?: string | undefined
  user_id?: string | undefined
  session_id?: string | undefined
}

interface Kept {
  type: LvspEvent
  text: string
}

export class LvspSession implements Timed {
  readonly backend: BackendId
  /** `session` of READY. */
  readonly id: string
  /** Id of the front that the session belongs to; undefined for one of the backend itself. */
  readonly front: string | undefined
  /** Since when the backend is connected to this front, as a number that grows; 0 if it is not. */
  backendSince = 0
  /** A command of this session is being executed: what it changes is not mirrored to it. */
  isExecuting = false
  /** The token of the last IDENTIFY or RESUME, in canonical form: drafts of the specification resume with it. */
  draftToken: string | undefined
  readonly #host: LvspSessionHost
  readonly #replay = new ReplayBuffer<Kept>({
    highest: Number.MAX_SAFE_INTEGER,
    messages: LIMITS.lvspReplayMessages,
    bytes: LIMITS.lvspReplayBytes,
  })
  /** Oldest first. The newest connection receives. */
  #attached: Attachment[] = []
  /** The agreement of the newest connection, also after its end: it decides what is kept for replay. */
  #agreement: Agreement | undefined
  #endsAt = Infinity

  constructor(backend: BackendId, id: string, host: LvspSessionHost, front?: string) {
    this.front = front
    this.backend = backend
    this.id = id
    this.#host = host
  }

  /** The number of the newest INFO; 0 before the first. */
  get seq(): number {
    return this.#replay.last
  }

  /** A connection is live: from now on it receives, and the one that received before is notified. */
  attach(connection: Attachment, now: number): void {
    this.#attached.at(-1)?.receiverChanged(connection)
    this.#attached.push(connection)
    this.#agreement = connection.agreement
    this.#endsAt = Infinity
    if (this.#attached.length === 1) this.#host.connectionsChanged(this, now)
    if (this.#attached.length > LIMITS.lvspConnectionsPerBackend)
      this.#attached[0]!.dismiss('too many connections of this backend', now)
  }

  /** A connection ended. The previous one receives again; after the last one the session waits for RESUME. */
  detach(connection: Attachment, now: number): void {
    const wasReceiver = this.#attached.at(-1) === connection
    const left = this.#attached.filter(other => other !== connection)
    if (left.length === this.#attached.length) return
    this.#attached = left
    const receiver = left.at(-1)
    this.#agreement = receiver?.agreement ?? this.#agreement
    if (wasReceiver) receiver?.receiverChanged(receiver)
    if (receiver !== undefined) return
    this.#endsAt = now + LIMITS.lvspResumeWindow
    this.#host.deadlines.update(this)
    this.#host.connectionsChanged(this, now)
  }

  /** A connection resumes: it replaces all others. */
  replaceWith(connection: Attachment, now: number): void {
    const others = this.#attached
    this.#attached = []
    this.attach(connection, now)
    for (const other of others) other.dismiss('resumed by another connection', now)
  }

  /** Whether a connection is live. */
  get isConnected(): boolean {
    return this.#attached.length > 0
  }

  /** Whether the newest connection agreed to this event. */
  hasAgreed(type: LvspEvent): boolean {
    return this.#agreement !== undefined && isAgreed(this.#agreement, type)
  }

  /** Another process has sent the backend later events: what it missed here is not replayed, but answered with the state. */
  forgetMissed(): void {
    this.#replay.clear()
  }

  /** Numbers, keeps and sends an INFO. Types whose capability was not negotiated are dropped. */
  send<T extends LvspEvent>(type: T, data: LvspEventData<T>): void {
    if (this.#agreement === undefined || !this.hasAgreed(type)) return
    const d = { type, data: eventData(this.#agreement.dialect, data) }
    const text = JSON.stringify({ op: LvspOp.Info, s: this.#replay.next, d })
    this.#replay.push({ type, text }, text.length)
    const receiver = this.#attached.at(-1)
    if (receiver !== undefined) this.#host.effects.send(receiver.id, text)
  }

  /**
   * Sends the newest connection the messages after number `seq` of `session`. If they are not kept, or the session is another,
   * sends the whole state instead: every channel and voice state, in order of creation.
   */
  catchUp(
    seq: number | undefined,
    session: string | undefined,
  ): { resumed: 'replay' | 'state'; work: Work | undefined } {
    const isThis = session === undefined || session === this.id
    const missed = isThis && seq !== undefined && seq <= this.seq ? this.#replay.after(seq) : undefined
    if (missed === undefined) return { resumed: 'state', work: this.#sendState() }
    // Not in slices: messages that are numbered between two of them would overtake the rest.
    for (const { type, text } of missed) this.#resend(type, text)
    return { resumed: 'replay', work: undefined }
  }

  #resend(type: LvspEvent, text: string): void {
    const receiver = this.#attached.at(-1)
    if (receiver !== undefined && isAgreed(receiver.agreement, type)) this.#host.effects.send(receiver.id, text)
  }

  *#sendState(): Work {
    if (this.front !== undefined) return yield* this.#sendMirror()
    for (const item of this.#host.node.state(this.backend)) {
      if (item !== undefined) this.#sendItem(item)
      yield
    }
  }

  *#sendMirror(): Generator<undefined, void, number> {
    for (const item of this.#host.node.mirror?.(this.backend) ?? []) {
      if (item !== undefined) this.sendMirrored(item)
      yield
    }
    this.send(LvspInfo.Receiver, { receives: this.#host.isReceiver(this) })
  }

  /** To a front. */
  sendMirrored(item: MirrorItem): void {
    if (item.kind === 'encryption') return this.sendDave(item.state)
    const endpoint = this.#host.node.endpoint
    if (isOfVoiceState(item)) this.send(LvspInfo.VoiceStateMirror, voiceStateMirror(item, endpoint))
    else this.send(LvspInfo.ChannelMirror, channelMirror(item, endpoint))
  }

  #sendItem(item: StateItem): void {
    switch (item.kind) {
      case 'channel':
        return this.sendAssign(item.grant)
      case 'voiceState':
        return this.sendDone(item.grant)
      case 'encryption':
        return this.sendDave(item.state)
    }
  }

  sendDraining(channel: DrainingChannel): void {
    this.send(LvspInfo.ChannelDraining, {
      channel_id: channel.channelId,
      guild_id: channel.guildId,
      timeout: Math.max(0, Math.round(channel.timeout)),
    })
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

  sendAssign({ channelId, guildId, token, endpoint = this.#host.node.endpoint }: ChannelGrant): void {
    this.send(LvspInfo.ChannelAssign, { channel_id: channelId, guild_id: guildId, token, endpoint })
  }

  sendDone({ endpoint = this.#host.node.endpoint, ...state }: VoiceStateGrant): void {
    this.send(LvspInfo.VoiceStateDone, {
      user_id: state.userId,
      channel_id: state.channelId,
      guild_id: state.guildId,
      session_id: state.sessionId,
      token: state.token,
      endpoint,
      connected: state.connected,
    })
  }

  /** FAILURE, in reply to a command of this info type with these ids. */
  sendFailure(type: number, ids: CommandIds, { failure, message }: Refusal): void {
    this.send(LvspInfo.Failure, {
      in_reply_to: { type, data: ids },
      code: failure,
      message: message.slice(0, LIMITS.lvspFailureMessage),
    })
  }

  /** When the session expires; `Infinity` while a connection is live. */
  get deadline(): number {
    return this.#endsAt
  }

  tick(now: number): void {
    if (now < this.#endsAt) return
    this.#endsAt = Infinity
    this.#host.expired(this)
  }

  inspect(): LvspSessionInspection {
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
