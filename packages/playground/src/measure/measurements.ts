// Measurements of a call from the statistics of RTCPeerConnection.getStats.

/** One entry of the statistics; its fields depend on `type` (W3C webrtc-stats). */
export type Stat = Readonly<Record<string, unknown>> & { readonly type?: unknown; readonly id?: unknown }

/** Negotiated parameters of the transport; undefined before the negotiation. */
export interface TransportReport {
  readonly srtpCipher: string | undefined
  readonly dtlsCipher: string | undefined
  /** Such as `DTLS 1.2`. */
  readonly dtlsVersion: string | undefined
  /** `UDP`, or `TCP` where the network lets no UDP through; undefined while unknown. */
  readonly protocol: string | undefined
}

/** Packets of one RTP stream since its start. */
interface Counters {
  readonly sent: number
  readonly received: number
  readonly lost: number
}

/** One reading of the statistics. */
export interface Reading {
  /** Time of the measurement in the browser, in milliseconds. */
  readonly at: number
  /** Counters by the id of the RTP stream's statistics. */
  readonly streams: ReadonlyMap<string, Counters>
  /** The largest jitter of all sources, in milliseconds. */
  readonly jitter: number | undefined
  /** Round trip between browser and node, in milliseconds. */
  readonly roundTrip: number | undefined
  readonly transport: TransportReport
}

/** One point of the charts. Rates are per second; `lost` is a share from 0 to 1. */
export interface Measurement {
  /** Seconds. */
  readonly at: number
  /** Like the fields below, undefined while the page was suspended. */
  readonly sent: number | undefined
  readonly received: number | undefined
  readonly lost: number | undefined
  readonly jitter: number | undefined
  readonly roundTrip: number | undefined
}

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const DTLS_VERSIONS: Readonly<Record<string, string>> = { FEFD: 'DTLS 1.2', FEFC: 'DTLS 1.3', FEFF: 'DTLS 1.0' }

/** `now`, in milliseconds of the clock of the timestamps in `stats`, is for statistics without a timestamp. */
export function readingOf(stats: Iterable<Stat>, now: number): Reading {
  const all = [...stats]
  const inbound = all.filter(({ type }) => type === 'inbound-rtp')
  const transport = all.find(({ type }) => type === 'transport')
  const pair = all.find(({ type, id }) => type === 'candidate-pair' && id === transport?.selectedCandidatePairId)
  const remote = all.find(({ id }) => pair !== undefined && id === pair.remoteCandidateId)
  const jitters = inbound
    .filter(({ packetsReceived }) => numberOf(packetsReceived) > 0)
    .map(stat => numberOf(stat.jitter))
  const version = textOf(transport?.tlsVersion)
  const outbound = all.filter(({ type }) => type === 'outbound-rtp')
  const streams = [...outbound, ...inbound]
  const taken = streams.map(({ timestamp }) => numberOf(timestamp))
  return {
    at: Math.max(...taken) > 0 ? Math.max(...taken) : now,
    streams: new Map(streams.map(stat => [String(stat.id), countersOf(stat)])),
    jitter: jitters.length === 0 ? undefined : Math.max(...jitters) * 1_000,
    roundTrip: typeof pair?.currentRoundTripTime === 'number' ? pair.currentRoundTripTime * 1_000 : undefined,
    transport: {
      srtpCipher: textOf(transport?.srtpCipher),
      dtlsCipher: textOf(transport?.dtlsCipher),
      dtlsVersion: version && (DTLS_VERSIONS[version] ?? version),
      protocol: textOf(remote?.protocol)?.toUpperCase(),
    },
  }
}

const countersOf = ({ packetsSent, packetsReceived, packetsLost }: Stat): Counters => ({
  sent: numberOf(packetsSent),
  received: numberOf(packetsReceived),
  lost: numberOf(packetsLost),
})

/**
 * The changes between two readings. A stream that is in only one of them is ignored, because its counters may have started long
 * before. Differences are at least zero: a late packet that was counted as lost reduces `lost` (RFC 3550 §6.4.1).
 */
export function between(before: Reading, after: Reading): Measurement {
  const grown = (field: keyof Counters) => {
    let sum = 0
    for (const [id, counters] of after.streams) {
      const earlier = before.streams.get(id)
      if (earlier !== undefined) sum += counters[field] - earlier[field]
    }
    return Math.max(0, sum)
  }
  const seconds = (after.at - before.at) / 1_000
  const [received, lost] = [grown('received'), grown('lost')]
  return {
    at: after.at / 1_000,
    sent: grown('sent') / seconds,
    received: received / seconds,
    lost: received + lost === 0 ? 0 : lost / (received + lost),
    jitter: after.jitter,
    roundTrip: after.roundTrip,
  }
}
