// Compares what a node granted with what it, or another node, granted before. Both are secrets of this cluster that no client sent, so
// that the time of a comparison says nothing to a stranger.

interface Granted {
  readonly token: string
  readonly endpoint?: string | undefined
}

/** Whether a client with the earlier grant has to connect again: elsewhere, or with another token. */
export const isOtherGrant = (before: Granted, after: Granted): boolean =>
  before.token !== after.token || before.endpoint !== after.endpoint
