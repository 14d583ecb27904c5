// Ends a child process together with this process.
import type { ChildProcess } from 'node:child_process'

export function endWithUs(child: ChildProcess): void {
  const end = () => void child.kill('SIGKILL')
  const endAll = () => process.exit(1)
  process.once('exit', end).on('SIGINT', endAll).on('SIGTERM', endAll)
  child.once('exit', () => process.off('exit', end).off('SIGINT', endAll).off('SIGTERM', endAll))
}
