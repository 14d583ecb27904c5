// A front on a virtual clock whose nodes and coordinator answer as a test says. Its backends have raw connections.
import { Front } from '../cluster/front.ts'
import type {
  FrontPorts,
  FrontRequestId,
  NodeAnswer,
  NodeCommand,
  NodeRequest,
  PlacementChange,
  PlacementOutcome,
} from '../cluster/front-ports.ts'
import type { MirroredChannel } from '../cluster/mirror.ts'
import type { ProbeOutcome } from '../cluster/nodes/membership.ts'
import { ok, refused } from '../result.ts'
import { tokenFor } from './lvsp-bench.ts'
import { nodeRecord } from './node-record.ts'
import { seededCrypto } from './seeded-crypto.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
type Json = any

/** More than any test needs before it is at rest: a front that asks again and again fails. */
const MOST_ANSWERS = 1_000

export interface Asked {
  readonly node: string
  readonly tenant: string
  readonly request: NodeRequest
}

export class FrontBench {
  readonly front: Front
  now = 1_000
  readonly requests: Asked[] = []
  readonly commands: { readonly node: string; readonly tenant: string; readonly command: NodeCommand }[] = []
  readonly changes: PlacementChange[] = []
  /** The answer of a node; undefined is none yet. By default every node grants everything. */
  answer: (asked: Asked) => NodeAnswer | undefined = ({ node }) => granted(node)
  /** The answer of the coordinator. By default a placement is made. */
  coordinate: (change: PlacementChange) => PlacementOutcome = ({ record }) => placed(record, ++this.#revision)
  probed: (node: string) => ProbeOutcome = () => 'alive'
  #revision = 0
  #waiting: (() => void)[] = []
  readonly #received = new Map<number, Json[]>()
  #lastConnection = 0

  constructor(backends: readonly string[] = ['main'], nodes: readonly string[] = ['n1', 'n2', 'n3']) {
    this.front = new Front({
      crypto: seededCrypto('front'),
      backends: backends.map(id => ({ id, secrets: [secretOf(id)] })),
      ports: this.#ports(),
      serverVersion: '1.2.3',
      random: () => 0,
      wallClock: () => 1_000_000,
    })
    this.front.availabilityChanged(true)
    for (const id of nodes) {
      this.front.nodeAnnounced(nodeRecord(id), this.now)
      for (const backend of backends) {
        this.front.nodeLinked(id, backend, 'otherSession', this.now)
        this.front.receiverChanged(id, backend, true)
      }
    }
    this.settle()
  }

  /** An identified connection of the backend: what sends it INFO, and what it has received. */
  backend(id = 'main') {
    const connection = ++this.#lastConnection
    const received: Json[] = []
    this.#received.set(connection, received)
    const send = (op: number, d: object) => {
      this.front.messageReceived(connection, JSON.stringify({ op, d }), this.now)
      this.settle()
    }
    this.front.connectionOpened(connection, { remoteAddress: '192.0.2.1' }, this.now)
    this.settle()
    send(1, { token: tokenFor(secretOf(id), received[0].d.nonce), capabilities: ['failure', 'sync'] })
    return {
      info: (type: number, data: object) => send(6, { type, data }),
      /** Data of the INFO messages of this type. */
      infos: (type: number): Json[] =>
        received.filter(({ op, d }) => op === 6 && d.type === type).map(({ d }) => d.data),
    }
  }

  /** Another front has opened the channel on the node. */
  mirrored(node: string, tenant: string, item: Partial<MirroredChannel>): void {
    const channel = { channelId: '500', guildId: '100', token: 'mirrored', endpoint: node, epoch: 1 }
    this.front.channelMirrored(node, tenant, { ...channel, properties: {}, isEnded: false, ...item })
    this.settle()
  }

  advance(duration: number): void {
    this.settle()
    const until = this.now + duration
    while (this.front.deadline <= until) {
      this.now = Math.max(this.now, this.front.deadline)
      this.front.tick(this.now)
      this.settle()
    }
    this.now = until
  }

  /** Answers what the front has asked, until it asks nothing more. */
  settle(): void {
    for (let answers = 0; this.#waiting.length > 0; answers++) {
      if (answers === MOST_ANSWERS) throw new Error(`the front asked ${MOST_ANSWERS} times`)
      this.#waiting.shift()!()
    }
    for (const effect of this.front.takeEffects())
      if (effect.kind === 'send') this.#received.get(effect.connection)?.push(JSON.parse(String(effect.data)))
  }

  #ports(): FrontPorts {
    const later = (run: () => void) => void this.#waiting.push(run)
    return {
      backendChanged: () => {},
      request: (id, node, tenant, request) => this.#request(id, { node, tenant, request }),
      countViews: (id, _node, _tenant) => later(() => this.front.viewsCounted(id, {}, this.now)),
      command: (node, tenant, command) => void this.commands.push({ node, tenant, command }),
      change: (id, change) => {
        this.changes.push(change)
        later(() => this.front.coordinated(id, this.coordinate(change)))
      },
      find: id => later(() => this.front.coordinated(id, { kind: 'unavailable' })),
      release: () => {},
      probe: record => later(() => this.front.probed(record, this.probed(record.id), this.now)),
    }
  }

  #request(id: FrontRequestId, asked: Asked): void {
    this.requests.push(asked)
    const answer = this.answer(asked)
    if (answer !== undefined) this.#waiting.push(() => this.front.answered(id, answer))
  }
}

const secretOf = (backend: string) => `the secret of ${backend}`

export const granted = (node: string): NodeAnswer =>
  ok({ token: `token of ${node}`, endpoint: node, sessionId: 'session', connected: false })

export const refusedWith = (failure: number, isOfNode: boolean): NodeAnswer =>
  refused({ failure: failure as 11, message: `failure ${failure}`, isOfNode })

export const placed = (record: PlacementChange['record'], revision: number): PlacementOutcome => ({
  kind: 'placed',
  placed: { record, revision },
})
