// The gateway of a process that does not own the client: reads the first Identify or Resume, finds the owning node and relays the
// WebSocket there. It stands between the WebSockets and the node: Hello, heartbeats before Identify, limits of unidentified
// connections and bans remain the node's own.
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { type Crypto, networkOf, type Result } from '@parley/core'
import { type NodeRecord, type OwnerQuestion, VoiceClose } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'
import { type NodeNote, reasonOf, serverNote } from '../monitoring/notes.ts'
import type { RelayHops } from '../net/http.ts'
import type { Accepted, ConnectionInputs, Connections } from '../net/websocket.ts'
import { Dials } from './dials.ts'
import { HOP_HEADER, type Hop, type Hops } from './hop.ts'
import { Lines } from './lines.ts'
import { gatewayUrl, type Owners } from './owners.ts'
import { RelayedConnection } from './relayed-connection.ts'
import { type RelayBounds, type Share, Shares } from './shares.ts'
import { readSought, type Sought } from './sought.ts'

/** RFC 6455 §7.4.1 and IANA's registry: try again later. */
const TRY_AGAIN = 1013
/** Codes of the voice gateway; lower ones are WebSocket's. */
const FIRST_OWN_CODE = 4_000

/** What a relay reads of the configuration. */
export interface RelayConfig {
  readonly backend: readonly { readonly adopts_tokens: boolean }[]
  readonly media: { readonly announce: readonly string[] }
}

/** The node behind the relay. */
export interface RelayNode {
  readonly inputs: ConnectionInputs
  holds(question: OwnerQuestion): boolean
  /** The present one: a reload may replace it. */
  config(): RelayConfig
  note(note: NodeNote): void
}

export interface RelayOptions extends RelayNode {
  readonly hops: Hops
  readonly owners: Owners
  /** Certificate authorities of the nodes, in PEM; those of the system without it. */
  readonly ca: string | undefined
}

/** Opens the relay of a node whose tokens name it. */
export interface RelaySetup {
  readonly crypto: Crypto
  /** Of the record of the node: hops name it. */
  readonly boot: string
  open(node: RelayNode): Relay
}

/** A voice connection that has not authenticated. */
interface Arrival {
  readonly remoteAddress: string
  readonly version: string | undefined
  /** Messages since Identify or Resume, while the owner is looked for. They are bounded by the bytes of unidentified connections. */
  held: (string | Uint8Array)[] | undefined
  isOver: boolean
}

export class Relay implements ConnectionInputs, RelayHops {
  readonly #options: RelayOptions
  readonly #dials: Dials
  readonly #questions = new Lines(SERVER_LIMITS.maxRelayQuestionsAtOnce)
  readonly #arrivals = new Map<number, Arrival>()
  readonly #relayed = new Set<RelayedConnection>()
  readonly #shares: Shares
  #connections: Pick<Connections, 'detach' | 'close'> | undefined
  /** Clients that could not be relayed. */
  failures = 0
  /** When the last failure was noted, by node. */
  readonly #noted = new Map<string, number>()

  constructor(options: RelayOptions) {
    this.#options = options
    this.#dials = new Dials(options.ca)
    this.#shares = new Shares(() => (options.config().backend.length > 1 ? SEVERAL_BACKENDS : ONE_BACKEND))
  }

  /** Relayed connections that are open. */
  get size(): number {
    return this.#relayed.size
  }

  /** The WebSockets that feed it. */
  attach(connections: Pick<Connections, 'detach' | 'close'>): void {
    this.#connections = connections
  }

  connectionOpened(id: number, opening: Accepted): void {
    // One hop only: a relayed connection is served here or refused.
    if (opening.protocol === 'gateway' && opening.relayedBy === undefined) {
      const { remoteAddress, version } = opening
      this.#arrivals.set(id, { remoteAddress, version, held: undefined, isOver: false })
    }
    this.#options.inputs.connectionOpened(id, this.#atEndpoint(opening))
  }

  /** A relay may reach this node at an address of an internal network, which is not one for the client's media. */
  #atEndpoint(opening: Accepted): Accepted {
    const isRelayed = opening.protocol === 'gateway' && opening.relayedBy !== undefined
    const isInternal = isRelayed && this.#options.config().media.announce.length > 0
    return isInternal ? { ...opening, localAddress: '' } : opening
  }

  hopOf(headers: IncomingHttpHeaders): Result<Hop> | undefined {
    const header = headers[HOP_HEADER]
    if (header === undefined) return undefined
    const hop = this.#options.hops.accept(String(header))
    if (!hop.ok) this.#options.note(serverNote('relay.forged', { reason: hop.reason }))
    return hop
  }

  messageReceived(id: number, data: string | Uint8Array): void {
    const arrival = this.#arrivals.get(id)
    if (arrival?.held !== undefined) return void arrival.held.push(data)
    const sought = arrival === undefined || typeof data !== 'string' ? undefined : readSought(data)
    const node = sought && this.#options.owners.known(sought, this.#options.holds)
    if (arrival === undefined || sought === undefined || node === 'here')
      return this.#options.inputs.messageReceived(id, data)
    arrival.held = [data]
    const relaying = node === undefined ? this.#ask(id, arrival, sought) : this.#relay(id, arrival, node)
    // A rejection without a listener would end the process, by the message of one client.
    relaying.catch(error => this.#refuse(id, '', reasonOf(error)))
  }

  connectionClosed(id: number, code: number): void {
    this.#leave(id)
    this.#options.inputs.connectionClosed(id, code)
  }

  /** The node has authenticated it. */
  authenticated(id: number): void {
    this.#leave(id)
  }

  /** Ends all relayed connections. Their clients resume elsewhere. */
  close(): void {
    for (const connection of [...this.#relayed]) connection.close(VoiceClose.ServerCrashed, 'the relay is stopping')
  }

  #leave(id: number): void {
    const arrival = this.#arrivals.get(id)
    if (arrival !== undefined) arrival.isOver = true
    this.#arrivals.delete(id)
  }

  async #ask(id: number, arrival: Arrival, sought: Sought): Promise<void> {
    const node = await this.#owner(arrival, sought)
    if (arrival.isOver) return
    if (node !== undefined) return this.#relay(id, arrival, node)
    const [first] = arrival.held ?? []
    this.#passOn(id, arrival)
    if (this.#isEarly && sought.question.user !== undefined && first !== undefined)
      await this.#askAgain(id, arrival, sought, first)
  }

  /** Whether a client may arrive before its voice state, which then has to be looked for again. */
  get #isEarly(): boolean {
    return this.#options.config().backend.some(({ adopts_tokens }) => adopts_tokens)
  }

  /** All nodes are asked: an address that guesses causes few questions at a time. */
  #owner(arrival: Arrival, sought: Sought): Promise<NodeRecord | undefined> {
    const ask = async () => (arrival.isOver ? undefined : this.#options.owners.asked(sought))
    return this.#questions.run(networkOf(arrival.remoteAddress), ask)
  }

  /** No other node has it: this one decides, and may wait for a voice state too. */
  #passOn(id: number, arrival: Arrival): void {
    const { held = [] } = arrival
    arrival.held = undefined
    for (const message of held) this.#options.inputs.messageReceived(id, message)
  }

  /** The voice state may arrive at another node: a backend that creates the tokens tells its users and the cluster at the same time. */
  async #askAgain(id: number, arrival: Arrival, sought: Sought, first: string | Uint8Array): Promise<void> {
    for (let tries = 0; tries < SERVER_LIMITS.maxRelayQuestions; tries++) {
      await pause(SERVER_LIMITS.relayQuestionInterval, undefined, { ref: false })
      const node = await this.#owner(arrival, sought)
      if (arrival.isOver) return
      if (node === undefined) continue
      arrival.held = [first]
      return this.#relay(id, arrival, node)
    }
  }

  async #relay(id: number, arrival: Arrival, node: NodeRecord): Promise<void> {
    const share = this.#shares.open(networkOf(arrival.remoteAddress))
    if (share === undefined) return this.#refuse(id, node.id, 'too many relayed connections')
    let isRelayed = false
    try {
      isRelayed = await this.#connect(id, arrival, node, share)
    } catch (error) {
      // Its record names an address that no WebSocket can be opened at.
      if (!arrival.isOver) this.#refuse(id, node.id, reasonOf(error))
    } finally {
      if (!isRelayed) share.close()
    }
  }

  /** Returns whether the connection is relayed, and holds the share. */
  async #connect(id: number, arrival: Arrival, node: NodeRecord, share: Share): Promise<boolean> {
    const dialed = await this.#dials.open({
      node: node.id,
      url: gatewayUrl(node, arrival.version),
      hop: () => this.#options.hops.sign(arrival.remoteAddress, node),
      isOver: () => arrival.isOver,
    })
    if (!dialed.ok) {
      if (!arrival.isOver) this.#refuse(id, node.id, dialed.reason.reason, dialed.reason.code)
      return false
    }
    const held = arrival.held ?? []
    const client = arrival.isOver ? undefined : this.#connections?.detach(id)
    if (client === undefined) {
      dialed.value.terminate()
      return false
    }
    this.#relayed.add(new RelayedConnection(client, dialed.value, held, share, ended => this.#relayed.delete(ended)))
    return true
  }

  /** With the owner's own code, if it closed the connection. */
  #refuse(id: number, node: string, reason: string, code: number = TRY_AGAIN): void {
    this.#leave(id)
    this.failures++
    this.#note(node, reason)
    this.#connections?.close(id, code >= FIRST_OWN_CODE ? code : TRY_AGAIN, 'the node of the channel cannot be reached')
  }

  /** Once in a while for each node: a node that is away may have thousands of clients. */
  #note(node: string, reason: string): void {
    const now = performance.now()
    if (now - (this.#noted.get(node) ?? -Infinity) < SERVER_LIMITS.relayNoteInterval) return
    this.#noted.set(node, now)
    this.#options.note(serverNote('relay.failed', { node, reason }))
  }
}

const ONE_BACKEND: RelayBounds = {
  connections: SERVER_LIMITS.maxRelayed,
  connectionsPerBackend: SERVER_LIMITS.maxRelayed,
  bytes: SERVER_LIMITS.maxRelayBytes,
  bytesPerBackend: SERVER_LIMITS.maxRelayBytes,
  bytesPerAddress: SERVER_LIMITS.maxRelayBytesPerAddress,
}
const SEVERAL_BACKENDS: RelayBounds = {
  ...ONE_BACKEND,
  connectionsPerBackend: SERVER_LIMITS.maxRelayedPerBackend,
  bytesPerBackend: SERVER_LIMITS.maxRelayBytesPerBackend,
}
