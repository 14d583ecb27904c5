// Faults of the path of datagrams. Shares are chosen by the seed.
import { count, countOrAll, delay, type FaultRow, share } from '../fault-row.ts'

/** Implemented by `media/faulty-path.ts` and `media/udp-relay.ts`. */
export const DATAGRAM_FAULTS = {
  'discovery-lost': {
    kind: 'lasting',
    parameter: countOrAll('number of requests'),
    meaning: 'loses the first requests of IP discovery; without a number, each',
    expected: 'any',
  },
  'late-discovery': {
    kind: 'lasting',
    parameter: delay(1_000),
    meaning: 'delays responses of IP discovery',
    expected: 'stays',
  },
  'discovery-short': {
    kind: 'lasting',
    meaning: 'answers IP discovery with 70 bytes, as before 2020',
    expected: 'any',
  },
  'discovery-garbage': {
    kind: 'lasting',
    meaning: 'sends a datagram of noise before each response of IP discovery',
    expected: 'stays',
  },
  'discovery-media-first': {
    kind: 'lasting',
    meaning: 'sends an RTP packet before each response of IP discovery',
    expected: 'stays',
  },
  'keepalive-lost': {
    kind: 'lasting',
    meaning: 'leaves keepalives and pings over UDP unanswered',
    expected: 'stays',
  },
  'udp-loss': {
    kind: 'lasting',
    parameter: share(10),
    meaning: 'loses datagrams in both directions; discovery and keepalives included',
    expected: 'stays',
  },
  'udp-loss-up': {
    kind: 'lasting',
    parameter: share(10),
    meaning: 'loses datagrams from the client only',
    expected: 'stays',
  },
  'udp-loss-down': {
    kind: 'lasting',
    parameter: share(10),
    meaning: 'loses datagrams to the client only',
    expected: 'stays',
  },
  'udp-burst': {
    kind: 'once',
    parameter: count('number of datagrams', 1_000_000, 25),
    meaning: 'loses the next datagrams of each direction',
    expected: 'stays',
  },
  'udp-reorder': {
    kind: 'lasting',
    parameter: share(10),
    meaning: 'sends datagrams behind their successor, in both directions',
    expected: 'stays',
  },
  'udp-duplicate': {
    kind: 'lasting',
    parameter: share(10),
    meaning: 'sends datagrams twice, in both directions',
    expected: 'stays',
  },
  'udp-corrupt': {
    kind: 'lasting',
    parameter: share(10),
    meaning: 'alters a byte of datagrams of media, in both directions',
    expected: 'stays',
  },
  'udp-delay': {
    kind: 'lasting',
    parameter: delay(150),
    meaning: 'delays each datagram by this time',
    expected: 'stays',
  },
  'udp-jitter': {
    kind: 'lasting',
    parameter: delay(50),
    meaning: 'delays each datagram by a time up to this one, so that they overtake each other',
    expected: 'stays',
  },
  'udp-rate': {
    kind: 'lasting',
    parameter: { meaning: 'rate in kbit/s', least: 8, most: 100_000, usual: 32 },
    meaning: 'loses datagrams above this rate, in each direction',
    expected: 'stays',
  },
  'source-port': {
    kind: 'once',
    meaning: 'sends to the client from another port from now on, as a changed NAT or load balancer does',
    expected: 'any',
  },
  'nat-rebind': {
    kind: 'once',
    meaning: 'lets the datagrams of the client arrive at the node from another port from now on',
    expected: 'stays',
  },
} as const satisfies Record<string, FaultRow>
