// The bounds of sockets, beside those of the core: name, value, reason. Times in milliseconds, sizes in bytes.
import { LIMITS } from '@parley/core'

export const SOCKET_LIMITS = {
  /** TCP connections of one listener, upgraded or not; it bounds file descriptors. */
  connections: 50_000,
  /** TCP connections that are no WebSocket yet: beyond it the oldest goes, so that a flood locks nobody out. */
  halfOpen: 5_000,
  /** Those of one address (of one /64 in IPv6). After a restart all bots of a host come at once. */
  halfOpenPerAddress: 1_000,
  /** From the first byte to the end of the headers. Slow mobile networks need two or three seconds. */
  headersTimeout: 10_000,
  tlsHandshakeTimeout: 10_000,
  /** How long an idle keep-alive connection of a probe or a scraper is kept. */
  keepAliveTimeout: 5_000,
  /** How often these timeouts are looked at. */
  timeoutCheckInterval: 2_000,
  /** HTTP headers. A browser's cookies for the host may come along. */
  headerBytes: 16 * 1024,

  /** Bytes waiting for a client that does not read: a whole replay at once is legal, another megabyte is slow. */
  gatewayBuffered: LIMITS.replayBytes + 1024 * 1024,
  /** The same for a backend, which may be sent its whole state: 100,000 channels are about 25 MB. */
  lvspBuffered: 32 * 1024 * 1024,
  /** From our close frame to the client's; then the connection is cut. */
  closeTimeout: 5_000,
  /** Whether a backend lives is asked this often (its own heartbeats may be hours apart) … */
  lvspPingInterval: 15_000,
  /** … and this many pings may go unanswered. */
  lvspPingsMissed: 2,
  /** RFC 6455 §5.5: a control frame carries at most 125 bytes, two of them the close code. */
  closeReason: 123,
} as const
