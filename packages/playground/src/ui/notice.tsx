// What went wrong, and what to do about it.
import type { Problem } from '../problem.ts'

export function Notice({ problem, onDismiss }: { problem: Problem; onDismiss: () => void }) {
  return (
    <div class="notice" role="alert" data-testid="problem">
      <div>
        <strong>{problem.title}</strong>
        <p>{problem.advice}</p>
      </div>
      <button type="button" class="quiet" aria-label="Dismiss" onClick={onDismiss}>
        ✕
      </button>
    </div>
  )
}
