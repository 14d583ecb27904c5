// Fleet: one chat backend's view of many nodes. Knows which node has which channel, and moves channels off lost nodes.
import { Listeners } from '../listeners.ts'
import { LvspClient, type LvspClientOptions } from './client.ts'
import { LvspClosedError, LvspRequestError } from './lvsp-errors.ts'
import type {
  AssignedChannel,
  ChannelEncryption,
  ChannelRef,
  GrantedVoiceState,
  UserRef,
  VoiceStateConnected,
  VoiceStateDisconnected,
  VoiceStateSpeaking,
} from './outputs.ts'
import { Placement } from './placement.ts'
import type { ChannelProperties, NewVoiceState, VoiceStateRestrictions } from './wire.ts'

export interface FleetNode extends LvspClientOptions {
  /** Unique in the fleet. */
  name: string
  region: string
}

export interface FleetOptions {
  nodes: readonly FleetNode[]
  /** Milliseconds for which a node may be away before its channels move; 15 000 without it. */
  lossGrace?: number | undefined
}

/** A channel, and the node that has it. */
export interface FleetChannel extends AssignedChannel {
  node: string
  region: string
}

/** A channel has another node, or other tokens: its users must be told of both anew. */
export interface MovedChannel {
  /** The node that had it; the same one if it was restarted. */
  from: string
  channel: FleetChannel
  voiceStates: readonly GrantedVoiceState[]
}

export interface FleetEvents {
  moved: MovedChannel
  /** No node can take the channel now. It moves as soon as one can. */
  stranded: ChannelRef & { from: string }
  nodeConnected: { node: string }
  /** The node was away for too long; its channels move. */
  nodeLost: { node: string; reason: string }
  /** The node's session is over for good: it does not accept the secret. */
  nodeClosed: { node: string; code: number; reason: string }
  voiceStateConnected: VoiceStateConnected & { node: string }
  voiceStateDisconnected: VoiceStateDisconnected & { node: string }
  speaking: VoiceStateSpeaking & { node: string }
  encryption: ChannelEncryption & { node: string }
  /** Not thrown if nobody listens. */
  error: Error & { node?: string | undefined }
}

interface NodeEntry {
  readonly name: string
  readonly region: string
  readonly client: LvspClient
  state: 'away' | 'ready' | 'lost'
  timer?: NodeJS.Timeout | undefined
}

interface ChannelEntry {
  readonly ref: ChannelRef
  readonly region: string | undefined
  properties: ChannelProperties
  readonly users: Map<string, UserEntry>
  /** Who has it, or is asked for it. */
  node?: NodeEntry | undefined
  /** Settles when a node has it; undefined where none can. */
  placed?: Promise<FleetChannel> | undefined
  isPlacing: boolean
  /** As the backend was last told. */
  current?: FleetChannel | undefined
}
interface UserEntry {
  wish: NewVoiceState
  granted?: GrantedVoiceState | undefined
}

const LOSS_GRACE = 15_000

export class Fleet {
  readonly #nodes: ReadonlyMap<string, NodeEntry>
  readonly #channels = new Map<string, ChannelEntry>()
  readonly #placement = new Placement()
  readonly #events = new Listeners<FleetEvents>()
  readonly #lossGrace: number
  #isClosed = false

  /** Throws a RangeError for options that cannot work: see `LvspClient`, and names must differ. */
  constructor({ nodes, lossGrace = LOSS_GRACE }: FleetOptions) {
    this.#lossGrace = lossGrace
    const entries = nodes.map((node): NodeEntry => {
      return { name: node.name, region: node.region, client: new LvspClient(node), state: 'away' }
    })
    this.#nodes = new Map(entries.map(node => [node.name, node]))
    if (this.#nodes.size < entries.length) throw new RangeError('two nodes of the fleet have the same name')
    for (const node of entries) this.#watch(node)
  }

  on<E extends keyof FleetEvents>(event: E, listener: (event: FleetEvents[E]) => void): this {
    this.#events.on(event, listener)
    return this
  }
  off<E extends keyof FleetEvents>(event: E, listener: (event: FleetEvents[E]) => void): this {
    this.#events.off(event, listener)
    return this
  }

  /** Starts to dial all nodes. Resolves when the first is ready; rejects if no node ever will be. */
  async connect(): Promise<void> {
    await Promise.any([...this.#nodes.values()].map(({ client }) => client.connect()))
  }

  /** What is known of each node. Health is 0 for those that take no channels. */
  get nodes(): { name: string; region: string; state: NodeEntry['state']; health: number; channels: number }[] {
    const count = (node: NodeEntry) => [...this.#channels.values()].filter(channel => channel.node === node).length
    return [...this.#nodes.values()].map(node => {
      return { name: node.name, region: node.region, state: node.state, health: healthOf(node), channels: count(node) }
    })
  }

  /**
   * The node of a channel, which is chosen if it has none: the healthiest of the region, or of another region if there is
   * none. Rejects with LvspRequestError if no node takes it.
   */
  channelFor(
    ref: ChannelRef,
    options: { region?: string | undefined; properties?: ChannelProperties | undefined } = {},
  ): Promise<FleetChannel> {
    const known = this.#channels.get(ref.channelId)
    if (known !== undefined) return known.placed ?? this.#move(known, known.current?.node ?? '')
    const { region, properties = {} } = options
    const channel: ChannelEntry = { ref, region, properties, users: new Map(), isPlacing: false }
    this.#channels.set(ref.channelId, channel)
    channel.placed = this.#place(channel)
    channel.placed.catch(() => this.#channels.get(ref.channelId) === channel && this.#channels.delete(ref.channelId))
    return channel.placed
  }

  /** Lets a user into a channel, on whichever node has it. Takes the user out of the guild's other channels. */
  async createVoiceState(user: UserRef, wish: NewVoiceState = {}): Promise<GrantedVoiceState> {
    await this.channelFor({ channelId: user.channelId, guildId: user.guildId })
    this.#leaveOthers(user)
    const channel = this.#channels.get(user.channelId)
    if (channel?.node === undefined) throw new LvspRequestError({ message: 'the channel has ended meanwhile' })
    const entry: UserEntry = { wish }
    channel.users.set(user.userId, entry)
    try {
      return await this.#grant(channel, user.userId, entry)
    } catch (error) {
      if (channel.users.get(user.userId) === entry) this.destroyVoiceState(user)
      throw error
    }
  }

  destroyVoiceState(user: UserRef): void {
    const channel = this.#channels.get(user.channelId)
    channel?.users.delete(user.userId)
    channel?.node?.client.destroyVoiceState(user)
  }

  updateVoiceState(user: UserRef, restrictions: VoiceStateRestrictions): void {
    const channel = this.#channels.get(user.channelId)
    const entry = channel?.users.get(user.userId)
    if (entry !== undefined) entry.wish = { ...entry.wish, ...restrictions }
    channel?.node?.client.updateVoiceState(user, restrictions)
  }

  updateChannel(ref: ChannelRef, properties: ChannelProperties): void {
    const channel = this.#channels.get(ref.channelId)
    if (channel === undefined) return
    channel.properties = { ...channel.properties, ...properties }
    channel.node?.client.updateChannel(ref, properties)
  }

  destroyChannel(ref: ChannelRef): void {
    const channel = this.#channels.get(ref.channelId)
    this.#channels.delete(ref.channelId)
    channel?.node?.client.destroyChannel(ref)
  }

  /** Leaves all nodes; channels and voice states stay there. Resolves when sockets and timers are gone. */
  async close(): Promise<void> {
    this.#isClosed = true
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
    client.on('error', error => this.#events.emit('error', Object.assign(error, { node: name })))
  }

  /** A node that does not know us any more was restarted, or was away for long: it is told what it has. */
  #connected(node: NodeEntry, isSameSession: boolean): void {
    clearTimeout(node.timer)
    node.state = 'ready'
    this.#events.emit('nodeConnected', { node: node.name })
    for (const channel of this.#channels.values()) {
      if (channel.current === undefined || channel.isPlacing) continue
      if (channel.node === undefined) void this.#move(channel, channel.current.node)
      else if (channel.node === node && !isSameSession) void this.#restore(channel, node)
    }
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

  #lost(node: NodeEntry, reason: string): void {
    if (node.state === 'lost') return
    node.state = 'lost'
    this.#events.emit('nodeLost', { node: node.name, reason })
    for (const channel of this.#channels.values())
      if (channel.node === node && !channel.isPlacing) {
        // Should the node come back, it still has the channel: this waits for it.
        node.client.destroyChannel(channel.ref)
        void this.#move(channel, node.name)
      }
  }

  #move(channel: ChannelEntry, from: string): Promise<FleetChannel> {
    const placed = this.#place(channel)
    channel.placed = placed
    placed.then(
      () => this.#announce(channel, from),
      () => {
        if (channel.placed === placed) channel.placed = undefined
        this.#events.emit('stranded', { ...channel.ref, from })
      },
    )
    return placed
  }

  /** Grants every user of the channel anew, then tells. */
  async #announce(channel: ChannelEntry, from: string): Promise<void> {
    const grants = [...channel.users].map(([userId, entry]) => this.#grant(channel, userId, entry))
    const granted = await Promise.allSettled(grants)
    if (this.#channels.get(channel.ref.channelId) !== channel || channel.current === undefined) return
    const voiceStates = granted.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    this.#events.emit('moved', { from, channel: channel.current, voiceStates })
  }

  async #restore(channel: ChannelEntry, node: NodeEntry): Promise<void> {
    const before = channel.current?.token
    try {
      await this.#request(channel, node)
      if (channel.current?.token !== before) await this.#announce(channel, node.name)
    } catch (error) {
      this.#events.emit('error', Object.assign(error as Error, { node: node.name }))
    }
  }

  /** Asks one node after another until one takes the channel. */
  async #place(channel: ChannelEntry): Promise<FleetChannel> {
    const refused = new Set<NodeEntry>()
    channel.isPlacing = true
    try {
      for (;;) {
        channel.node = this.#choose(channel.region, refused)
        if (channel.node === undefined) throw new LvspRequestError({ message: 'no node takes the channel' })
        const placed = await this.#tryNode(channel, channel.node)
        if (placed !== undefined) return placed
        refused.add(channel.node)
      }
    } catch (error) {
      channel.node = undefined
      throw error
    } finally {
      channel.isPlacing = false
    }
  }

  /** Undefined if this node does not take the channel, but another one may. */
  async #tryNode(channel: ChannelEntry, node: NodeEntry): Promise<FleetChannel | undefined> {
    try {
      return await this.#request(channel, node)
    } catch (error) {
      if (!(error instanceof LvspRequestError) || !error.isOfThisNode) throw error
      if (error.code === undefined) node.client.destroyChannel(channel.ref)
      return undefined
    }
  }

  async #request(channel: ChannelEntry, node: NodeEntry): Promise<FleetChannel> {
    const assigned = await node.client.requestChannel(channel.ref, channel.properties)
    channel.current = { ...assigned, node: node.name, region: node.region }
    return channel.current
  }

  async #grant(channel: ChannelEntry, userId: string, entry: UserEntry): Promise<GrantedVoiceState> {
    const client = channel.node?.client
    if (client === undefined) throw new LvspClosedError(0, 'the channel has no node')
    entry.granted = await client.createVoiceState({ ...channel.ref, userId }, entry.wish)
    return entry.granted
  }

  #choose(region: string | undefined, refused: ReadonlySet<NodeEntry>): NodeEntry | undefined {
    const candidates = [...this.#nodes.values()]
      .filter(node => node.state === 'ready' && !refused.has(node))
      .map(node => ({ name: node.name, region: node.region, health: healthOf(node) }))
    const chosen = this.#placement.choose(candidates, region)
    return chosen === undefined ? undefined : this.#nodes.get(chosen)
  }

  /** A node moves a user within a guild by itself; here the other channel may be on another node. */
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

const healthOf = ({ state, client }: NodeEntry) => (state === 'ready' ? (client.health ?? 0) : 0)
