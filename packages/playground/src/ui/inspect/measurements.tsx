// Measurements of the call: current values, and charts of the last two minutes.
import type { CallView } from '../../call/call-view.ts'
import type { Measurement } from '../../measure/measurements.ts'
import { Chart, type Series } from '../chart.tsx'
import { NamesAndValues } from '../names-and-values.tsx'

/** A number with its unit; a dash if it is not known. */
const text = (value: number | undefined, unit: string, digits = 0): string =>
  value === undefined ? '–' : `${value.toFixed(digits)} ${unit}`

const percent = (share: number | undefined): number | undefined => (share === undefined ? undefined : share * 100)

/** A chart: its title, its present value in words, and its series. */
interface ChartOf {
  title: string
  now: (measurement: Measurement | undefined) => string
  series: readonly (Series & { of: (measurement: Measurement) => number | undefined })[]
}

/** In the order of the page. */
const CHARTS: readonly ChartOf[] = [
  {
    title: 'Packets per second',
    now: now => `${text(now?.sent, 'out')}, ${text(now?.received, 'in')}`,
    series: [
      { name: 'in', colour: '--in', of: ({ received }) => received },
      { name: 'out', colour: '--out', of: ({ sent }) => sent },
    ],
  },
  {
    title: 'Loss',
    now: now => text(percent(now?.lost), '%', 1),
    series: [{ name: 'loss', colour: '--bad', of: ({ lost }) => percent(lost) }],
  },
  {
    title: 'Jitter',
    now: now => text(now?.jitter, 'ms', 1),
    series: [{ name: 'jitter', colour: '--in', of: ({ jitter }) => jitter }],
  },
  {
    title: 'Round trip',
    now: now => text(now?.roundTrip, 'ms', 1),
    series: [{ name: 'round trip', colour: '--out', of: ({ roundTrip }) => roundTrip }],
  },
]

/** The figures are numbers of this browser (`RTCPeerConnection.getStats`), not of the node. */
export function Measurements({ view }: { view: CallView }) {
  const { measurements } = view
  const now = measurements.at(-1)
  const times = measurements.map(({ at }) => at)
  return (
    <section class="card measured" aria-label="Measurements">
      <h2>Measurements</h2>
      <Transport view={view} />
      <div class="charts">
        {CHARTS.map(({ title, now: say, series }) => (
          <figure key={title}>
            <figcaption>
              {title} <b data-testid={title}>{say(now)}</b>
            </figcaption>
            <Chart times={times} series={series} values={series.map(({ of }) => measurements.map(of))} />
          </figure>
        ))}
      </div>
    </section>
  )
}

/** What the browser and the node have agreed on. */
function Transport({ view: { transport, nodeAddress, gatewayPing, encryption, frames } }: { view: CallView }) {
  const rows: [name: string, value: string][] = [
    ['Encryption', encryption || '–'],
    [
      'Frames',
      frames === undefined ? '–' : `${frames.sealed} encrypted, ${frames.opened} decrypted, ${frames.unopened} dropped`,
    ],
    [
      'Transport',
      nodeAddress === undefined ? '–' : transport?.protocol === 'TCP' ? 'WebRTC, TCP' : `WebRTC, UDP ${nodeAddress}`,
    ],
    ['Cipher', transport?.srtpCipher === undefined ? '–' : transport.srtpCipher.replaceAll('_', ' ')],
    [
      'Handshake',
      [transport?.dtlsVersion, transport?.dtlsCipher?.replaceAll('_', ' ')].filter(Boolean).join(', ') || '–',
    ],
    ['Gateway', gatewayPing === undefined ? '–' : `${gatewayPing.toFixed(0)} ms`],
  ]
  return <NamesAndValues rows={rows} class="transport" testId="transport" />
}
