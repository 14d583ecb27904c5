// The dashboard: the token, then alarms, load, lanes, channels and users of one node.
import { useState } from 'preact/hooks'
import { Logo } from '../logo.tsx'
import { useStore } from '../store.ts'
import { Chart } from '../ui/chart.tsx'
import { NamesAndValues } from '../ui/names-and-values.tsx'
import { Channels, Lanes, Users } from './tables.tsx'
import type { Watch, WatchView } from './watch.ts'
import { duration, large, rate } from './words.ts'

const PACKETS = [
  { name: 'in', colour: '--in' },
  { name: 'out', colour: '--out' },
] as const
const DROPS = [{ name: 'drops', colour: '--bad' }] as const
const SESSIONS = [{ name: 'sessions', colour: '--in' }] as const

export function Dashboard({ watch }: { watch: Watch }) {
  const view = useStore(watch.store)
  const { phase, now, problem } = view
  const state = phase !== 'watching' ? '' : problem === undefined ? 'connected' : 'reconnecting'
  return (
    <div class="page">
      <header class="top">
        <Logo />
        <h1>Parley</h1>
        {now !== undefined && (
          <>
            <p class={`status ${state}`} role="status" data-testid="status">
              {now.status.draining ? 'Draining' : problem === undefined ? now.status.endpoint : 'No answer'}
            </p>
            <button type="button" onClick={() => watch.close()}>
              Close
            </button>
          </>
        )}
      </header>
      {now === undefined ? <TokenForm watch={watch} view={view} /> : <Node view={view} />}
    </div>
  )
}

/** A form, so that a password manager can fill the token in. It is never submitted as a request. */
function TokenForm({ watch, view: { phase, problem } }: { watch: Watch; view: WatchView }) {
  const [token, setToken] = useState('')
  return (
    <main class="door">
      <section class="card">
        <h2>Dashboard of this node</h2>
        <form
          onSubmit={event => {
            event.preventDefault()
            void watch.open(token.trim())
          }}
        >
          <label class="field">
            Admin token
            <input
              type="password"
              name="token"
              autocomplete="current-password"
              required
              value={token}
              onInput={event => setToken(event.currentTarget.value)}
            />
          </label>
          {problem !== undefined && (
            <p class="wrong" role="alert">
              {problem}
            </p>
          )}
          <button class="primary" type="submit" disabled={phase === 'opening'}>
            {phase === 'opening' ? 'Opening …' : 'Open'}
          </button>
        </form>
        <p class="hint">The first line of the file that admin.token_file names. It stays in this page.</p>
      </section>
    </main>
  )
}

function Node({ view }: { view: WatchView }) {
  const { now, before, problem } = view
  if (now === undefined) return null
  return (
    <main class="dashboard">
      {problem !== undefined && (
        <p class="wrong wide" role="alert">
          {problem} What is below is from before.
        </p>
      )}
      <Alarms view={view} />
      <Load view={view} />
      <Charts view={view} />
      <Lanes now={now} before={before} />
      <Channels now={now} />
      <Users now={now} />
    </main>
  )
}

/** The worst first. */
function Alarms({ view: { now } }: { view: WatchView }) {
  const alarms = [...(now?.alarms ?? [])].sort((a, b) => a.severity.localeCompare(b.severity))
  return (
    <section class="card wide alarms" aria-label="Alarms" data-testid="alarms">
      <h2>
        Alarms <span class="count">{alarms.length}</span>
      </h2>
      {alarms.length === 0 ? (
        <p class="hint">All is well.</p>
      ) : (
        <ul>
          {alarms.map(({ alarm, severity, text }) => (
            <li key={alarm + text} class={severity}>
              <b class="severity">{severity}</b> {text}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Load({ view: { now, history } }: { view: WatchView }) {
  if (now === undefined) return null
  const { status } = now
  const last = history.at(-1)?.rates
  const figures: [name: string, value: string][] = [
    ['Users', large(status.sessions)],
    ['Channels', large(status.channels)],
    ['Health', `${Math.round(status.health * 100)} %`],
    ['Sent', last === undefined ? '–' : rate(last.bitsOut, 'bit/s')],
    ['Up', duration(status.uptime)],
    ['Version', status.version],
  ]
  return (
    <section class="card wide" aria-label="Load">
      <NamesAndValues rows={figures} class="figures" testId="load" />
      <p class="hint">
        {status.backends
          .map(({ backend, connected }) => `${backend}: ${connected ? 'connected' : 'not connected'}`)
          .join(' · ')}
        {` · ${status.engine}`}
      </p>
    </section>
  )
}

function Charts({ view: { history } }: { view: WatchView }) {
  const times = history.map(({ at }) => at)
  const last = history.at(-1)
  const of = (read: (point: (typeof history)[number]) => number) => history.map(read)
  return (
    <section class="card wide measured" aria-label="Charts">
      <div class="charts">
        <figure>
          <figcaption>
            Packets per second <b>{last === undefined ? '–' : `${large(last.rates.packetsOut)} out`}</b>
          </figcaption>
          <Chart
            times={times}
            series={PACKETS}
            values={[of(({ rates }) => rates.packetsIn), of(({ rates }) => rates.packetsOut)]}
          />
        </figure>
        <figure>
          <figcaption>
            Drops per second <b>{last === undefined ? '–' : large(last.rates.drops)}</b>
          </figcaption>
          <Chart times={times} series={DROPS} values={[of(({ rates }) => rates.drops)]} />
        </figure>
        <figure>
          <figcaption>
            Users <b>{last === undefined ? '–' : large(last.sessions)}</b>
          </figcaption>
          <Chart times={times} series={SESSIONS} values={[of(({ sessions }) => sessions)]} />
        </figure>
      </div>
    </section>
  )
}
