// The page: the join form, or the call after joining.
import { useEffect, useRef } from 'preact/hooks'
import type { Call } from '../call/call.ts'
import { Logo } from '../logo.tsx'
import { useStore } from '../store.ts'
import { Controls } from './call/controls.tsx'
import { Members } from './call/members.tsx'
import { Stage } from './call/stage.tsx'
import { Door } from './door/door.tsx'
import { Measurements } from './inspect/measurements.tsx'
import { TracePanel } from './inspect/trace-panel.tsx'
import { Notice } from './notice.tsx'

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
          <Stage call={call} view={view} name={channelName} />
          <section class="card people" aria-label="Members">
            <h2>Members</h2>
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
