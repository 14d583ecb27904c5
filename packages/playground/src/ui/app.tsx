// The page: the join form, or the call after joining.
import { useEffect, useRef } from 'preact/hooks'
import type { Call } from '../call.ts'
import { Logo } from '../logo.tsx'
import { useStore } from '../store.ts'
import { Controls } from './controls.tsx'
import { Door } from './door.tsx'
import { Measurements } from './measurements.tsx'
import { Members } from './members.tsx'
import { Notice } from './notice.tsx'
import { Pictures } from './pictures.tsx'
import { TracePanel } from './trace-panel.tsx'

/** The status of the call in words. */
const PHASES = {
  idle: 'Not in a channel',
  joining: 'Joining …',
  connected: 'Connected',
  reconnecting: 'Reconnecting …',
} as const

/**
 * Rendered again whenever the call's store changes. Everything that it shows is in `view`; everything that it does is a
 * method of `call`.
 */
export function App({ call }: { call: Call }) {
  const view = useStore(call.store)
  const { phase, problem, waitsFor, overview, channelId } = view
  const place = useRef<HTMLElement>(null)
  const isIn = phase !== 'idle'
  // Joining and leaving remove the focused button, so the focus moves to the new content.
  useEffect(() => {
    if (document.activeElement === document.body) place.current?.focus({ preventScroll: true })
  }, [isIn])
  const channelName = overview.channels.find(({ id }) => id === channelId)?.name ?? 'Channel'
  return (
    <div class="page">
      <header class="top">
        <Logo />
        <h1>Parley</h1>
        <p class={`status ${phase}`} role="status" data-testid="status">
          {PHASES[phase]}
          {waitsFor !== undefined && <small> {waitsFor}</small>}
        </p>
      </header>
      {problem !== undefined && <Notice problem={problem} onDismiss={() => call.dismiss()} />}
      {!isIn ? (
        <Door call={call} view={view} place={place} />
      ) : (
        <main class="call" ref={place} tabIndex={-1}>
          <Pictures view={view} />
          <section class="card people" aria-label="Members">
            <h2>
              {channelName} <span class="count">{view.members.length}</span>
            </h2>
            <Members call={call} view={view} />
          </section>
          <Measurements view={view} />
          <TracePanel call={call} />
        </main>
      )}
      {isIn && <Controls call={call} view={view} />}
    </div>
  )
}
