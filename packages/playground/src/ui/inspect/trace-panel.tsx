// The messages between page and node, to read and to copy. Rendered only while the panel is open.
import { useEffect, useState } from 'preact/hooks'
import type { Call } from '../../call/call.ts'
import type { TraceEntry } from '../../voice/trace.ts'

const REFRESH_INTERVAL = 500
const SIGNS = { sent: '→', received: '←', note: '·' } as const

/** Closed at first: most visitors do not need it, and a closed panel costs nothing. */
export function TracePanel({ call }: { call: Call }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details class="card trace" onToggle={event => setOpen(event.currentTarget.open)}>
      <summary>Protocol trace</summary>
      {isOpen && <Entries call={call} />}
    </details>
  )
}

/** Refreshed by a timer: messages may arrive faster than the page should render. */
function Entries({ call }: { call: Call }) {
  const [entries, setEntries] = useState<readonly TraceEntry[]>(call.trace?.entries ?? [])
  const [copied, setCopied] = useState<string>()
  useEffect(() => {
    const timer = window.setInterval(() => setEntries(call.trace?.entries ?? []), REFRESH_INTERVAL)
    return () => window.clearInterval(timer)
  }, [call])
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(call.trace?.toString() ?? '')
      setCopied('Copied')
    } catch {
      setCopied('The browser does not allow copying')
    }
  }
  return (
    <>
      <p class="hint">
        Tokens and passwords are hidden.{' '}
        <button type="button" onClick={() => void copy()}>
          Copy all
        </button>{' '}
        <span role="status">{copied}</span>
      </p>
      <ol data-testid="trace">
        {entries.map(({ at, direction, op, text }, index) => (
          <li key={index} class={direction}>
            <time>{(at / 1_000).toFixed(3)}</time>
            <b title={direction}>{SIGNS[direction]}</b>
            <span class="op">{op}</span>
            <code>{text}</code>
          </li>
        ))}
      </ol>
    </>
  )
}
