// The voice states that the bridge wants on the nodes: one seat per user and LVSP channel. Issues the commands, in order.
import type { NodeTable } from './nodes.ts'
import type { BridgeOutput, ListedChannel, SeatRef } from './outputs.ts'
import { areSameRestrictions, type Place, type Restrictions } from './place.ts'

/** What is wanted for a user. */
export interface SeatWish {
  userId: string
  /** The voice channel with its guild, or the stream's server id. */
  channel: Place
  node: string
  /** As Spacebar announced it, for publishing. */
  endpoint: string
  sessionId: string
  token: string
  restrictions: Restrictions
  /** For the channel of a stream: its key and its owner. */
  stream?: { key: string; ownerId: string } | undefined
}

/** `waiting`: not sent, or without an answer. `asked`: sent. `held`: the node has it. */
type SeatState = 'waiting' | 'asked' | 'held'

/** A wish with its progress on the node. */
export interface Seat extends SeatWish {
  state: SeatState
  /** Whether the user's media is established. */
  isConnected: boolean
  /** Whether the user was connected and is no longer. */
  isLost: boolean
  /** Whether the user may not know that it has to connect: it is sent a VOICE_SERVER_UPDATE if it has no session. */
  isRestored: boolean
  /** Why the node refused it the last time. */
  refusal?: string | undefined
}

/** An LVSP channel on one node, from its first seat to its last. */
interface Channel {
  readonly place: Place
  readonly node: string
  readonly seats: Map<string, Seat>
}

/** Commands are issued for ready nodes only; `resend` repeats what a node missed. LVSP repeats are idempotent. */
export class Seats {
  readonly #nodes: NodeTable
  readonly #outputs: BridgeOutput[]
  /** By node and channel id: after a change of region a channel is on two nodes. */
  readonly #channels = new Map<string, Channel>()

  constructor(nodes: NodeTable, outputs: BridgeOutput[]) {
    this.#nodes = nodes
    this.#outputs = outputs
  }

  /** Users in a channel, on all nodes. */
  count(channelId: string): number {
    return this.#onNodes(channelId).reduce((total, { seats }) => total + seats.size, 0)
  }

  /** The seat of a user; undefined if it has none there. */
  find(node: string, channelId: string, userId: string): Seat | undefined {
    return this.#channels.get(keyOf(node, channelId))?.seats.get(userId)
  }

  /** Creates the seat, or replaces the user's seat in this channel of this node. */
  grant(wish: SeatWish, isRestored: boolean): Seat {
    const seat: Seat = { ...wish, state: 'waiting', isConnected: false, isLost: false, isRestored }
    const key = keyOf(wish.node, wish.channel.channelId)
    const known = this.#channels.get(key)
    const channel = known ?? { place: wish.channel, node: wish.node, seats: new Map<string, Seat>() }
    if (known === undefined) this.#channels.set(key, channel)
    channel.seats.set(wish.userId, seat)
    if (!this.#nodes.isReady(wish.node)) return seat
    if (known === undefined) this.#open(seat)
    this.#ask(seat)
    return seat
  }

  /** A moderator's change. Nothing is sent if it is none. */
  restrict(seat: Seat, restrictions: Restrictions): void {
    if (areSameRestrictions(seat.restrictions, restrictions)) return
    seat.restrictions = restrictions
    this.#outputs.push({ kind: 'restrict', node: seat.node, seat: refOf(seat), restrictions })
  }

  /** The last user's channel is closed, because nodes keep empty channels. */
  remove(seat: Seat): void {
    const key = keyOf(seat.node, seat.channel.channelId)
    const channel = this.#channels.get(key)
    if (channel?.seats.get(seat.userId) !== seat) return
    channel.seats.delete(seat.userId)
    this.#outputs.push({ kind: 'remove', node: seat.node, seat: refOf(seat) })
    if (channel.seats.size > 0) return
    this.#channels.delete(key)
    this.#outputs.push({ kind: 'close', node: seat.node, channel: channel.place })
  }

  /** Closes a channel on all nodes that have it. */
  close(channelId: string): void {
    for (const { node, place } of this.#onNodes(channelId)) {
      this.#channels.delete(keyOf(node, channelId))
      this.#outputs.push({ kind: 'close', node, channel: place })
    }
  }

  /** After a connect: what the node may not have. A node with another session has nothing, and its users may have to reconnect. */
  resend(node: string, isSameSession: boolean): void {
    for (const channel of this.#ofNode(node)) {
      const seats = [...channel.seats.values()]
      if (!isSameSession) for (const seat of seats) Object.assign(seat, RESTARTED)
      this.#askLate(seats.filter(({ state }) => state !== 'held'))
    }
  }

  /** Asks ready nodes again for what they refused. */
  askAgain(): void {
    for (const { node, seats } of this.#channels.values())
      if (this.#nodes.isReady(node)) this.#askLate([...seats.values()].filter(({ state }) => state === 'waiting'))
  }

  /** What the bridge wants on a node, as SYNC lists it. */
  listOf(node: string): ListedChannel[] {
    return this.#ofNode(node).map(({ place, seats }) => ({ ...place, userIds: [...seats.keys()] }))
  }

  /** All seats on a node. */
  *ofNode(node: string): Iterable<Seat> {
    for (const { seats } of this.#ofNode(node)) yield* seats.values()
  }

  #ofNode(node: string): Channel[] {
    return [...this.#channels.values()].filter(channel => channel.node === node)
  }

  #onNodes(channelId: string): Channel[] {
    return this.#nodes.names.flatMap(node => this.#channels.get(keyOf(node, channelId)) ?? [])
  }

  /**
   * The channel of a stream is created with its properties before its first seat; other channels with their first voice
   * state.
   */
  #open({ node, channel, stream }: Seat): void {
    if (stream === undefined) return
    this.#outputs.push({ kind: 'open', node, channelId: channel.channelId, ownerId: stream.ownerId })
  }

  /** Seats of one channel, later than their users joined: the node may have refused the Identify of their clients. */
  #askLate(seats: readonly Seat[]): void {
    if (seats[0] !== undefined) this.#open(seats[0])
    for (const seat of seats) {
      seat.isRestored = true
      this.#ask(seat)
    }
  }

  /** Requests the voice state; the answer changes its state. */
  #ask(seat: Seat): void {
    const { node, sessionId, token, restrictions } = seat
    seat.state = 'asked'
    this.#outputs.push({ kind: 'grant', node, seat: refOf(seat), sessionId, token, restrictions })
  }
}

/** A seat on a node that lost everything. */
const RESTARTED: Partial<Seat> = { state: 'waiting', isConnected: false, isLost: true, isRestored: true }

/** Names of nodes may contain spaces; snowflakes do not. */
const keyOf = (node: string, channelId: string): string => `${channelId} ${node}`

const refOf = ({ userId, channel }: Seat): SeatRef => ({ ...channel, userId })
