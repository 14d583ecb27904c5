// What the browser measures of a call, from the reports of RTCPeerConnection.getStats.

/** One report: the fields differ by `type` (W3C webrtc-stats). */
export type Stat = Readonly<Record<string, unknown>> & { readonly type?: unknown; readonly id?: unknown }

/** What is agreed between browser and node; fields are absent until they are. */
export interface TransportReport {
  readonly srtpCipher: string | undefined
  readonly dtlsCipher: string | undefined
  /** Such as `DTLS 1.2`. */
  readonly dtlsVersion: string | undefined
}

/** Counters since the session began, and what holds now. */
export interface MeasuredTotals {
  readonly sent: number
  readonly received: number
  readonly lost: number
  /** The worst of all sources, in milliseconds. */
  readonly jitter: number | undefined
  /** Browser to node and back, in milliseconds. */
  readonly roundTrip: number | undefined
  readonly transport: TransportReport
}

/** What one point of the charts shows. Rates are per second; lost is a share of 0 to 1. */
export interface Measurement {
  /** Seconds. */
  readonly at: number
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly jitter: number | undefined
  readonly roundTrip: number | undefined
}

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const DTLS_VERSIONS: Readonly<Record<string, string>> = { FEFD: 'DTLS 1.2', FEFC: 'DTLS 1.3', FEFF: 'DTLS 1.0' }

export function totalsOf(stats: Iterable<Stat>): MeasuredTotals {
  const all = [...stats]
  const inbound = all.filter(({ type }) => type === 'inbound-rtp')
  const sum = (of: readonly Stat[], field: string) => of.reduce((total, stat) => total + numberOf(stat[field]), 0)
  const transport = all.find(({ type }) => type === 'transport')
  const pair = all.find(({ type, id }) => type === 'candidate-pair' && id === transport?.selectedCandidatePairId)
  const jitters = inbound
    .filter(({ packetsReceived }) => numberOf(packetsReceived) > 0)
    .map(stat => numberOf(stat.jitter))
  const version = textOf(transport?.tlsVersion)
  return {
    sent: sum(
      all.filter(({ type }) => type === 'outbound-rtp'),
      'packetsSent',
    ),
    received: sum(inbound, 'packetsReceived'),
    // A late packet that was counted as lost may make it negative for a while (RFC 3550 §6.4.1).
    lost: Math.max(0, sum(inbound, 'packetsLost')),
    jitter: jitters.length === 0 ? undefined : Math.max(...jitters) * 1_000,
    roundTrip: typeof pair?.currentRoundTripTime === 'number' ? pair.currentRoundTripTime * 1_000 : undefined,
    transport: {
      srtpCipher: textOf(transport?.srtpCipher),
      dtlsCipher: textOf(transport?.dtlsCipher),
      dtlsVersion: version && (DTLS_VERSIONS[version] ?? version),
    },
  }
}

/** What happened between two totals. A member who left took their counters along, so no difference is below zero. */
export function between(before: MeasuredTotals, after: MeasuredTotals, seconds: number, at: number): Measurement {
  const grown = (field: 'sent' | 'received' | 'lost') => Math.max(0, after[field] - before[field])
  const [received, lost] = [grown('received'), grown('lost')]
  return {
    at,
    sent: grown('sent') / seconds,
    received: received / seconds,
    lost: received + lost === 0 ? 0 : lost / (received + lost),
    jitter: after.jitter,
    roundTrip: after.roundTrip,
  }
}
