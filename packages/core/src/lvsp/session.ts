// The LVSP session of one backend: what RESUME restores. It numbers INFO messages and keeps them for replay.
import { type LvspEvent, type LvspEventData, LvspInfo, LvspOp, PROTOCOL_LIMITS } from '@parley/protocol'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Deadlines, Timed } from '../deadlines.ts'
import type { ConnectionId, Effects } from '../effect.ts'
import { LIMITS } from '../limits.ts'
import { type MemoryBudget, ReplayBuffer } from '../replay-buffer.ts'
import { type Agreement, eventData, isAgreed } from './dialect.ts'
import { channelMirror, isOfVoiceState, voiceStateMirror } from './fronts/mirror-messages.ts'
import type {
  BackendStats,
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
  /** Whether this connection receives the INFO messages from now on. `by`: another one of the same process does. */
  receiverChanged(receives: boolean, by?: ConnectionId): void
  /** Closes the connection with 4000; the connection then detaches itself. */
  dismiss(reason: string, now: number): void
}

/** Memory of a backend for messages: those kept for RESUME, and those of its connections that wait. */
export interface MessageMemory {
  readonly kept: MemoryBudget
  readonly waiting: MemoryBudget
}

/** What a session needs of its surroundings. */
export interface LvspSessionHost {
  readonly node: NodeControl
  readonly effects: Effects
  readonly deadlines: Deadlines
  /** Memory of the backend; undefined where only `LIMITS` bound its messages. */
  readonly memory?: MessageMemory | undefined
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

const REPLAY_LIMITS = {
  highest: Number.MAX_SAFE_INTEGER,
  messages: LIMITS.lvspReplayMessages,
  bytes: LIMITS.lvspReplayBytes,
}

export class LvspSession implements Timed {
  readonly backend: BackendId
  /** `session` of READY. */
  readonly id: string
  /** Id of the front that the session belongs to; undefined for one of the backend itself. */
  readonly front: string | undefined
  /** Since when the backend is connected to this front, as a number that grows; 0 if it is not. */
  backendSince = 0
  /** Of a front: the backend agreed there to receive events about video. */
  wantsVideo = false
  /** A command of this session is being executed: what it changes is not mirrored to it. */
  isExecuting = false
  /** The token of the last IDENTIFY or RESUME, in canonical form: drafts of the specification resume with it. */
  draftToken: string | undefined
  readonly #host: LvspSessionHost
  readonly #replay: ReplayBuffer<Kept>
  /** Oldest first. The newest connection receives. */
  #attached: Attachment[] = []
  /** The agreement of the newest connection, also after its end: it decides what is kept for replay. */
  #agreement: Agreement | undefined
  #endsAt = Infinity
  /** False while the backend has a later connection to another front. */
  #isReceiving = true

  constructor(backend: BackendId, id: string, host: LvspSessionHost, front?: string) {
    this.front = front
    this.backend = backend
    this.id = id
    this.#host = host
    this.#replay = new ReplayBuffer(REPLAY_LIMITS, host.memory?.kept)
  }

  /** Memory for messages of the backend's connections that wait; undefined where only `LIMITS` bound them. */
  get waiting(): MemoryBudget | undefined {
    return this.#host.memory?.waiting
  }

  /** The number of the newest INFO; 0 before the first. */
  get seq(): number {
    return this.#replay.last
  }

  /** A connection is live: from now on it receives, and the one that received before is notified. */
  attach(connection: Attachment, now: number): void {
    if (this.#isReceiving) this.#attached.at(-1)?.receiverChanged(false, connection.id)
    this.#isReceiving = true
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
    if (wasReceiver && this.#isReceiving) receiver?.receiverChanged(true)
    if (receiver !== undefined) return
    this.#endsAt = now + LIMITS.lvspResumeWindow
    this.#host.deadlines.update(this)
    this.#host.connectionsChanged(this, now)
  }

  #replaceWith(connection: Attachment, now: number): void {
    const others = this.#attached
    this.#attached = []
    this.attach(connection, now)
    for (const other of others) other.dismiss('resumed by another connection', now)
  }

  /** Whether a connection is live. */
  get isConnected(): boolean {
    return this.#attached.length > 0
  }

  /** Another front sends the backend its events from now on, or this one does again. */
  receiverChanged(receives: boolean): void {
    if (receives === this.#isReceiving) return
    this.#isReceiving = receives
    this.#attached.at(-1)?.receiverChanged(receives)
  }

  /** Whether the newest connection agreed to this event. A front agrees to all, and its backend may not want video. */
  hasAgreed(type: LvspEvent): boolean {
    const isVideo = type === LvspInfo.VideoView || type === LvspInfo.VideoSource
    if (isVideo && this.front !== undefined && !this.wantsVideo) return false
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
   * A connection resumes: it replaces all others. It is sent the messages after number `seq` of `session`, before those that its arrival
   * causes, such as RECEIVER. If they are not kept, or the session is another, it is sent the whole state instead: every channel and
   * voice state, in order of creation.
   */
  resume(
    connection: Attachment,
    { seq, session }: { seq?: number | null | undefined; session?: string | null | undefined },
    now: number,
  ): { resumed: 'replay' | 'state'; work: Work | undefined } {
    const isThis = session == null || session === this.id
    const missed = isThis && seq != null && seq <= this.seq ? this.#replay.after(seq) : undefined
    // Not in slices: messages that are numbered between two of them would overtake the rest.
    for (const { type, text } of missed ?? [])
      if (isAgreed(connection.agreement, type)) this.#host.effects.send(connection.id, text)
    this.#replaceWith(connection, now)
    if (missed === undefined) return { resumed: 'state', work: this.#sendState() }
    return { resumed: 'replay', work: undefined }
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

  /** STATS. */
  sendStats({ channels, sessions, views, egressBitsPerSecond }: BackendStats, health: number): void {
    this.send(LvspInfo.Stats, { channels, sessions, views: { ...views }, egress_bps: egressBitsPerSecond, health })
  }

  /** FAILURE, in reply to a command of this info type with these ids. */
  sendFailure(type: number, ids: CommandIds, { failure, message }: Refusal): void {
    this.send(LvspInfo.Failure, {
      in_reply_to: { type, data: ids },
      code: failure,
      message: message.slice(0, PROTOCOL_LIMITS.text),
    })
  }

  /** When the session expires; `Infinity` while a connection is live. */
  get deadline(): number {
    return this.#endsAt
  }

  tick(now: number): void {
    if (now >= this.#endsAt) this.expire()
  }

  /** Ends the session, which has no connection: nothing can be resumed. */
  expire(): void {
    this.#endsAt = Infinity
    this.#replay.clear()
    this.#host.deadlines.remove(this)
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
