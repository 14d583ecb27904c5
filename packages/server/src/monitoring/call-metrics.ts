// Metrics that say how the calls are: joins, leaves, resumes, their networks.
import type { CallEvents, Observation } from './call-events.ts'
import type { Measured, Metric, Sample } from './metric.ts'

/** Reads a total of `CallEvents`, with its labels. */
const totals =
  (name: keyof CallEvents['totals']) =>
  ({ calls }: Measured): Sample[] =>
    [...calls.totals[name].values()].map(({ labels, count }) => [labels, count])

/** A histogram records each observation as it happens; the other kinds are read at a request. */
const observed =
  (what: Observation): NonNullable<Metric['observe']> =>
  ({ calls }, observer) =>
    calls.observe(what, observer)

/** Reads counts over the present sessions and channels, by one label. The tally is taken at each read. */
const ofTally =
  (name: keyof ReturnType<Measured['tally']>, label: string) =>
  (measured: Measured): Sample[] =>
    Object.entries(measured.tally()[name]).map(([value, count]) => [{ [label]: value }, count])

/** One sample for each backend of the configuration, connected or not. */
const perBackend =
  (field: 'channels' | 'sessions' | 'voiceStates' | 'memory' | 'overBitrate') =>
  ({ backends }: Measured): Sample[] =>
    backends().map(backend => [{ backend: backend.backend }, backend[field]])

/** Part of `METRICS`; the dashboard and the alert rules of `deploy/` use these names. */
export const CALL_METRICS: readonly Metric[] = [
  {
    name: 'parley_joins_total',
    kind: 'counter',
    help: 'Clients whose media was established.',
    labels: ['backend', 'transport'],
    read: totals('joins'),
  },
  {
    name: 'parley_join_seconds',
    kind: 'histogram',
    help: 'From Identify to Session Description.',
    labels: ['backend'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10],
    observe: observed('joinSeconds'),
  },
  {
    name: 'parley_leaves_total',
    kind: 'counter',
    help: 'Sessions that ended, by close code; codes that no specification names are `other`.',
    labels: ['backend', 'code'],
    read: totals('leaves'),
  },
  {
    name: 'parley_detached_total',
    kind: 'counter',
    help: 'Sessions that lost their connection and wait for Resume, by close code; 1006 is a connection that broke.',
    labels: ['backend', 'code'],
    read: totals('detached'),
  },
  {
    name: 'parley_resumes_total',
    kind: 'counter',
    help: 'Sessions that were resumed.',
    labels: ['backend'],
    read: totals('resumes'),
  },
  {
    name: 'parley_session_seconds',
    kind: 'histogram',
    help: 'How long sessions lasted, observed at their end.',
    labels: ['backend'],
    buckets: [10, 60, 300, 1_800, 3_600, 14_400, 86_400],
    observe: observed('sessionSeconds'),
  },
  {
    name: 'parley_session_loss_ratio',
    kind: 'histogram',
    help: 'Share of the packets of a client that did not arrive, observed at the end of its session.',
    labels: ['backend'],
    buckets: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3],
    observe: observed('lossRatio'),
  },
  {
    name: 'parley_session_jitter_seconds',
    kind: 'histogram',
    help: 'Jitter of the audio of a client, observed at the end of its session.',
    labels: ['backend'],
    buckets: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
    observe: observed('jitterSeconds'),
  },
  {
    name: 'parley_session_reported_loss_ratio',
    kind: 'histogram',
    help: 'Share of the packets for a client that it reports as lost, observed at the end of its session. Bots report nothing.',
    labels: ['backend'],
    buckets: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3],
    observe: observed('reportedLossRatio'),
  },
  {
    name: 'parley_session_round_trip_seconds',
    kind: 'histogram',
    help: 'Round trip of the media of a browser, by its last report, observed at the end of its session.',
    labels: ['backend'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1],
    observe: observed('roundTripSeconds'),
  },
  {
    name: 'parley_gateway_closes_total',
    kind: 'counter',
    help: 'Voice connections that the node closed because of what their client did or failed to do.',
    labels: ['code'],
    read: totals('gatewayCloses'),
  },
  {
    name: 'parley_bans_total',
    kind: 'counter',
    help: 'Addresses that were banned after refused Identify messages (`voice.ban_after`).',
    labels: [],
    read: measured => (measured.calls.totals.bans.size === 0 ? [[{}, 0]] : totals('bans')(measured)),
  },
  {
    name: 'parley_lvsp_authentication_failures_total',
    kind: 'counter',
    help: 'Malformed or wrong IDENTIFY and RESUME of backends.',
    labels: [],
    read: measured => (measured.calls.totals.lvspFailures.size === 0 ? [[{}, 0]] : totals('lvspFailures')(measured)),
  },
  {
    name: 'parley_sessions_by_transport',
    kind: 'gauge',
    help: 'Sessions by transport: `udp`, `webrtc`, or `none` before Select Protocol.',
    labels: ['transport'],
    read: ofTally('transports', 'transport'),
  },
  {
    name: 'parley_sessions_detached',
    kind: 'gauge',
    help: 'Sessions that wait for Resume.',
    labels: [],
    read: measured => [[{}, measured.tally().states.detached ?? 0]],
  },
  {
    name: 'parley_video_senders',
    kind: 'gauge',
    help: 'Sessions that send video.',
    labels: [],
    read: measured => [[{}, measured.tally().media.video ?? 0]],
  },
  {
    name: 'parley_video_senders_by_codec',
    kind: 'gauge',
    help: 'Sessions that send video, by the codec that the node assigned to them.',
    labels: ['codec'],
    read: ofTally('codecs', 'codec'),
  },
  {
    name: 'parley_channels_by_dave',
    kind: 'gauge',
    help: 'Channels with members, by version of their end-to-end encryption (DAVE); 0 is none.',
    labels: ['version'],
    read: ofTally('dave', 'version'),
  },
  {
    name: 'parley_backend_connected',
    kind: 'gauge',
    help: '1 while the backend has an LVSP connection.',
    labels: ['backend'],
    read: ({ backends }) => backends().map(({ backend, isDetached }) => [{ backend }, isDetached ? 0 : 1]),
  },
  {
    name: 'parley_backend_channels',
    kind: 'gauge',
    help: 'Channels of the backend.',
    labels: ['backend'],
    read: perBackend('channels'),
  },
  {
    name: 'parley_backend_sessions',
    kind: 'gauge',
    help: 'Voice sessions of the backend.',
    labels: ['backend'],
    read: perBackend('sessions'),
  },
  {
    name: 'parley_backend_voice_states',
    kind: 'gauge',
    help: 'Voice states of the backend.',
    labels: ['backend'],
    read: perBackend('voiceStates'),
  },
  {
    name: 'parley_backend_memory_bytes',
    kind: 'gauge',
    help: 'Memory that the backend occupies, by estimate.',
    labels: ['backend'],
    read: perBackend('memory'),
  },
  {
    name: 'parley_backend_over_bitrate_packets_total',
    kind: 'counter',
    help: 'Packets of the members of the backend’s channels that were not forwarded, because they exceeded a limit of bit rate.',
    labels: ['backend'],
    read: perBackend('overBitrate'),
  },
]
