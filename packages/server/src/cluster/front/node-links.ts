// The connections of a front to the nodes: one LVSP client per tenant and node, as if the front were that backend.
import { LvspClient, LvspRequestError } from '@parley/client'
import type {
  BackendId,
  BackendPresence,
  Front,
  NodeAnswer,
  NodeCommand,
  NodeEvent,
  NodeGrant,
  NodeListing,
  NodeRequest,
  ProbeOutcome,
} from '@parley/core'
import { LIMITS, ok, refused } from '@parley/core'
import { LvspCapability, LvspFailure, type NodeRecord } from '@parley/protocol'
import { SERVER_LIMITS } from '../../limits.ts'
import { reasonOf } from '../../monitoring/notes.ts'
import { probeNode } from './node-probe.ts'

export interface NodeLinksOptions {
  /** The secret of each tenant, which nodes and fronts share. */
  readonly secrets: ReadonlyMap<BackendId, string>
  /** Certificate authorities in PEM; those of the system without it. */
  readonly ca: string | undefined
  /** Id of this front. */
  readonly front: string
  /** Feeds what nodes send to the front. */
  readonly feed: (input: (front: LinkedFront, now: number) => void) => void
  readonly failed: (node: string, tenant: BackendId, reason: string) => void
}

/** The inputs of a front that come from nodes. */
export type LinkedFront = Pick<
  Front,
  | 'nodeEvent'
  | 'nodeLinked'
  | 'nodeUnlinked'
  | 'channelMirrored'
  | 'voiceStateMirrored'
  | 'receiverChanged'
  | 'linkLost'
>

interface Target {
  readonly record: NodeRecord
  readonly links: Map<BackendId, LvspClient>
}

export class NodeLinks {
  readonly #options: NodeLinksOptions
  readonly #targets = new Map<string, Target>()
  /** How each backend is connected to this front. */
  readonly #backends = new Map<BackendId, BackendPresence>()

  constructor(options: NodeLinksOptions) {
    this.#options = options
  }

  /** Connects to a node, or to its new address. */
  announced(record: NodeRecord): void {
    const known = this.#targets.get(record.id)
    if (known?.record.lvsp === record.lvsp) return
    if (known === undefined && this.#targets.size >= LIMITS.clusterNodes) return
    if (known !== undefined) void closeAll(known)
    const target = { record, links: new Map<BackendId, LvspClient>() }
    this.#targets.set(record.id, target)
    for (const tenant of this.#options.secrets.keys()) this.#link(target, tenant)
  }

  withdrawn(id: string): void {
    const target = this.#targets.get(id)
    this.#targets.delete(id)
    if (target !== undefined) void closeAll(target)
  }

  backendChanged(tenant: BackendId, presence: BackendPresence): void {
    this.#backends.set(tenant, presence)
    for (const { links } of this.#targets.values()) {
      const link = links.get(tenant)
      if (link !== undefined && isForFronts(link)) link.setBackend(frontBackend(presence))
    }
  }

  async request(node: string, tenant: BackendId, request: NodeRequest): Promise<NodeAnswer> {
    const link = this.#targets.get(node)?.links.get(tenant)
    if (link === undefined)
      return refused({ failure: LvspFailure.Unavailable, message: 'the node has left', isOfNode: true })
    try {
      return ok(await grantOf(link, request))
    } catch (error) {
      return refused(refusalOf(error))
    }
  }

  /** Undefined without an answer. */
  async countViews(node: string, tenant: BackendId): Promise<Readonly<Record<string, number>> | undefined> {
    const link = this.#targets.get(node)?.links.get(tenant)
    const stats = await link?.stats().catch(() => undefined)
    return stats?.views
  }

  command(node: string, tenant: BackendId, command: NodeCommand): void {
    const link = this.#targets.get(node)?.links.get(tenant)
    if (link !== undefined) execute(link, command)
  }

  /** Connections, one per node and backend. */
  get counts(): { ready: number; down: number } {
    const links = [...this.#targets.values()].flatMap(target => [...target.links.values()])
    const ready = links.filter(({ state }) => state === 'live').length
    return { ready, down: links.length - ready }
  }

  /** See `probeNode`. */
  probe(record: NodeRecord): Promise<ProbeOutcome> {
    return probeNode(record, this.#options.ca)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#targets.values()].map(closeAll))
    this.#targets.clear()
  }

  #link({ record, links }: Target, tenant: BackendId): void {
    const secret = this.#options.secrets.get(tenant)
    if (secret === undefined || links.has(tenant)) return
    const { ca, front, feed, failed } = this.#options
    const link = new LvspClient({
      url: record.lvsp,
      secret,
      front,
      tls: ca === undefined ? undefined : { ca },
      requestTimeout: SERVER_LIMITS.nodeAnswerTimeout,
      maxReconnectDelay: SERVER_LIMITS.nodeReconnectDelay,
      // The operator chose `ws:` in the node's configuration, for a network that is private.
      allowPlaintext: true,
    })
    const { id } = record
    links.set(tenant, link)
    const event = (each: NodeEvent) => feed(to => to.nodeEvent(id, tenant, each))
    link.on('voiceStateConnected', each => event({ kind: 'connected', event: each }))
    link.on('voiceStateDisconnected', each => event({ kind: 'disconnected', event: each }))
    link.on('speaking', each => event({ kind: 'speaking', event: each }))
    link.on('encryption', ({ protocolVersion: version, ...each }) =>
      event({ kind: 'encryption', event: { ...each, version } }),
    )
    link.on('draining', each => event({ kind: 'draining', event: each }))
    link.on('videoSource', each => event({ kind: 'videoSource', event: each }))
    link.on('videoView', each => event({ kind: 'videoView', event: { ...each, reason: each.reason } }))
    link.on('mirroredChannel', item => feed(to => to.channelMirrored(id, tenant, item)))
    link.on('mirroredVoiceState', item => feed(to => to.voiceStateMirrored(id, tenant, item)))
    link.on('receiver', ({ receives }) => feed(to => to.receiverChanged(id, tenant, receives)))
    link.on('connected', ({ resumed, isSameSession }) => {
      feed((to, now) => to.nodeLinked(id, tenant, listingOf(isSameSession, resumed), now))
      const presence = this.#backends.get(tenant)
      if (isForFronts(link))
        link.setBackend({ ...(presence ? frontBackend(presence) : { connected: false }), fresh: false })
      // An earlier version sends its events to the newest connection.
      else feed(to => to.receiverChanged(id, tenant, true))
    })
    link.on('disconnected', () =>
      feed((to, now) => {
        to.nodeUnlinked(id, tenant)
        to.linkLost(id, now)
      }),
    )
    link.on('closed', ({ reason }) => failed(id, tenant, reason))
    link.on('error', error => {
      if (!isAlreadyGone(error)) failed(id, tenant, error.message)
    })
    link.connect().catch(() => {})
  }
}

const frontBackend = ({ isConnected: connected, wantsVideo: video, isFresh: fresh }: BackendPresence) => ({
  connected,
  video,
  fresh,
})

const listingOf = (isSameSession: boolean, resumed: 'replay' | 'state' | undefined): NodeListing => {
  if (!isSameSession) return 'otherSession'
  return resumed === 'state' ? 'all' : 'missed'
}

const isForFronts = (link: LvspClient) => link.capabilities.includes(LvspCapability.Front)

/** A node that was restarted does not have what it is to end. */
const isAlreadyGone = (error: Error) =>
  error instanceof LvspRequestError &&
  (error.code === LvspFailure.UnknownChannel || error.code === LvspFailure.UnknownVoiceState)

async function closeAll({ links }: Target): Promise<void> {
  const closing = [...links.values()].map(link => link.close())
  links.clear()
  await Promise.all(closing)
}

async function grantOf(link: LvspClient, request: NodeRequest): Promise<NodeGrant> {
  switch (request.kind) {
    case 'channel':
      return link.requestChannel(request.channel, request.properties, { epoch: request.epoch })
    case 'voiceState': {
      const { channelId, guildId, userId, sessionId, token, restrictions } = request.request
      return withToken(
        await link.createVoiceState({ channelId, guildId, userId }, { sessionId, token, ...restrictions }),
      )
    }
    case 'token':
      return withToken(await link.refreshToken({ ...request.channel, userId: request.userId }))
  }
}

const withToken = <Grant extends { token?: string | undefined }>(grant: Grant) => ({
  ...grant,
  token: grant.token ?? '',
})

function execute(link: LvspClient, command: NodeCommand): void {
  switch (command.kind) {
    case 'updateChannel':
      return link.updateChannel(command.channel, command.properties)
    case 'destroyChannel':
      return link.destroyChannel(command.channel, { epoch: command.epoch })
    case 'updateVoiceStates':
      return link.updateVoiceState(selectorOf(command.selector), command.restrictions)
    case 'destroyVoiceStates':
      return link.destroyVoiceState(selectorOf(command.selector))
    case 'sync':
      return link.sync(command.channels, { grace: Math.round(command.grace / 1_000) })
  }
}

/** A front names a user and a channel in every selector. */
const selectorOf = ({
  userId = '',
  channelId = '',
  guildId,
}: Extract<NodeCommand, { selector: unknown }>['selector']) => ({
  userId,
  channelId,
  guildId,
})

/** Without a code the node did not answer in time, or its link was closed. */
function refusalOf(error: unknown) {
  const message = reasonOf(error)
  if (!(error instanceof LvspRequestError)) return { failure: LvspFailure.Unavailable, message, isOfNode: true }
  const failure = (error.code ?? LvspFailure.Unavailable) as LvspFailure
  return { failure, message, isOfNode: error.isOfThisNode }
}
