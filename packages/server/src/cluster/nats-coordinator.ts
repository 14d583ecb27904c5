// A coordinator on NATS JetStream (2.9 or newer): key-value buckets for nodes and placements, a subject for heartbeats.
// Subjects: `$KV.PREFIX_nodes.ID`, `$KV.PREFIX_place.>`, `PREFIX.load.ID`, `PREFIX.owner`, `PREFIX.order.ID`, and parts of `$JS.API.>`. Who may
// publish and subscribe to which: docs/cluster.md, deploy/nats/nats-server.conf.
// docs.nats.io/nats-concepts/jetstream/key-value-store

import { setTimeout as pause } from 'node:timers/promises'
import { JetStreamApiCodes, JetStreamApiError, jetstream } from '@nats-io/jetstream'
import { type KV, Kvm, type KvWatchEntry } from '@nats-io/kv'
import {
  connect,
  type Msg,
  type NatsConnection,
  type NodeConnectionOptions,
  type Subscription,
} from '@nats-io/transport-node'
import type { PlacementOutcome } from '@parley/core'
import {
  CLUSTER_SCHEMA,
  encodePlacementKey,
  encodeRecord,
  LoadReport,
  NodeOrder,
  NodeRecord,
  OwnerQuestion,
  type PlacementKey,
  type PlacementRecord,
} from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'
import type { ClusterListener, Coordinator } from './coordinator.ts'
import { type Found, RecordReader } from './record-reader.ts'

export interface NatsOptions {
  /** Servers, authentication and TLS, as of `@nats-io/transport-node`. */
  readonly connection: Pick<
    NodeConnectionOptions,
    'servers' | 'authenticator' | 'tls' | 'user' | 'pass' | 'token' | 'inboxPrefix'
  >
  /** Begins the names of buckets and subjects: several clusters can share one NATS. Letters, digits, `-` and `_`. */
  readonly prefix: string
  /** Copies of each bucket on a NATS cluster: 1, 3 or 5. */
  readonly replicas: number
  /** NATS refuses the process, as with wrong credentials: there is no further attempt. */
  readonly refused: (reason: string) => void
}

/** Key-value buckets. Nodes by id; placements by `encodePlacementKey`. Both keep the newest value only. */
interface Buckets {
  readonly nodes: KV
  readonly placements: KV
}

/** Replies to an order. */
const DONE = 'done'
const REFUSED = 'refused'
const UNAVAILABLE = { kind: 'unavailable' } as const
/** What JetStream answers when a key has another revision than the one that was named: another process was first. */
const WRONG_REVISION: ReadonlySet<number> = new Set([
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
])

/**
 * Available between `#opened` and `#lost`. Every request is tried once and given up after
 * `SERVER_LIMITS.coordinatorTimeout`; a caller that needs the change decides itself whether to ask again. Records that
 * are announced are kept, and written again at each reconnect and in an interval.
 */
export class NatsCoordinator implements Coordinator {
  readonly #options: NatsOptions
  readonly #records = new Map<string, NodeRecord>()
  readonly #reader = new RecordReader(reason => this.#listener?.malformed(reason))
  #connection: NatsConnection | undefined
  /** Present while the coordinator is available. */
  #buckets: Buckets | undefined
  #listener: ClusterListener | undefined
  #loads: Subscription | undefined
  #questions: Subscription | undefined
  #orders: Subscription | undefined
  /** What this node does with orders. */
  #obedience: { readonly id: string; readonly execute: (order: NodeOrder) => boolean } | undefined
  /** What this node answers with, and when. */
  #answer: { readonly id: string; readonly holds: (question: OwnerQuestion) => boolean } | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** Returns at once and connects in the background, for as long as it takes: a node starts and serves without NATS. */
  constructor(options: NatsOptions) {
    this.#options = options
    void this.#connect()
    this.#timer = setInterval(() => this.#announceAll(), SERVER_LIMITS.coordinatorAnnounceInterval).unref()
  }

  get isAvailable(): boolean {
    return this.#buckets !== undefined
  }

  /** The record stays announced until `withdraw`. An unreachable coordinator receives it when it is back. */
  announce(record: NodeRecord): void {
    this.#records.set(record.id, record)
    this.#publish(record)
  }

  async report(report: LoadReport): Promise<boolean> {
    // The client would keep reports in its buffer during an outage and send all of them afterwards.
    const confirmed = await this.#attempt(async () => {
      this.#connection?.publish(this.#loadSubject(report.id), encodeRecord(report))
      await this.#connection?.flush()
      return true
    })
    return confirmed ?? false
  }

  async withdraw(id: string): Promise<void> {
    this.#records.delete(id)
    await this.#attempt(({ nodes }) => nodes.delete(id))
  }

  watch(listener: ClusterListener): void {
    if (this.#listener !== undefined) throw new Error('the coordinator has a listener already')
    this.#listener = listener
    if (this.#buckets === undefined) return
    listener.availabilityChanged(true)
    this.#watchAll(this.#buckets)
  }

  /** `create` succeeds for a key that is absent or was deleted. */
  place(key: PlacementKey, record: PlacementRecord): Promise<PlacementOutcome> {
    return this.#write(key, record, undefined)
  }

  replace(key: PlacementKey, record: PlacementRecord, revision: number): Promise<PlacementOutcome> {
    return this.#write(key, record, revision)
  }

  async release(key: PlacementKey, revision: number): Promise<void> {
    const options = { previousSeq: revision }
    await this.#attempt(({ placements }) => placements.delete(encodePlacementKey(key), options))
  }

  async find(key: PlacementKey): Promise<Found> {
    const found = await this.#attempt(async ({ placements }) => {
      const entry = await placements.get(encodePlacementKey(key))
      if (entry?.operation !== 'PUT') return { kind: 'taken' as const, placed: undefined }
      return this.#reader.placement(entry.string(), entry.revision)
    })
    return found ?? UNAVAILABLE
  }

  ask(question: OwnerQuestion): Promise<string | undefined> {
    const { coordinatorTimeout: timeout } = SERVER_LIMITS
    return this.#attempt(async () => {
      const reply = await this.#connection?.request(this.#ownerSubject, encodeRecord(question), { timeout })
      return reply?.string()
    })
  }

  answer(id: string, holds: (question: OwnerQuestion) => boolean): void {
    this.#answer = { id, holds }
    this.#answerQuestions()
  }

  order(id: string, order: Omit<NodeOrder, 'schema'>): Promise<boolean | undefined> {
    const { nodeOrderTimeout: timeout } = SERVER_LIMITS
    return this.#attempt(async () => {
      const text = encodeRecord({ schema: CLUSTER_SCHEMA, ...order })
      const reply = await this.#connection?.request(this.#orderSubject(id), text, { timeout })
      return reply?.string() === DONE
    })
  }

  obey(id: string, execute: (order: NodeOrder) => boolean): void {
    this.#obedience = { id, execute }
    this.#receiveOrders()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#buckets = undefined
    await this.#connection?.close()
  }

  /**
   * Runs for the life of the connection: it returns when `status()` ends, which is after `close`. An error that ends
   * the attempts to connect is reported once, and is final.
   */
  async #connect(): Promise<void> {
    const connection = await connect({
      ...this.#options.connection,
      name: 'parley',
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: SERVER_LIMITS.coordinatorReconnectDelay,
      // Two unanswered pings end a connection whose server is stalled or unreachable.
      pingInterval: SERVER_LIMITS.coordinatorPingInterval,
      maxPingOut: 2,
    }).catch((error: Error) => {
      this.#options.refused(error.message)
      return undefined
    })
    if (connection === undefined) return
    this.#connection = connection
    if (this.#isClosed) return void connection.close()
    void this.#open(connection)
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') this.#lost()
      if (type === 'reconnect') void this.#open(connection)
    }
  }

  /** Creates buckets that do not exist: a server that was restarted without its store has none. Repeats until it succeeds. */
  async #open(connection: NatsConnection): Promise<void> {
    const { prefix, replicas } = this.#options
    const manager = new Kvm(jetstream(connection, { timeout: SERVER_LIMITS.coordinatorTimeout }))
    const options = { history: 1, replicas, maxValueSize: SERVER_LIMITS.maxCoordinatorValue }
    while (!this.#isClosed && !connection.isClosed()) {
      try {
        const nodes = await manager.create(`${prefix}_nodes`, options)
        const placements = await manager.create(`${prefix}_place`, options)
        return this.#opened({ nodes, placements })
      } catch {
        // A lost connection opens the buckets again when it returns.
        if (!(await connected(connection))) return
      }
    }
  }

  /** Publishes this node's records before it notifies the listener. */
  #opened(buckets: Buckets): void {
    if (this.#isClosed) return
    this.#buckets = buckets
    this.#announceAll()
    this.#answerQuestions()
    this.#receiveOrders()
    this.#listener?.availabilityChanged(true)
    if (this.#listener !== undefined) this.#watchAll(buckets)
  }

  /** At a disconnection. Placements stay as they were last known; the listener decides what it still trusts. */
  #lost(): void {
    if (this.#buckets === undefined) return
    this.#buckets = undefined
    this.#listener?.availabilityChanged(false)
  }

  /** Nodes report to those that watch only. NATS keeps the subscription over reconnects. */
  #watchAll(buckets: Buckets): void {
    this.#loads ??= this.#connection?.subscribe(this.#loadSubject('*'), {
      callback: (_error, message) => this.#loadReceived(message),
    })
    void this.#watchNodes(buckets)
  }

  /** Until the buckets are opened again. A watch that fails is begun again, with all current records. */
  async #watchNodes(buckets: Buckets): Promise<void> {
    while (this.#buckets === buckets) {
      try {
        const watched = await buckets.nodes.watch()
        for await (const entry of watched) {
          if (this.#buckets !== buckets) return watched.stop()
          this.#nodeChanged(entry)
        }
      } catch {
        // The next attempt follows.
      }
      await pause(SERVER_LIMITS.coordinatorReconnectDelay)
    }
  }

  /** A record under another node's key is ignored: permissions on subjects then hold for contents. */
  #nodeChanged(entry: KvWatchEntry): void {
    if (entry.operation !== 'PUT') return this.#listener?.nodeWithdrawn(entry.key)
    const record = this.#reader.decode(NodeRecord, entry.string())
    if (record?.id === entry.key) this.#listener?.nodeAnnounced(record)
  }

  /**
   * The subject names the sender, and NATS permissions restrict who publishes on it: a report with another id is
   * ignored.
   */
  #loadReceived(message: Msg): void {
    const report = this.#reader.decode(LoadReport, message.string())
    if (report !== undefined && this.#loadSubject(report.id) === message.subject) this.#listener?.loadReported(report)
  }

  #receiveOrders(): void {
    const obedience = this.#obedience
    if (obedience === undefined || this.#buckets === undefined) return
    this.#orders ??= this.#connection?.subscribe(this.#orderSubject(obedience.id), {
      callback: (_error, message) => {
        const order = this.#reader.decode(NodeOrder, message.string())
        if (order !== undefined) message.respond(obedience.execute(order) ? DONE : REFUSED)
      },
    })
  }

  /** A node that does not have it says nothing: the first answer is the only one. */
  #answerQuestions(): void {
    const answer = this.#answer
    if (answer === undefined || this.#buckets === undefined) return
    this.#questions ??= this.#connection?.subscribe(this.#ownerSubject, {
      callback: (_error, message) => {
        const question = this.#reader.decode(OwnerQuestion, message.string())
        if (question !== undefined && answer.holds(question)) message.respond(answer.id)
      },
    })
  }

  #announceAll(): void {
    for (const record of this.#records.values()) this.#publish(record)
  }

  /** A failure needs no answer: the interval publishes the record again. */
  #publish(record: NodeRecord): void {
    void this.#attempt(({ nodes }) => nodes.put(record.id, encodeRecord(record)))
  }

  /** `create` without a revision, else `update`. A conflict is answered with the value that won. */
  async #write(key: PlacementKey, record: PlacementRecord, revision: number | undefined): Promise<PlacementOutcome> {
    const name = encodePlacementKey(key)
    const text = encodeRecord(record)
    const written = await this.#attempt(async ({ placements }) => {
      try {
        const next = revision === undefined ? placements.create(name, text) : placements.update(name, text, revision)
        return { kind: 'placed' as const, placed: { record, revision: await next } }
      } catch (error) {
        if (isConflict(error)) return 'conflict' as const
        throw error
      }
    })
    return written === 'conflict' ? this.find(key) : (written ?? UNAVAILABLE)
  }

  /** Undefined if the coordinator is away, or does not answer in time. */
  async #attempt<T>(run: (buckets: Buckets) => Promise<T>): Promise<T | undefined> {
    if (this.#buckets === undefined) return undefined
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>(resolve => {
      timer = setTimeout(() => resolve(undefined), SERVER_LIMITS.coordinatorTimeout)
    })
    try {
      return await Promise.race([run(this.#buckets), late])
    } catch {
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  #orderSubject(id: string): string {
    return `${this.#options.prefix}.order.${id}`
  }

  get #ownerSubject(): string {
    return `${this.#options.prefix}.owner`
  }

  #loadSubject(id: string): string {
    return `${this.#options.prefix}.load.${id}`
  }
}

const isConflict = (error: unknown) => error instanceof JetStreamApiError && WRONG_REVISION.has(error.code)

/** Whether the connection is established after a short wait. */
async function connected(connection: NatsConnection): Promise<boolean> {
  await pause(SERVER_LIMITS.coordinatorReconnectDelay)
  return connection
    .flush()
    .then(() => true)
    .catch(() => false)
}
