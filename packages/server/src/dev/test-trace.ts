// The trace of a test server in its formats.
import type { ControlContext } from './control-context.ts'
import type { TestTrace } from './test-server-types.ts'
import { tracePcapng } from './trace/pcapng.ts'
import { stableLines } from './trace/stable-lines.ts'
import { traceHtml } from './trace/trace-html.ts'
import { traceLine } from './trace/trace-lines.ts'
import { traceText } from './trace/trace-text.ts'

/** `idOf` throws a `RangeError` for an unknown user. */
export function testTrace({ trace, directory }: ControlContext, idOf: (user: string) => string): TestTrace {
  const events = (user: string | undefined) => trace.events(user === undefined ? undefined : idOf(user))
  const names = (id: string) => directory.users.get(id)?.name ?? id
  return {
    events,
    text: user => traceText(events(user), names),
    html: user => traceHtml(events(user), names),
    lines: user =>
      events(user)
        .map(event => `${traceLine(event)}\n`)
        .join(''),
    stableLines: user => stableLines(events(user)),
    pcapng: (user, isSealed = false) => tracePcapng(events(user), isSealed),
    listen: listener => trace.listen(listener),
    clear: user => trace.clear(user === undefined ? undefined : idOf(user)),
  }
}
