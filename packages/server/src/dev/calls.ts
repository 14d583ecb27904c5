// Who is in which voice channel of a test world: requests of the main gateway, REST and the control API, applied to the node.
// It is the backend of the test server: it owns the voice states and sets them on the node over LVSP, as a chat server
// does.
import type { VoiceStateDisconnected } from '@parley/client'
import { SERVER_LIMITS } from '../limits.ts'
import type { Directory } from './directory.ts'
import { splitToken } from './faults/fault-words.ts'
import type { UserFaults } from './faults/user-faults.ts'
import { channelObject, type VoiceStateFields, voiceStateObject } from './gateway/objects.ts'
import { may, Permission } from './permissions.ts'
import type { TestNode } from './test-node.ts'
import type { TestChannel, TestGuild, TestOverwrite, TestUser } from './world.ts'

/** A user in a voice channel. */
export interface Member extends VoiceStateFields {
  node: TestNode
  absence: NodeJS.Timeout | undefined
}

/** What a moderator sets; absent fields keep their value. */
export interface Restrictions {
  mute?: boolean | undefined
  deaf?: boolean | undefined
  suppress?: boolean | undefined
}

/** Opcode 4 of the main gateway. */
export interface VoiceRequest {
  guildId: string
  channelId: string | undefined
  selfMute: boolean
  selfDeaf: boolean
}

/** Delivers dispatches of the main gateway. */
export interface Dispatcher {
  toGuild(guildId: string, event: string, data: object, userId?: string): void
  toSession(sessionId: string, event: string, data: object): void
}

/** The node that serves new channels, and another one for faults that move a call. */
export interface CallNodes {
  first(): TestNode
  other(than: TestNode): Promise<TestNode>
}

/** Source of the faults that a channel's name holds: they end when the user leaves the channel. */
const CHANNEL_FAULTS = 'channel'

/** At most one member per guild and user. Each change is dispatched to the guild, then the node follows. */
export class Calls {
  readonly #directory: Directory
  readonly #dispatcher: Dispatcher
  readonly #nodes: CallNodes
  readonly #faultsOf: (userId: string) => UserFaults
  /** By guild and user. */
  readonly #members = new Map<string, Member>()

  constructor(
    directory: Directory,
    dispatcher: Dispatcher,
    nodes: CallNodes,
    faultsOf: (userId: string) => UserFaults,
  ) {
    this.#directory = directory
    this.#dispatcher = dispatcher
    this.#nodes = nodes
    this.#faultsOf = faultsOf
  }

  get members(): readonly Member[] {
    return [...this.#members.values()]
  }
  membersOf = (guildId: string): Member[] => this.members.filter(member => member.guildId === guildId)
  member = (guildId: string, userId: string): Member | undefined => this.#members.get(`${guildId} ${userId}`)

  /**
   * Joins, moves, leaves, or changes the user's own mute. Ignored without the permission to connect, and for unknown channels. Throws a
   * `FaultError`, and then changes nothing, if the user would have too many faults.
   */
  request(user: TestUser, sessionId: string, request: VoiceRequest): void {
    const { guildId, channelId, selfMute, selfDeaf } = request
    const member = this.member(guildId, user.id)
    if (channelId === undefined) return member === undefined ? undefined : this.#remove(member)
    const place = this.#directory.channel(channelId)
    if (place?.guild.id !== guildId) return
    if (member?.channelId !== channelId && !may(Permission.Connect, user.id, guildId, place.channel)) return
    if (member?.channelId === channelId && (member.selfMute !== selfMute || member.selfDeaf !== selfDeaf)) {
      Object.assign(member, { selfMute, selfDeaf })
      return this.#announce(member)
    }
    const joining: Member = member ?? {
      user,
      guildId,
      channelId,
      sessionId,
      selfMute,
      selfDeaf,
      mute: false,
      deaf: false,
      suppress: false,
      node: this.#nodeOf(channelId),
      absence: undefined,
    }
    this.#enter(joining, channelId, { sessionId, selfMute, selfDeaf })
  }

  /** Moves a member, as a moderator does: the client receives another VOICE_SERVER_UPDATE. Throws a `FaultError` as `request` does. */
  move(member: Member, channelId: string): void {
    if (member.channelId !== channelId) this.#enter(member, channelId)
  }

  /** Disconnects a user, as a moderator does. The voice connection is closed with 4014. */
  kick = (member: Member): void => this.#remove(member)

  /** Sets restrictions on the node, and dispatches them. */
  restrict(member: Member, { mute = member.mute, deaf = member.deaf, suppress = member.suppress }: Restrictions): void {
    Object.assign(member, { mute, deaf, suppress })
    const { guildId, channelId } = member
    member.node.backend.updateVoiceState({ userId: member.user.id, guildId, channelId }, { mute, deaf, suppress })
    this.#announce(member)
  }

  /** Other permissions in a channel. Who may not speak there any more is suppressed; who may not connect stays until they leave. */
  permit(guild: TestGuild, channel: TestChannel, overwrites: readonly TestOverwrite[]): void {
    channel.permission_overwrites = [...overwrites]
    const position = guild.channels.indexOf(channel)
    this.#dispatcher.toGuild(guild.id, 'CHANNEL_UPDATE', channelObject(guild.id, channel, position))
    for (const member of this.membersOf(guild.id)) {
      const suppress = isSuppressed(member, channel)
      if (member.channelId === channel.id && channel.kind === 'voice' && member.suppress !== suppress)
        this.restrict(member, { suppress })
    }
  }

  /** The channel is deleted: its members leave, on every node that has it. */
  destroyChannel(channelId: string): void {
    const place = this.#directory.channel(channelId)
    if (place === undefined) return
    const { guild, channel } = place
    const members = this.members.filter(member => member.channelId === channelId)
    const nodes = new Set([this.#nodes.first(), ...members.map(member => member.node)])
    guild.channels.splice(guild.channels.indexOf(channel), 1)
    for (const member of members) this.#forget(member)
    for (const node of nodes) node.backend.destroyChannel({ guildId: guild.id, channelId })
    this.#dispatcher.toGuild(guild.id, 'CHANNEL_DELETE', { id: channelId, guild_id: guild.id, type: 2 })
  }

  /** The session has ended: its user leaves. */
  sessionEnded(sessionId: string): void {
    for (const member of this.members) if (member.sessionId === sessionId) this.#remove(member)
  }

  /** Moves the channels of a user to another node: endpoint null first, then the new one. */
  async moveEndpoint(userId: string): Promise<void> {
    const channels = new Set(this.members.filter(({ user }) => user.id === userId).map(({ channelId }) => channelId))
    for (const member of this.members.filter(({ channelId }) => channels.has(channelId))) {
      const { guildId: guild_id } = member
      this.#dispatcher.toSession(member.sessionId, 'VOICE_SERVER_UPDATE', { guild_id, token: '', endpoint: null })
      member.node = await this.#nodes.other(member.node).catch(() => member.node)
      void this.#grant(member)
    }
  }

  /** Endpoint null, without a new one: the voice connection continues. */
  withdrawEndpoint(userId: string): void {
    for (const { user, guildId, sessionId } of this.members)
      if (user.id === userId)
        this.#dispatcher.toSession(sessionId, 'VOICE_SERVER_UPDATE', { guild_id: guildId, token: '', endpoint: null })
  }

  /** A new token for the same endpoint. */
  repeatEndpoint(userId: string): void {
    for (const member of this.members) if (member.user.id === userId) void this.#grant(member)
  }

  /** A node lost its state: each of its members receives new credentials. */
  nodeRestarted(node: TestNode): void {
    for (const member of this.members) if (member.node === node) void this.#grant(member)
  }

  /** The voice session of a user has started; after an endpoint move the old one ends. */
  voiceStarted(userId: string, node: TestNode, others: readonly TestNode[]): void {
    for (const member of this.members) {
      if (member.user.id !== userId || member.node !== node) continue
      clearTimeout(member.absence)
      for (const other of others) other.backend.destroyVoiceState({ userId, guildId: member.guildId })
    }
  }

  /** A client that lost its voice session joins again in a moment, or its user leaves the channel. */
  voiceEnded({ userId, guildId = '', channelId, resumable }: VoiceStateDisconnected): void {
    const member = this.member(guildId, userId)
    if (resumable || member?.channelId !== channelId) return
    clearTimeout(member.absence)
    member.absence = setTimeout(() => {
      if (this.member(guildId, userId) === member) this.#remove(member)
    }, SERVER_LIMITS.testAbsence)
  }

  close(): void {
    for (const { absence } of this.members) clearTimeout(absence)
  }

  /** Members of one channel are on one node. */
  #nodeOf = (channelId: string): TestNode =>
    this.members.find(member => member.channelId === channelId)?.node ?? this.#nodes.first()

  /** Puts the member into the channel: faults of the channel's name, audience of a stage, node, dispatches. */
  #enter(member: Member, channelId: string, changes: Partial<Member> = {}): void {
    const channel = this.#directory.channel(channelId)?.channel
    const before = member.node
    this.#faultsOf(member.user.id).replace(splitToken(channel?.name ?? '').words, CHANNEL_FAULTS)
    this.#members.set(`${member.guildId} ${member.user.id}`, Object.assign(member, changes))
    clearTimeout(member.absence)
    member.node = this.#nodeOf(channelId)
    if (channel !== undefined) member.suppress = isSuppressed(member, channel)
    member.channelId = channelId
    const { guildId, user } = member
    if (before !== member.node) before.backend.destroyVoiceState({ userId: user.id, guildId })
    this.#announce(member)
    void this.#grant(member)
  }

  /** Voice state on the node, then VOICE_SERVER_UPDATE. */
  async #grant(member: Member): Promise<void> {
    const { user, guildId, channelId, sessionId, mute, deaf, suppress, node } = member
    const restrictions = { mute, deaf, suppress }
    const granted = await node.backend
      .createVoiceState({ userId: user.id, guildId, channelId }, { sessionId, ...restrictions })
      // The node is stopped, or has no room: the client waits for its server, as it does with Discord.
      .catch(() => undefined)
    const isCurrent = this.member(guildId, user.id) === member && member.channelId === channelId && member.node === node
    if (granted?.token === undefined || !isCurrent) return
    const endpoint = await node.front.endpointOf(user.id).catch(() => undefined)
    // No port is free.
    if (endpoint === undefined) return
    this.#dispatcher.toSession(sessionId, 'VOICE_SERVER_UPDATE', { guild_id: guildId, token: granted.token, endpoint })
  }

  /** The member leaves: its voice state on the node ends, which closes its voice connection. */
  #remove(member: Member): void {
    const { user, guildId } = member
    this.#forget(member)
    member.node.backend.destroyVoiceState({ userId: user.id, guildId })
  }

  /** Everything but the voice state on the node. */
  #forget(member: Member): void {
    const { user, guildId, node } = member
    clearTimeout(member.absence)
    this.#members.delete(`${guildId} ${user.id}`)
    this.#faultsOf(user.id).clear(CHANNEL_FAULTS)
    node.front.release({ userId: user.id, serverId: guildId })
    this.#announce(member, true)
  }

  /** VOICE_STATE_UPDATE to the guild. */
  #announce(member: Member, hasLeft = false): void {
    const { guildId, user } = member
    this.#dispatcher.toGuild(guildId, 'VOICE_STATE_UPDATE', voiceStateObject(member, hasLeft), user.id)
  }
}

/** The audience of a stage, and who may not speak in a voice channel. */
const isSuppressed = ({ user, guildId }: Member, channel: TestChannel): boolean =>
  channel.kind === 'stage' || !may(Permission.Speak, user.id, guildId, channel)
