// The nodes of the bridge: which one an endpoint or a region of Spacebar names, and which are ready.
import { LIMITS } from '../limits.ts'

/** A node as configured. */
export interface BridgeNode {
  /** Unique. */
  name: string
  /** `host:port` as Spacebar's configuration has it. */
  endpoint: string
  /** Ids of Spacebar's regions. Guilds without such a region, and calls without a guild, are on the first node. */
  regions?: readonly string[] | undefined
}

/** The table of nodes is fixed; only their readiness changes. */
export class NodeTable {
  readonly #nodes: readonly BridgeNode[]
  readonly #byEndpoint: ReadonlyMap<string, BridgeNode>
  readonly #ready = new Set<string>()
  readonly #unknown = new Set<string>()

  /** Throws a RangeError without nodes, and if two have the same name or endpoint. */
  constructor(nodes: readonly BridgeNode[]) {
    this.#nodes = nodes
    this.#byEndpoint = new Map(nodes.map(node => [normalEndpoint(node.endpoint), node]))
    if (nodes.length === 0) throw new RangeError('expected at least one node')
    if (this.#byEndpoint.size < nodes.length) throw new RangeError('two nodes have the same endpoint')
    if (new Set(nodes.map(({ name }) => name)).size < nodes.length) throw new RangeError('two nodes have the same name')
  }

  /** In the order of the configuration; the first is the default. */
  get names(): readonly string[] {
    return this.#nodes.map(({ name }) => name)
  }

  /** The node of an endpoint as Spacebar writes it; undefined if it is not one of ours. */
  byEndpoint(endpoint: string): BridgeNode | undefined {
    return this.#byEndpoint.get(normalEndpoint(endpoint))
  }
  byRegion(region: string | undefined): BridgeNode {
    return this.#nodes.find(node => region !== undefined && node.regions?.includes(region)) ?? this.#nodes[0]!
  }

  setReady(name: string, isReady: boolean): void {
    if (isReady) this.#ready.add(name)
    else this.#ready.delete(name)
  }
  isReady(name: string): boolean {
    return this.#ready.has(name)
  }

  /** Whether an unknown endpoint occurs for the first time. */
  isNews(endpoint: string): boolean {
    if (this.#unknown.has(endpoint) || this.#unknown.size >= LIMITS.notedEndpoints) return false
    this.#unknown.add(endpoint)
    return true
  }
}

/** Without scheme, path and capitals; 443 is the default port of `wss`. */
export function normalEndpoint(endpoint: string): string {
  const host = endpoint
    .toLowerCase()
    .replace(/^[a-z]+:\/\//, '')
    .replace(/\/.*$/, '')
  return /:\d+$/.test(host) ? host : `${host}:443`
}
