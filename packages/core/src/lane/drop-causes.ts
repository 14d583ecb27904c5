// Why a lane drops a datagram or a packet. What each cause means to an operator: `scripts/docs/drop-meanings.ts`.

/** In the order of their counters: see `Drop` in `media/lane-stats.ts`. */
export const DROP_CAUSES = [
  'unclassified',
  'oversize',
  'unknownSender',
  'unprotected',
  'authentication',
  'replayed',
  'malformed',
  'foreignSsrc',
  'noRoute',
  'ignoredAddress',
  'addressInUse',
  'rateLimited',
  'sendFailed',
  'noAddress',
  'overload',
  'sealed',
  'unsealed',
  'paced',
  'ringFull',
  'overBitrate',
] as const
export type DropCause = (typeof DROP_CAUSES)[number]
