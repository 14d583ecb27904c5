// Payload types of clients in tests and benchmarks, as they number Opus, VP8 and its retransmissions.

/** Pairs: the node's type and the client's. */
type PayloadTypes = readonly (readonly [number, number])[]

export const BROWSER_TYPES = [
  [120, 111],
  [105, 96],
  [106, 97],
] as const satisfies PayloadTypes

/** A Discord client. */
export const NATIVE_MAPPING = {
  payloadTypes: [
    [120, 120],
    [105, 103],
    [106, 104],
  ],
  extensions: {},
} as const satisfies { payloadTypes: PayloadTypes; extensions: object }
