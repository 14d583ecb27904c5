// Queries the readiness of the node that served this page.

/** The current response of the node's readiness probe. */
export type NodeState = 'ready' | 'draining' | 'gone'

/** Milliseconds after which a node counts as gone. */
const TIMEOUT = 3_000

/** Never rejects. */
export async function nodeState(): Promise<NodeState> {
  try {
    const { status } = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
    return status === 503 ? 'draining' : 'ready'
  } catch {
    return 'gone'
  }
}
