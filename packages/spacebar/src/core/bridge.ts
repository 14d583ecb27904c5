// The bridge as a state machine: events of Spacebar's bus, its database and the nodes in, commands for the nodes out. Time is an
// argument.
// `SpacebarBridge` feeds it and applies `takeOutputs` after each input. Three sources may disagree about a user: an
// event of the bus is newer than a row read before it, and `changedAt` of the user decides. Without a database only the
// bus counts.
import { LIMITS } from '../limits.ts'
import { Calls } from './calls.ts'
import type { BusEvent } from './events.ts'
import { type BridgeNode, NodeTable } from './nodes.ts'
import type { BridgeOutput } from './outputs.ts'
import { isSamePlace, type Place } from './place.ts'
import { Reconciliation } from './reconciliation.ts'
import type { Snapshot, StoredVoiceState, Verdict } from './snapshot.ts'
import { placeOf } from './users.ts'

/** The nodes that the bridge drives, and what the database is used for. */
export interface BridgeOptions {
  nodes: readonly BridgeNode[]
  /** Whether there is a database to reconcile with. Without it the bridge never sends SYNC. */
  hasDatabase: boolean
  /** Whether the database has to allow each join. */
  checksPermissions: boolean
}

type Event<K extends BusEvent['kind']> = Extract<BusEvent, { kind: K }>

/** Dispatches: users and admission are in `Calls`, voice states on nodes in `Seats`, Go Live in `Streams`. */
export class Bridge {
  readonly #hasDatabase: boolean
  readonly #nodes: NodeTable
  readonly #outputs: BridgeOutput[] = []
  readonly #calls: Calls
  readonly #reconciliation: Reconciliation
  #hasSnapshot = false
  #reconcileAt: number
  /** When nodes are asked again for the seats that they refused. */
  #askAgainAt = Infinity

  /** Throws a RangeError for nodes without a name or endpoint of their own. */
  constructor({ nodes, hasDatabase, checksPermissions }: BridgeOptions, now: number) {
    this.#hasDatabase = hasDatabase
    this.#nodes = new NodeTable(nodes)
    this.#calls = new Calls({ nodes: this.#nodes, outputs: this.#outputs, hasDatabase, checksPermissions })
    this.#reconciliation = new Reconciliation(this.#calls, this.#nodes)
    this.#reconcileAt = hasDatabase ? now : Infinity
  }

  /** All outputs since the last call, in the order in which they must be applied. */
  takeOutputs(): readonly BridgeOutput[] {
    return this.#outputs.splice(0)
  }

  /** Users with a voice state. */
  get size(): number {
    return this.#calls.users.size
  }
  /** Whether the database was read once, or there is none. */
  get isReconciled(): boolean {
    return this.#hasSnapshot || !this.#hasDatabase
  }
  /** When to call `tick`; `Infinity` if never. */
  get deadline(): number {
    return Math.min(this.#calls.deadline, this.#reconcileAt, this.#askAgainAt)
  }

  /** Handles tokens that did not arrive, updates to publish, refused seats, and the periodic reconciliation. */
  tick(now: number): void {
    this.#calls.tick(now)
    if (now >= this.#askAgainAt) {
      this.#askAgainAt = Infinity
      this.#calls.seats.askAgain()
    }
    if (now >= this.#reconcileAt) this.reconcile(now)
  }

  /** Compares everything with the database now: the bus was away. */
  reconcile(now: number): void {
    if (!this.#hasDatabase) return
    this.#reconcileAt = now + LIMITS.reconcileInterval
    this.#outputs.push({ kind: 'reconcile' })
  }
  /** An input or output failed, and the database has what it was about. A reconciliation that fails is not repeated at once. */
  repair(now: number): void {
    if (this.#hasDatabase) this.#reconcileAt = Math.min(this.#reconcileAt, now + LIMITS.repairDelay)
  }
  /** The database could not be read. */
  reconcileFailed(now: number): void {
    this.#reconcileAt = now + LIMITS.retryDelay
  }

  /** An event of the bus. */
  event(event: BusEvent, now: number): void {
    switch (event.kind) {
      case 'voiceState':
        return this.#voiceState(event, now)
      case 'left':
        return this.#left(event, now)
      case 'voiceServer':
        return this.#voiceServer(event, now)
      case 'memberGone':
        return this.#left({ ...event, channelId: undefined }, now)
      case 'recipientGone':
        return this.#recipientGone(event, now)
      case 'channelGone':
        return this.#channelGone(event.channelId, now)
      case 'guildGone':
        return this.#calls.guildGone(event.guildId, now)
      case 'streamCreated':
        if (!this.#calls.streams.created(event.stream, event.serverId))
          this.#calls.note('bridge.full', { of: 'streams' })
        return
      case 'streamServer':
        return this.#streamServer(event)
      case 'streamEnded':
        return this.#calls.streams.end(event.stream.key)
      case 'viewerLeft':
        return this.#calls.streams.viewerLeft(event.stream.key, event.userId)
    }
  }

  /** A node is ready. One with another session was restarted: it has nothing of ours. */
  nodeReady(node: string, { isSameSession }: { isSameSession: boolean }): void {
    this.#nodes.setReady(node, true)
    this.#calls.seats.resend(node, isSameSession)
    if (this.#hasSnapshot && !isSameSession) this.#sync(node)
  }
  /** The connection to a node was lost. Requests without an answer are sent again when it is ready. */
  nodeLost(node: string): void {
    this.#nodes.setReady(node, false)
    for (const seat of this.#calls.seats.ofNode(node)) if (seat.state === 'asked') seat.state = 'waiting'
  }

  /** The node has the voice state; `isConnected` tells whether its user has a voice session. */
  granted(node: string, channelId: string, userId: string, isConnected: boolean, now: number): void {
    const seat = this.#calls.seats.find(node, channelId, userId)
    if (seat === undefined || seat.state !== 'asked') return
    seat.state = 'held'
    seat.isConnected = isConnected
    const delay = seat.isLost ? 0 : LIMITS.publishDelay
    if (seat.isRestored && !isConnected) this.#calls.publisher.schedule(seat, now, delay)
    seat.isRestored = false
    seat.refusal = undefined
  }
  /** The node refused, or did not answer: it is asked again after a while. The same refusal is noted once. */
  grantFailed(node: string, channelId: string, userId: string, reason: string, now: number): void {
    const seat = this.#calls.seats.find(node, channelId, userId)
    if (seat?.state !== 'asked') return
    seat.state = 'waiting'
    this.#askAgainAt = Math.min(this.#askAgainAt, now + LIMITS.refusedRetry)
    if (seat.refusal === reason) return
    seat.refusal = reason
    this.#calls.note('bridge.node_refused', { node, channel: channelId, user: userId, reason })
  }
  /** The user's media is established on the node. */
  userConnected(node: string, channelId: string, userId: string): void {
    const seat = this.#calls.seats.find(node, channelId, userId)
    if (seat === undefined) return
    seat.isConnected = true
    seat.isLost = false
    this.#calls.publisher.connected(seat)
  }
  /** The user's voice connection ended. One that may be resumed changes nothing. */
  userDisconnected(node: string, channelId: string, userId: string, isResumable: boolean): void {
    const seat = this.#calls.seats.find(node, channelId, userId)
    if (seat === undefined || isResumable) return
    seat.isConnected = false
    seat.isLost = true
  }

  /** A trigger in the database says that the row of a user changed. */
  rowChanged(userId: string): void {
    this.#outputs.push({ kind: 'readUser', userId })
  }
  /** Everything in the database, read since `startedAt`. Spacebar may send an event shortly before it writes the row. */
  snapshot(snapshot: Snapshot, startedAt: number, now: number): void {
    this.#reconciliation.all(snapshot, startedAt - LIMITS.settleTime, now)
    const isFirst = !this.#hasSnapshot
    this.#hasSnapshot = true
    if (isFirst) for (const node of this.#nodes.names) if (this.#nodes.isReady(node)) this.#sync(node)
  }
  /** The voice state of one user; undefined if the database has none. */
  userRead(userId: string, row: StoredVoiceState | undefined, startedAt: number): void {
    const user = this.#calls.users.get(userId)
    // Spacebar may send an event shortly before it writes the row.
    const isSettled = user === undefined || user.changedAt <= startedAt - LIMITS.settleTime
    if (!isSettled && row?.sessionId !== user.voice?.sessionId) return this.#calls.awaitToken(user, startedAt)
    if (row !== undefined) return this.#reconciliation.voiceState(row, startedAt)
    if (user !== undefined) this.#calls.drop(user)
  }
  /** The database decided whether a user may join. */
  authorized(userId: string, place: Place, verdict: Verdict, now: number): void {
    this.#calls.authorized(userId, place, verdict, now)
  }

  /** A voice state with a channel. It admits no user: the token follows, or the database has it. */
  #voiceState(
    { userId, place, sessionId, restrictions, isMember, isStreaming }: Event<'voiceState'>,
    now: number,
  ): void {
    const user = this.#calls.changed(userId, now)
    if (user === undefined) return
    if (!isMember) {
      this.#calls.drop(user)
      return this.#calls.note('bridge.refused', { user: userId, channel: place.channelId, reason: 'not a member' })
    }
    if (!isSamePlace(placeOf(user), place)) return this.#calls.moved(user, { place, sessionId, restrictions }, now)
    const isOtherLogin = user.voice !== undefined && user.voice.sessionId !== sessionId
    user.voice = { place, sessionId, restrictions }
    this.#calls.streams.ownerStreams(userId, isStreaming)
    if (user.seat === undefined) return
    this.#calls.seats.restrict(user.seat, restrictions)
    // Spacebar gives the second login a token of its own, and sends no VOICE_SERVER_UPDATE.
    if (isOtherLogin) this.#calls.findToken(user)
    // A library that lost its voice server asks again, and Spacebar does not answer.
    else if (user.seat.isLost) this.#calls.publisher.schedule(user.seat, now, 0)
  }

  /** In the last events of a leave the guild is absent: the known place of the user counts. */
  #left({ userId, guildId, channelId }: Omit<Event<'left'>, 'kind'>, now: number): void {
    const user = this.#calls.users.get(userId)
    const place = user && placeOf(user)
    if (user === undefined || place === undefined) return this.#unknownLeft(userId, guildId, channelId)
    if (guildId !== undefined && place.guildId !== guildId) return
    user.changedAt = now
    // Without a seat here, the node may have one that was created before the bridge started.
    if (user.seat === undefined) this.#unknownLeft(userId, place.guildId, place.channelId)
    this.#calls.drop(user)
  }

  /** A bridge without a database knows nothing of the users who were there before its start. */
  #unknownLeft(userId: string, guildId: string | undefined, channelId: string | undefined): void {
    if (this.#hasDatabase) return
    for (const node of this.#nodes.names) {
      if (guildId !== undefined) this.#outputs.push({ kind: 'removeFromGuild', node, userId, guildId })
      else if (channelId !== undefined) this.#outputs.push({ kind: 'remove', node, seat: { userId, channelId } })
    }
  }

  /** The user was removed from a group call. */
  #recipientGone({ userId, channelId }: Event<'recipientGone'>, now: number): void {
    const user = this.#calls.users.get(userId)
    const place = user && placeOf(user)
    if (place === undefined || place.channelId === channelId) this.#left({ userId, guildId: undefined, channelId }, now)
  }

  /** The token of a user, and with the endpoint the node. Both must fit the voice state that precedes them. */
  #voiceServer({ userId, guildId, channelId, token, endpoint }: Event<'voiceServer'>, now: number): void {
    const user = this.#calls.users.get(userId)
    const place = user?.voice?.place
    const isMatch = guildId !== undefined || channelId === undefined || channelId === place?.channelId
    if (user === undefined || place === undefined || place.guildId !== guildId || !isMatch)
      return this.#tokenWithoutState(userId)
    const node = this.#nodes.byEndpoint(endpoint)?.name
    this.#calls.tokenArrived(user)
    user.changedAt = now
    if (node !== undefined) return this.#calls.admit(user, { place, token, node, endpoint, isRestored: user.hasMoved })
    this.#calls.unseat(user)
    this.#unknownEndpoint(endpoint)
  }

  /** A token without a fitting voice state: the database may know the user's place. */
  #tokenWithoutState(userId: string): void {
    if (this.#hasDatabase) this.#outputs.push({ kind: 'readUser', userId })
    else this.#calls.note('bridge.token_without_state', { user: userId })
  }

  /** Without a database the nodes may have users that the bridge does not know. */
  #channelGone(channelId: string, now: number): void {
    this.#calls.channelGone(channelId, now)
    if (this.#hasDatabase) return
    for (const node of this.#nodes.names) this.#outputs.push({ kind: 'close', node, channel: { channelId } })
  }

  /** Only users in the call of the stream may watch it: Spacebar does not check that either. */
  #streamServer({ stream, userId, token, endpoint }: Event<'streamServer'>): void {
    const seat = this.#calls.users.get(userId)?.seat
    if (seat === undefined || !isSamePlace(seat.channel, stream.place))
      return this.#calls.note('bridge.refused', { user: userId, stream: stream.key, reason: 'not in the call' })
    const node = this.#nodes.byEndpoint(endpoint)?.name
    if (node === undefined) return this.#unknownEndpoint(endpoint)
    if (!this.#calls.streams.admit(stream.key, seat, { node, endpoint, token }))
      this.#calls.note('bridge.token_without_state', { user: userId, stream: stream.key })
  }

  /** Noted once per endpoint: the region's endpoint must equal the endpoint of a node. */
  #unknownEndpoint(endpoint: string): void {
    if (this.#nodes.isNews(endpoint)) this.#calls.note('bridge.unknown_endpoint', { endpoint })
  }

  /** Lists what the bridge wants on the node; the rest is removed after the grace period. */
  #sync(node: string): void {
    const grace = LIMITS.absenceGrace / 1_000
    this.#outputs.push({ kind: 'sync', node, channels: this.#calls.seats.listOf(node), grace })
  }
}
