// A problem and the advice for it.
import { useEffect } from 'preact/hooks'
import type { Problem } from '../call/problem.ts'

export function Notice({ problem, onDismiss }: { problem: Problem; onDismiss: () => void }) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => event.key === 'Escape' && onDismiss()
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [onDismiss])
  return (
    <div class="notice" role="alert" data-testid="problem">
      <div>
        <strong>{problem.title}</strong>
        <p>{problem.advice}</p>
      </div>
      <button
        type="button"
        class="quiet"
        aria-label="Dismiss"
        aria-keyshortcuts="Escape"
        title="Dismiss (Esc)"
        onClick={onDismiss}
      >
        ✕
      </button>
    </div>
  )
}
