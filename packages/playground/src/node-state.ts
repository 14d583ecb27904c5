// Asks the node that served this page how it is.

/** How the node's HTTP port answers at the moment. */
export type NodeState = 'ready' | 'draining' | 'gone'

/** A node that takes longer is counted as gone. */
const TIMEOUT = 3_000

/** Rejects never. */
export async function nodeState(): Promise<NodeState> {
  try {
    const { status } = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
    return status === 503 ? 'draining' : 'ready'
  } catch {
    return 'gone'
  }
}
