// The nodes of one chat backend: what it asks of them, and what happens to their channels when they are lost or drain.
import type { ChannelProperties, VoiceStateRestrictions } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { Listeners } from '../listeners.ts'
import type { ChannelRef } from '../lvsp/channel.ts'
import { LvspClient, type LvspClientOptions } from '../lvsp/client.ts'
import { LvspRequestError } from '../lvsp/lvsp-errors.ts'
import type { GrantedVoiceState, NewVoiceState, UserRef } from '../lvsp/voice-state.ts'
import { ChannelPlacer } from './channel-placer.ts'
import {
  type ChannelEntry,
  type FleetNodeState,
  healthOf,
  type NodeEntry,
  nodesOf,
  type UserEntry,
} from './fleet-channel.ts'
import type { FleetChannel, FleetEvents } from './fleet-events.ts'

/** A node of a fleet. */
export interface FleetNode extends LvspClientOptions {
  /** Unique in the fleet. */
  name: string
  /** Label by which channels select nodes. */
  region: string
}

export interface FleetOptions {
  nodes: readonly FleetNode[]
  /** Milliseconds for which a node may be away before its channels move. Default: 15 000. */
  lossGrace?: number | undefined
  /**
   * For a backend that was restarted: seconds (0 to 3,600) after which a node ends the channels and voice states of an earlier process
   * that were not created again. Counts from the first connection (SYNC). Default: they stay.
   */
  syncGrace?: number | undefined
}

/**
 * Serves the channels of one backend with several nodes.
 *
 * @example
 * ```ts
 * import { Fleet } from '@parley/client'
 *
 * const secret = process.env.LVSP_SECRET ?? ''
 * const fleet = new Fleet({
 *   nodes: [
 *     { name: 'fra-1', region: 'eu', url: 'wss://fra-1.example.org/lvsp', secret },
 *     { name: 'nyc-1', region: 'us', url: 'wss://nyc-1.example.org/lvsp', secret },
 *   ],
 * })
 * fleet.on('moved', ({ channel, voiceStates }) => {
 *   // Send the users of these voice states the new endpoint and tokens.
 *   console.log(channel.endpoint, voiceStates.length)
 * })
 * await fleet.connect()
 * const { node, endpoint } = await fleet.channelFor({ guildId: '100', channelId: '500' }, { region: 'eu' })
 * console.log(`channel 500 is on ${node} at ${endpoint}`)
 * ```
 */
export class Fleet {
  readonly #nodes: ReadonlyMap<string, NodeEntry>
  readonly #channels = new Map<string, ChannelEntry>()
  readonly #events = new Listeners<FleetEvents>()
  readonly #placer: ChannelPlacer
  readonly #lossGrace: number
  readonly #syncGrace: number | undefined
  #isClosed = false

  /** Throws a RangeError for invalid node options (see `LvspClient`) and for two nodes with the same name. */
  constructor({ nodes, lossGrace = LIMITS.lossGrace, syncGrace }: FleetOptions) {
    this.#lossGrace = lossGrace
    this.#syncGrace = syncGrace
    const entries = nodes.map((node): NodeEntry => {
      return { name: node.name, region: node.region, client: new LvspClient(node), state: 'away', isKnown: false }
    })
    this.#nodes = new Map(entries.map(node => [node.name, node]))
    if (this.#nodes.size < entries.length) throw new RangeError('two nodes of the fleet have the same name')
    this.#placer = new ChannelPlacer(entries, this.#channels, this.#events)
    for (const node of entries) this.#watch(node)
  }

  /** Adds a listener. */
  on<E extends keyof FleetEvents>(event: E, listener: (event: FleetEvents[E]) => void): this {
    this.#events.on(event, listener)
    return this
  }
  /** Removes a listener. */
  off<E extends keyof FleetEvents>(event: E, listener: (event: FleetEvents[E]) => void): this {
    this.#events.off(event, listener)
    return this
  }

  /** Connects to all nodes. Resolves when the first is ready; rejects with an AggregateError once all sessions have ended. */
  async connect(): Promise<void> {
    await Promise.any([...this.#nodes.values()].map(({ client }) => client.connect()))
  }

  /** State of each node. Health is 0 for a node that is not ready. `channels` counts the channels placed on it. */
  get nodes(): { name: string; region: string; state: FleetNodeState; health: number; channels: number }[] {
    const count = (node: NodeEntry) => [...this.#channels.values()].filter(channel => channel.node === node).length
    return [...this.#nodes.values()].map(node => {
      return { name: node.name, region: node.region, state: node.state, health: healthOf(node), channels: count(node) }
    })
  }

  /**
   * The placement of a channel. A new channel is placed on the healthiest node of the region, or of any region if that has
   * none. A channel without users leaves a node with health 0, such as one that drains, if another one accepts it. Rejects with
   * LvspRequestError if no node accepts it.
   */
  channelFor(
    ref: ChannelRef,
    options: { region?: string | undefined; properties?: ChannelProperties | undefined } = {},
  ): Promise<FleetChannel> {
    const known = this.#channels.get(ref.channelId)
    if (known !== undefined) return this.#placer.placementOf(known)
    const { region, properties = {} } = options
    const channel: ChannelEntry = { ref, region, properties, users: new Map(), holders: new Set(), isPlacing: false }
    this.#channels.set(ref.channelId, channel)
    channel.placed = this.#placer.place(channel)
    channel.placed.catch(() => this.#channels.get(ref.channelId) === channel && this.#channels.delete(ref.channelId))
    return channel.placed
  }

  /**
   * Creates a voice state on the node of the channel, which is placed if necessary. Ends the user's voice states in other
   * channels of the guild. Rejects with LvspRequestError.
   */
  async createVoiceState(user: UserRef, wish: NewVoiceState = {}): Promise<GrantedVoiceState> {
    await this.channelFor({ channelId: user.channelId, guildId: user.guildId })
    this.#leaveOthers(user)
    const channel = this.#channels.get(user.channelId)
    if (channel?.node === undefined) throw new LvspRequestError({ message: 'the channel has ended' })
    const entry: UserEntry = { wish }
    channel.users.set(user.userId, entry)
    try {
      return await this.#placer.grant(channel, user.userId, entry)
    } catch (error) {
      if (channel.users.get(user.userId) === entry) this.destroyVoiceState(user)
      throw error
    }
  }

  /** Ends a voice state. */
  destroyVoiceState(user: UserRef): void {
    const channel = this.#channels.get(user.channelId)
    channel?.users.delete(user.userId)
    for (const { client } of channel?.holders ?? []) client.destroyVoiceState(user)
  }

  /** Changes the restrictions of a voice state. They are kept when its channel moves. */
  updateVoiceState(user: UserRef, restrictions: VoiceStateRestrictions): void {
    const channel = this.#channels.get(user.channelId)
    const entry = channel?.users.get(user.userId)
    if (entry !== undefined) entry.wish = { ...entry.wish, ...restrictions }
    for (const { client } of channel?.holders ?? []) client.updateVoiceState(user, restrictions)
  }

  /** Changes properties of a channel. They are kept when it moves. */
  updateChannel(ref: ChannelRef, properties: ChannelProperties): void {
    const channel = this.#channels.get(ref.channelId)
    if (channel === undefined) return
    channel.properties = { ...channel.properties, ...properties }
    for (const { client } of nodesOf(channel)) client.updateChannel(ref, properties)
  }

  /** Ends a channel; its users are disconnected. */
  destroyChannel(ref: ChannelRef): void {
    const channel = this.#channels.get(ref.channelId)
    if (channel === undefined) return
    this.#channels.delete(ref.channelId)
    for (const { client } of nodesOf(channel)) client.destroyChannel(ref)
    channel.holders.clear()
    this.#placer.ended(channel)
  }

  /** Ends the sessions with all nodes. Channels and voice states remain there. Resolves when the sockets are closed. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#placer.close()
    for (const node of this.#nodes.values()) clearTimeout(node.timer)
    await Promise.all([...this.#nodes.values()].map(({ client }) => client.close()))
  }

  #watch(node: NodeEntry): void {
    const { client, name } = node
    client.on('connected', ready => this.#connected(node, ready.isSameSession))
    client.on('disconnected', ({ reason }) => this.#away(node, reason))
    client.on('closed', ({ code, reason }) => this.#closed(node, code, reason))
    client.on('voiceStateConnected', event => this.#events.emit('voiceStateConnected', { ...event, node: name }))
    client.on('voiceStateDisconnected', event => this.#events.emit('voiceStateDisconnected', { ...event, node: name }))
    client.on('speaking', event => this.#events.emit('speaking', { ...event, node: name }))
    client.on('encryption', event => this.#events.emit('encryption', { ...event, node: name }))
    client.on('videoView', event => this.#events.emit('videoView', { ...event, node: name }))
    client.on('videoSource', event => this.#events.emit('videoSource', { ...event, node: name }))
    client.on('health', health => health > 0 && this.#placer.retryStranded())
    client.on('draining', ({ channelId }) => this.#draining(node, channelId))
    client.on('receiver', event => this.#events.emit('receiver', { ...event, node: name }))
    client.on('error', error => this.#events.emit('error', Object.assign(error, { node: name })))
  }

  /** A node with another session was restarted, or was away for long: its channels are created again. */
  #connected(node: NodeEntry, isSameSession: boolean): void {
    clearTimeout(node.timer)
    node.state = 'ready'
    if (!node.isKnown && this.#syncGrace !== undefined && node.client.capabilities.includes('sync'))
      node.client.sync([], { grace: this.#syncGrace })
    node.isKnown = true
    this.#events.emit('nodeConnected', { node: node.name })
    this.#placer.retryStranded()
    if (isSameSession) return
    for (const channel of this.#channels.values())
      if (channel.node === node && channel.current !== undefined && !channel.isPlacing)
        void this.#placer.restore(channel, node)
  }

  #away(node: NodeEntry, reason: string): void {
    if (node.state !== 'ready' || this.#isClosed) return
    node.state = 'away'
    node.timer = setTimeout(() => this.#lost(node, reason), this.#lossGrace)
  }

  #closed(node: NodeEntry, code: number, reason: string): void {
    clearTimeout(node.timer)
    if (this.#isClosed) return
    this.#events.emit('nodeClosed', { node: node.name, code, reason })
    this.#lost(node, reason)
  }

  /** Calls may go on there although LVSP does not reach it: it keeps the channels that no other node accepts. */
  #lost(node: NodeEntry, reason: string): void {
    if (node.state === 'lost') return
    node.state = 'lost'
    this.#events.emit('nodeLost', { node: node.name, reason })
    for (const channel of this.#channels.values())
      if (channel.node === node && !channel.isPlacing) void this.#placer.move(channel)
    this.#placer.retryStranded()
  }

  /**
   * The node is about to stop. The channel is destroyed there when it has another node: that closes its clients with 4014, after which
   * all libraries wait for a voice server update, while some ignore one that arrives during a call. Where no other node accepts the
   * channel, it is `stranded`, and its calls continue until the node closes them.
   */
  #draining(node: NodeEntry, channelId: string): void {
    const channel = this.#channels.get(channelId)
    if (channel?.node === node && !channel.isPlacing) void this.#placer.move(channel, new Set([node]))
  }

  /** A node moves a user between its own channels of a guild; the previous channel may be on another node. */
  #leaveOthers({ userId, channelId, guildId }: UserRef): void {
    if (guildId === undefined) return
    for (const { ref } of this.#channels.values())
      if (
        ref.guildId === guildId &&
        ref.channelId !== channelId &&
        this.#channels.get(ref.channelId)?.users.has(userId)
      )
        this.destroyVoiceState({ ...ref, userId })
  }
}
