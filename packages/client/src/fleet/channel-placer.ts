// Where the channels of a fleet are: places them on nodes, and moves them with their voice states.
import { LIMITS } from '../limits.ts'
import type { Listeners } from '../listeners.ts'
import { LvspClosedError, LvspRequestError } from '../lvsp/lvsp-errors.ts'
import type { GrantedVoiceState } from '../lvsp/voice-state.ts'
import { type ChannelEntry, healthOf, isOfNode, type NodeEntry, type UserEntry } from './fleet-channel.ts'
import type { FleetChannel, FleetEvents } from './fleet-events.ts'
import { Placement } from './placement.ts'
import { Stranded } from './stranded.ts'

/** A channel leaves a node when another one has it, with all its voice states: until then its calls go on. */
export class ChannelPlacer {
  readonly #nodes: readonly NodeEntry[]
  readonly #channels: ReadonlyMap<string, ChannelEntry>
  readonly #events: Listeners<FleetEvents>
  readonly #placement = new Placement()
  readonly #stranded = new Stranded<ChannelEntry>(channel => channel.placed ?? this.move(channel))

  /** `channels` by id: a channel that is no longer among them has ended. */
  constructor(
    nodes: readonly NodeEntry[],
    channels: ReadonlyMap<string, ChannelEntry>,
    events: Listeners<FleetEvents>,
  ) {
    this.#nodes = nodes
    this.#channels = channels
    this.#events = events
  }

  /** Requests the channel from one node after another until one accepts it. Adds those that do not to `refused`. */
  async place(channel: ChannelEntry, refused = new Set<NodeEntry>()): Promise<FleetChannel> {
    channel.isPlacing = true
    try {
      for (;;) {
        channel.node = this.#choose(channel, refused)
        if (channel.node === undefined) throw new LvspRequestError({ message: 'no node accepts the channel' })
        const placed = await this.#tryNode(channel, channel.node)
        if (placed !== undefined) return placed
        if (!this.#isOpen(channel)) throw new LvspRequestError({ message: 'the channel has ended' })
        refused.add(channel.node)
      }
    } catch (error) {
      channel.node = undefined
      throw error
    } finally {
      channel.isPlacing = false
    }
  }

  /**
   * A node with health 0 keeps its channels, but closes their calls when it stops: one without users moves before there is a call. Where no
   * other node accepts it, it stays.
   */
  placementOf(channel: ChannelEntry): Promise<FleetChannel> {
    const { node, current, placed, isPlacing, users } = channel
    if (placed === undefined) return this.move(channel)
    if (node === undefined || current === undefined || isPlacing || users.size > 0 || healthOf(node) > 0) return placed
    const refused = new Set([node])
    const moving = this.#moveOn(channel, node, current, refused)
    void moving.then(hasMoved => {
      if (hasMoved) void this.#announce(channel, current.node, refused)
    })
    return channel.placed ?? placed
  }

  /**
   * Places the channel again, then emits `moved` or `stranded`; neither if its node kept it, with its calls. `refused`: nodes that do not
   * get it.
   */
  move(channel: ChannelEntry, refused = new Set<NodeEntry>()): Promise<FleetChannel> {
    const before = channel.current
    const from = before?.node ?? ''
    const placed = this.place(channel, refused)
    channel.placed = placed
    placed.then(
      ({ node, token }) => {
        this.#stranded.delete(channel)
        if (node !== before?.node || token !== before.token) void this.#announce(channel, from, refused)
      },
      () => {
        if (channel.placed === placed) channel.placed = undefined
        if (this.#isOpen(channel) && this.#stranded.add(channel))
          this.#events.emit('stranded', { ...channel.ref, from })
      },
    )
    return placed
  }

  /** A node may accept channels now: those that no node accepted are requested again. */
  retryStranded(): void {
    this.#stranded.retry()
  }

  /** The channel has ended. */
  ended(channel: ChannelEntry): void {
    this.#stranded.delete(channel)
  }

  close(): void {
    this.#stranded.close()
  }

  /** Creates the channel again on its node, which was restarted, or was away for long. If it does not accept it, the channel moves. */
  async restore(channel: ChannelEntry, node: NodeEntry): Promise<void> {
    const before = channel.current?.token
    try {
      await this.#request(channel, node)
      if (channel.current?.token !== before) await this.#announce(channel, node.name, new Set())
    } catch (error) {
      const isLeft = channel.node !== node || channel.isPlacing || !this.#isOpen(channel)
      if (error instanceof LvspRequestError && !isLeft) void this.move(channel, new Set([node]))
      else this.#events.emit('error', Object.assign(error as Error, { node: node.name }))
    }
  }

  /** Creates a voice state on the node of the channel. */
  async grant(channel: ChannelEntry, userId: string, entry: UserEntry): Promise<GrantedVoiceState> {
    const client = channel.node?.client
    if (client === undefined) throw new LvspClosedError(0, 'the channel has no node')
    entry.granted = await client.createVoiceState({ ...channel.ref, userId }, entry.wish)
    return entry.granted
  }

  #isOpen(channel: ChannelEntry): boolean {
    return this.#channels.get(channel.ref.channelId) === channel
  }

  /** Creates the voice states of a moved channel, ends it on the nodes that it leaves, then emits `moved`. */
  async #announce(channel: ChannelEntry, from: string, refused: Set<NodeEntry>): Promise<void> {
    const granted = await this.#grantAll(channel, refused)
    if (granted === undefined) return
    const { current, node } = granted
    const left = [...channel.holders].filter(holder => holder !== node && holder !== channel.node)
    await Promise.all(left.map(holder => this.#leave(channel, holder)))
    if (!this.#isOpen(channel) || channel.current !== current) return
    // A user that left while the channel moved must not be sent to the new node.
    const voiceStates = granted.voiceStates.filter(({ userId }) => channel.users.has(userId))
    this.#events.emit('moved', { from, channel: current, voiceStates })
  }

  /**
   * The voice states of a moved channel. If its node refuses one for a reason of its own, the channel goes on to the next node, with all of
   * them; where there is none it stays, without that user. Undefined if the channel ended, or was placed again.
   */
  async #grantAll(channel: ChannelEntry, refused: Set<NodeEntry>): Promise<Grants | undefined> {
    const { node, current } = channel
    const grants = [...channel.users].map(([userId, entry]) => this.grant(channel, userId, entry))
    const results = await Promise.allSettled(grants)
    if (node === undefined || current === undefined || !this.#isOpen(channel) || channel.current !== current) return
    const voiceStates = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const isRefused = results.some(result => result.status === 'rejected' && isOfNode(result.reason))
    if (!isRefused || channel.node !== node || channel.isPlacing) return { node, current, voiceStates }
    refused.add(node)
    const hasMoved = await this.#moveOn(channel, node, current, refused)
    return hasMoved ? this.#grantAll(channel, refused) : { node, current, voiceStates }
  }

  /** Places the channel on another node; where there is none it stays. */
  async #moveOn(
    channel: ChannelEntry,
    node: NodeEntry,
    current: FleetChannel,
    refused: Set<NodeEntry>,
  ): Promise<boolean> {
    channel.placed = this.place(channel, refused).catch(() => {
      channel.node = node
      // Its loss moves channels, but not while they are placed.
      if (node.state === 'lost') void this.move(channel)
      return current
    })
    return (await channel.placed) !== current
  }

  /**
   * A node that is away has the command when it returns.
   *
   * Clients must receive their close code before the voice server update: a node that answers a later request has sent it. The pause
   * keeps them apart on the way, because discord.py misses an update that it reads together with the close, and leaves the call.
   */
  async #leave(channel: ChannelEntry, node: NodeEntry): Promise<void> {
    const { client } = node
    channel.holders.delete(node)
    client.destroyChannel(channel.ref)
    if (node.state !== 'ready') return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise(resolve => {
      timer = setTimeout(resolve, LIMITS.leaveTimeout)
    })
    await Promise.race([client.stats(), late]).catch(() => {})
    clearTimeout(timer)
    await new Promise(resolve => setTimeout(resolve, LIMITS.leavePause))
  }

  /** Undefined if this node refuses the channel for a reason of its own; one that was open goes on, whatever the reason. */
  async #tryNode(channel: ChannelEntry, node: NodeEntry): Promise<FleetChannel | undefined> {
    try {
      return await this.#request(channel, node)
    } catch (error) {
      if (!(error instanceof LvspRequestError) || !this.#isOpen(channel)) throw error
      if (!error.isOfThisNode && channel.current === undefined) throw error
      // Without an answer the node may have created it. Where its calls may be going on it stays.
      if (error.code === undefined && !channel.holders.has(node)) node.client.destroyChannel(channel.ref)
      return undefined
    }
  }

  async #request(channel: ChannelEntry, node: NodeEntry): Promise<FleetChannel> {
    const assigned = await node.client.requestChannel(channel.ref, channel.properties)
    const placed = { ...assigned, node: node.name, region: node.region }
    if (!this.#isOpen(channel) || channel.node !== node) return placed
    channel.holders.add(node)
    channel.current = placed
    return placed
  }

  /** A node that has the channel comes first: its calls go on there. */
  #choose({ region, holders }: ChannelEntry, refused: ReadonlySet<NodeEntry>): NodeEntry | undefined {
    const eligible = this.#nodes.filter(node => healthOf(node) > 0 && !refused.has(node))
    const holder = eligible.find(node => holders.has(node))
    if (holder !== undefined) return holder
    const candidates = eligible.map(node => ({ name: node.name, region: node.region, health: healthOf(node) }))
    const chosen = this.#placement.choose(candidates, region)
    return this.#nodes.find(({ name }) => name === chosen)
  }
}

/** The voice states of a channel on a node. */
interface Grants {
  readonly node: NodeEntry
  readonly current: FleetChannel
  readonly voiceStates: readonly GrantedVoiceState[]
}
