// What a router asks of its host, and the counts of what it holds.
import type { StunMac } from '@parley/protocol'
import type { LaneMeasurement } from '../lane/latency.ts'
import type { RouteCounts } from './streams/route-table.ts'

/** What a lane asks of its host besides the packet engine. */
export interface RouterOptions {
  /** What only the host can measure. Called once per report. */
  measured?: (() => LaneMeasurement) | undefined
  /** HMAC-SHA1 for ICE checks; without it the lane serves no WebRTC clients. */
  stunMac?: StunMac | undefined
  /** The wall clock, in milliseconds since 1970, when `now` was 0. */
  timeOrigin?: number | undefined
}

/** Counts of what a lane holds. */
export interface RouterCounts extends RouteCounts {
  peers: number
  /** Bound addresses. */
  addresses: number
  webrtcPeers: number
  /** Addresses that ICE checks have proved. */
  webrtcAddresses: number
  /** Peers that wait for a receiver report. */
  reports: number
  /** Video streams with packets kept for retransmission. */
  videos: number
  /** Pairs of stream and receiver with numbers of their own. */
  sendStreams: number
  /** Streams whose pauses the node fills with silence. */
  talkspurts: number
  /** Peers whose bandwidth for video is estimated. */
  viewers: number
  /** Peers whose bit rate is bounded. */
  limited: number
}
