// Queries the readiness of the node that served this page.

/** The current response of the node's readiness probe. */
export type NodeState = 'ready' | 'draining' | 'gone'

/** Milliseconds after which a node counts as gone. */
const TIMEOUT = 3_000

/** Never rejects. */
export async function nodeState(): Promise<NodeState> {
  try {
    const response = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
    // A node has other reasons for 503, such as the dates of its certificate, that do not end calls.
    return (await response.text()).trim() === 'draining' ? 'draining' : 'ready'
  } catch {
    return 'gone'
  }
}
