// The LVSP connections of the bridge: applies its outputs for nodes, and reports what the nodes answer.
import { LvspClient, type LvspClientEvents, LvspRequestError } from '@parley/client'
import type { NodeOutput } from '../core/outputs.ts'
import { LIMITS } from '../limits.ts'
import type { NodeTarget } from './options.ts'

/** What nodes report; the bridge's inputs of the same names. */
export interface NodeListener {
  ready(node: string, ready: { isSameSession: boolean; adoptsTokens: boolean }): void
  lost(node: string, reason: string): void
  /** The node does not accept the secret; it is not dialled again. */
  rejected(node: string, reason: string): void
  granted(node: string, channelId: string, userId: string, isConnected: boolean): void
  grantFailed(node: string, channelId: string, userId: string, reason: string): void
  userConnected(node: string, channelId: string, userId: string): void
  userDisconnected(node: string, channelId: string, userId: string, isResumable: boolean): void
  refused(node: string, reason: string): void
}

/** Unknown channel, unknown voice state: the command wanted it gone. */
const ALREADY_GONE: ReadonlySet<unknown> = new Set([4, 5])

/** One `LvspClient` per node. It reconnects and repeats commands by itself. */
export class NodeLinks {
  readonly #clients: ReadonlyMap<string, LvspClient>
  readonly #listener: NodeListener

  /** Throws a RangeError for a URL or a secret that cannot be used. */
  constructor(targets: readonly NodeTarget[], listener: NodeListener) {
    this.#listener = listener
    this.#clients = new Map(targets.map(target => [target.name, this.#clientOf(target)]))
  }

  /** Dials every node. Failures are reported through the listener, not here. */
  connect(): void {
    for (const client of this.#clients.values()) client.connect().catch(() => {})
  }

  /** Sends one command. Answers return through the listener. */
  apply(output: NodeOutput): void {
    const client = this.#clients.get(output.node)
    if (client === undefined) return
    switch (output.kind) {
      case 'open':
        return this.#open(client, output)
      case 'grant':
        return this.#grant(client, output)
      case 'restrict':
        return client.updateVoiceState(output.seat, output.restrictions)
      case 'remove':
        return client.destroyVoiceState(output.seat)
      case 'removeFromGuild':
        return client.destroyVoiceState({ userId: output.userId, guildId: output.guildId })
      case 'close':
        return client.destroyChannel(output.channel)
      case 'sync':
        return client.sync(output.channels, { grace: output.grace })
    }
  }

  /** Closes the connections. Voice states stay on the nodes. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(client => client.close()))
  }

  /** A client whose events are passed to the listener under the node's name. */
  #clientOf({ name, lvsp, secret, ca }: NodeTarget): LvspClient {
    const tls = ca === undefined ? undefined : { ca }
    const client = new LvspClient({ url: lvsp, secret, tls, maxReconnectDelay: LIMITS.reconnectDelay })
    const listener = this.#listener
    const lost = ({ reason }: LvspClientEvents['disconnected']) => listener.lost(name, reason)
    client.on('connected', ({ isSameSession, capabilities }) =>
      listener.ready(name, { isSameSession, adoptsTokens: capabilities.some(each => each === 'adopt_token') }),
    )
    client.on('disconnected', lost)
    client.on('closed', ({ code, reason }) => code !== DONE && listener.rejected(name, reason))
    client.on('voiceStateConnected', ({ channelId, userId }) => listener.userConnected(name, channelId, userId))
    client.on('voiceStateDisconnected', ({ channelId, userId, resumable }) =>
      listener.userDisconnected(name, channelId, userId, resumable),
    )
    client.on('error', error => {
      if (error instanceof LvspRequestError && ALREADY_GONE.has(error.code)) return
      listener.refused(name, error.message)
    })
    return client
  }

  /** Creates the channel of a stream, in which only the owner's media is forwarded. */
  #open(client: LvspClient, { node, channelId, ownerId }: Extract<NodeOutput, { kind: 'open' }>): void {
    client
      .requestChannel({ channelId }, { kind: 'stream', ownerId })
      .catch((error: Error) => this.#listener.refused(node, error.message))
  }

  /** `granted` or `grantFailed` follows exactly once. */
  #grant(
    client: LvspClient,
    { node, seat, sessionId, token, restrictions }: Extract<NodeOutput, { kind: 'grant' }>,
  ): void {
    const { channelId, userId } = seat
    client.createVoiceState(seat, { sessionId, token, ...restrictions }).then(
      ({ connected }) => this.#listener.granted(node, channelId, userId, connected === true),
      (error: Error) => this.#listener.grantFailed(node, channelId, userId, error.message),
    )
  }
}

/** The close code of a session that the bridge ended. */
const DONE = 1000
