// The bridge in operation: joins Spacebar's bus and database, the nodes and the clock to the state machine.
import { randomUUID } from 'node:crypto'
import type { Bus } from '../bus/bus.ts'
import { openBus } from '../bus/open-bus.ts'
import { Bridge } from '../core/bridge.ts'
import type { BusEvent } from '../core/events.ts'
import type { BridgeOutput } from '../core/outputs.ts'
import { Database, OtherBridgeError } from '../database/database.ts'
import { LIMITS } from '../limits.ts'
import { type BridgeNote, type BridgeNoteName, bridgeNote } from '../notes.ts'
import { isPermanent } from '../permanent-error.ts'
import { BridgeLoop } from './bridge-loop.ts'
import { NodeLinks } from './node-links.ts'
import { type BridgeSettings, BridgeSettingsError, targetsOf } from './options.ts'

/** Where the bridge reports to. */
export interface SpacebarBridgeOptions {
  /** Receives what the bridge has to report. */
  log: (note: BridgeNote) => void
  /** The bridge cannot go on: another one is running. */
  onFatal?: ((reason: string) => void) | undefined
}

/**
 * One per Spacebar: the bus name and the database lock refuse a second one. Calls continue on the nodes while no bridge
 * runs.
 */
export class SpacebarBridge {
  readonly #settings: BridgeSettings
  readonly #options: SpacebarBridgeOptions
  readonly #nodes: NodeLinks
  readonly #readyNodes = new Set<string>()
  readonly #bridge: Bridge
  readonly #loop: BridgeLoop
  readonly #retries = new Set<NodeJS.Timeout>()
  #database: Database | undefined
  #bus: Bus | undefined
  #isBusOpen = false
  #isClosed = false
  #hasReportedReady = false
  #isReading = false

  private constructor(settings: BridgeSettings, database: Database | undefined, options: SpacebarBridgeOptions) {
    const targets = targetsOf(settings)
    this.#settings = settings
    this.#options = options
    this.#database = database
    const checksPermissions = settings.check_permissions && database?.canCheckPermissions === true
    try {
      this.#bridge = new Bridge(
        { nodes: targets, hasDatabase: database !== undefined, checksPermissions },
        performance.now(),
      )
      this.#nodes = new NodeLinks(targets, this.#nodeListener())
    } catch (error) {
      throw error instanceof RangeError ? new BridgeSettingsError(`node: ${error.message}`) : error
    }
    this.#loop = new BridgeLoop({
      core: this.#bridge,
      apply: output => this.#apply(output),
      settled: () => this.#reportReady(),
      failed: (stack, failures) => this.#note('bridge.internal_error', { stack, failures }),
      clock: () => performance.now(),
    })
  }

  /**
   * Starts a bridge. It waits for a database that is away, goes on when the bus or a node is, and reports `bridge.ready` when all
   * are there. Throws a BridgeSettingsError only for what waiting does not change: settings that cannot be used, refused
   * credentials, missing rights, another bridge.
   */
  static async start(settings: BridgeSettings, options: SpacebarBridgeOptions): Promise<SpacebarBridge> {
    const database = settings.database === undefined ? undefined : await openDatabase(settings.database, options.log)
    let bridge: SpacebarBridge | undefined
    try {
      bridge = new SpacebarBridge(settings, database, options)
      await bridge.#start()
      return bridge
    } catch (error) {
      await bridge?.close()
      await database?.close()
      throw error
    }
  }

  /** Users in calls. */
  get users(): number {
    return this.#bridge.size
  }
  /** Messages of the bus so far, of any kind. */
  get received(): number {
    return this.#bus?.received ?? 0
  }

  /** Stops the bridge; calls go on. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#loop.close()
    for (const retry of this.#retries) clearTimeout(retry)
    await this.#bus?.close()
    await Promise.all([this.#nodes.close(), this.#database?.close()])
    this.#note('bridge.stopped')
  }

  /** Opens the bus first: events are queued in the state machine before the nodes are ready. */
  async #start(): Promise<void> {
    if (this.#database !== undefined) {
      this.#database.onLost = reason => this.#databaseLost(reason)
      this.#database.onRowChanged = userId => this.#feed(() => this.#bridge.rowChanged(userId))
    }
    const lost = (reason: string) => this.#busLost(reason)
    const event = (received: BusEvent) => this.#feed(now => this.#bridge.event(received, now))
    try {
      this.#bus = await openBus(this.#settings.bus, { event, lost, opened: () => this.#busOpened() })
    } catch (error) {
      throw new BridgeSettingsError(`bus: ${(error as Error).message}`)
    }
    this.#nodes.connect()
    this.#feed(now => this.#bridge.tick(now))
  }

  /** Reports nodes to the log and to the state machine. */
  #nodeListener() {
    return {
      ready: (node: string, { isSameSession, adoptsTokens }: { isSameSession: boolean; adoptsTokens: boolean }) => {
        if (!adoptsTokens) this.#note('bridge.node_adopts_no_tokens', { node })
        this.#note('bridge.node_connected', { node })
        this.#readyNodes.add(node)
        this.#feed(() => this.#bridge.nodeReady(node, { isSameSession }))
      },
      lost: (node: string, reason: string) => {
        if (this.#readyNodes.delete(node)) this.#note('bridge.node_lost', { node, reason })
        this.#feed(() => this.#bridge.nodeLost(node))
      },
      rejected: (node: string, reason: string) => {
        this.#readyNodes.delete(node)
        this.#note('bridge.node_rejected', { node, reason })
        this.#feed(() => this.#bridge.nodeLost(node))
      },
      refused: (node: string, reason: string) => this.#note('bridge.node_refused', { node, reason }),
      granted: (node: string, channelId: string, userId: string, isConnected: boolean) =>
        this.#feed(now => this.#bridge.granted(node, channelId, userId, isConnected, now)),
      grantFailed: (node: string, channelId: string, userId: string, reason: string) =>
        this.#feed(now => this.#bridge.grantFailed(node, channelId, userId, reason, now)),
      userConnected: (node: string, channelId: string, userId: string) =>
        this.#feed(() => this.#bridge.userConnected(node, channelId, userId)),
      userDisconnected: (node: string, channelId: string, userId: string, isResumable: boolean) =>
        this.#feed(() => this.#bridge.userDisconnected(node, channelId, userId, isResumable)),
    }
  }

  /** Events may have been missed: everything is compared with the database. */
  #busOpened(): void {
    this.#isBusOpen = true
    this.#note('bridge.bus_opened', { bus: this.#settings.bus.replace(/\/\/.*@/, '//') })
    this.#feed(now => this.#bridge.reconcile(now))
  }
  #busLost(reason: string): void {
    this.#note('bridge.bus_lost', { reason })
  }

  /** Takes the lock again; another bridge may have it by then. */
  #databaseLost(reason: string): void {
    if (this.#isClosed) return
    this.#note('bridge.database_lost', { reason })
    this.#later(() => this.#lockAgain())
  }
  #lockAgain(): void {
    this.#database?.lock().then(
      () => this.#note('bridge.database_opened'),
      (error: Error) => {
        if (!(error instanceof OtherBridgeError)) return this.#later(() => this.#lockAgain())
        this.#note('bridge.other_bridge', { reason: error.message })
        this.#options.onFatal?.(error.message)
      },
    )
  }

  /** Retries an action; nothing happens after `close`. */
  #later(action: () => void): void {
    if (this.#isClosed) return
    const timer = setTimeout(() => {
      this.#retries.delete(timer)
      action()
    }, LIMITS.retryDelay)
    this.#retries.add(timer)
  }

  #feed(input: (now: number) => void): void {
    this.#loop.feed(input)
  }

  #apply(output: BridgeOutput): void {
    switch (output.kind) {
      case 'note':
        return this.#options.log(output.note)
      case 'publish':
        this.#note('bridge.published', { user: output.userId, event: output.event })
        return this.#bus?.publish(output.userId, output)
      case 'reconcile':
        return void this.#reconcile()
      case 'readUser':
        return void this.#readUser(output.userId)
      case 'authorize':
        return void this.#authorize(output)
      default:
        return this.#nodes.apply(output)
    }
  }

  /** Reads everything, one read at a time. */
  async #reconcile(): Promise<void> {
    if (this.#database === undefined || this.#isReading) return
    this.#isReading = true
    const startedAt = performance.now()
    try {
      const snapshot = await this.#database.snapshot()
      this.#feed(now => this.#bridge.snapshot(snapshot, startedAt, now))
    } catch (error) {
      if (!this.#isClosed) this.#note('bridge.database_lost', { reason: (error as Error).message })
      this.#feed(now => this.#bridge.reconcileFailed(now))
    } finally {
      this.#isReading = false
    }
  }

  /** Reads one user. A failure is repaired by the next reconciliation. */
  async #readUser(userId: string): Promise<void> {
    const startedAt = performance.now()
    try {
      const row = await this.#database?.voiceState(userId)
      this.#feed(() => this.#bridge.userRead(userId, row, startedAt))
    } catch (error) {
      if (!this.#isClosed) this.#note('bridge.database_lost', { reason: (error as Error).message })
    }
  }

  async #authorize({ userId, place }: Extract<BridgeOutput, { kind: 'authorize' }>): Promise<void> {
    const verdict = (await this.#database?.mayJoin(userId, place)) ?? { kind: 'unknown' }
    this.#feed(now => this.#bridge.authorized(userId, place, verdict, now))
  }

  /** Once, when bus, a node and the database have been in use. */
  #reportReady(): void {
    const isReady = this.#isBusOpen && this.#readyNodes.size > 0 && this.#bridge.isReconciled
    if (this.#hasReportedReady || !isReady) return
    this.#hasReportedReady = true
    this.#note('bridge.ready', { nodes: this.#readyNodes.size, users: this.#bridge.size })
  }

  #note(event: BridgeNoteName, fields: BridgeNote['fields'] = {}): void {
    this.#options.log(bridgeNote(event, fields))
  }
}

/** Waits for a database that is away; throws where waiting does not help. */
async function openDatabase(url: string, log: SpacebarBridgeOptions['log']): Promise<Database> {
  const owner = randomUUID()
  for (;;) {
    try {
      const database = await Database.open(url, owner)
      log(bridgeNote('bridge.database_opened'))
      return database
    } catch (error) {
      if (isPermanent(error)) throw new BridgeSettingsError(`database: ${(error as Error).message}`)
      log(bridgeNote('bridge.database_lost', { reason: (error as Error).message }))
      await new Promise(resolve => setTimeout(resolve, LIMITS.retryDelay))
    }
  }
}
