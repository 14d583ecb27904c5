// Which node owns a client that arrived here: by its token, by what this node has, or by asking all nodes.
import { LIMITS } from '@parley/core'
import type { NodeRecord, OwnerQuestion } from '@parley/protocol'
import type { Sought } from './sought.ts'
import { ownerIn } from './token-owner.ts'

export interface OwnersOptions {
  /** The id of this process in the cluster. */
  readonly self: string
  /** Asks all nodes. Undefined if none answers. */
  readonly ask: (question: OwnerQuestion) => Promise<string | undefined>
}

/** The nodes of the cluster, as they are announced. */
export class Owners {
  readonly #options: OwnersOptions
  readonly #nodes = new Map<string, NodeRecord>()

  constructor(options: OwnersOptions) {
    this.#options = options
  }

  announced(record: NodeRecord): void {
    if (this.#nodes.size < LIMITS.clusterNodes || this.#nodes.has(record.id)) this.#nodes.set(record.id, record)
  }
  withdrawn(id: string): void {
    this.#nodes.delete(id)
  }

  /**
   * The token is first: while a channel moves two nodes have it, and only the new one accepts the new tokens. `here` if nothing
   * has to be asked.
   */
  known({ question, token }: Sought, holds: (question: OwnerQuestion) => boolean): NodeRecord | 'here' | undefined {
    const named = ownerIn(token)
    if (named === this.#options.self) return 'here'
    const node = named === undefined ? undefined : this.#nodes.get(named)
    if (node !== undefined) return node
    return holds(question) || this.#hasNoOther ? 'here' : undefined
  }

  /** Undefined if no other node has it, or none answers in time. */
  async asked({ question }: Sought): Promise<NodeRecord | undefined> {
    const id = await this.#options.ask(question)
    return id === undefined || id === this.#options.self ? undefined : this.#nodes.get(id)
  }

  get #hasNoOther(): boolean {
    return [...this.#nodes.keys()].every(id => id === this.#options.self)
  }
}

/**
 * Where another process reaches the voice gateway of a node. Without an address of its own that is the endpoint of clients, with
 * TLS unless the node is on this machine and has none.
 */
export function gatewayUrl({ gateway, endpoint, lvsp }: NodeRecord, version: string | undefined): URL {
  const isPlain = lvsp.startsWith('ws:') && /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/.test(endpoint)
  const url = new URL(gateway ?? `${isPlain ? 'ws' : 'wss'}://${endpoint}/`)
  if (version !== undefined) url.searchParams.set('v', version)
  return url
}
