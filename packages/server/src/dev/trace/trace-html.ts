// A trace as an HTML page: one column per user between client and server, time downwards. No scripts, no other files.

import type { TraceEvent } from './trace-record.ts'
import { arrow, type Names, sentence } from './trace-text.ts'

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1c1c1c;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.15rem .6rem;text-align:left;vertical-align:top}
tr:nth-child(even){background:#f6f6f4}td:first-child{text-align:right;font-variant-numeric:tabular-nums;color:#666}
.client td:nth-child(3){color:#0b62a8}.node td:nth-child(3){color:#6b3fa0}
.altered{background:#fff1d6!important}.fault td,.close td{font-weight:600;color:#a13d00}
code{font:12px ui-monospace,monospace;word-break:break-all}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}tr:nth-child(even){background:#1f1f1f}
.altered{background:#3a2d12!important}.client td:nth-child(3){color:#7cc0f5}.node td:nth-child(3){color:#c6a5ee}}`

/** `names` maps user ids to what the page shows. All texts of events are escaped: clients choose them. */
export function traceHtml(
  events: readonly TraceEvent[],
  names: Names,
  title = 'Trace of a Parley test server',
): string {
  const rows = events.map(event => row(event, names)).join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><h1>${escaped(title)}</h1>
<p>→ to the server, ← to the client. Marked rows were lost, delayed, repeated, changed or added by a fault.</p>
<table><thead><tr><th>s</th><th>user</th><th></th><th>event</th></tr></thead><tbody>
${rows}
</tbody></table></body></html>
`
}

/** Classes of a row: who sent it, `altered` by a fault, a `fault` itself, or the `close` of a connection. */
function row(event: TraceEvent, names: Names): string {
  const isSent = event.kind === 'message' || event.kind === 'datagram'
  const isAltered = isSent && (event.fate !== 'sent' || event.by.length > 0)
  const classes = [
    'from' in event ? (event.from ?? '') : '',
    isAltered ? 'altered' : '',
    event.kind === 'fault' ? 'fault' : '',
    event.kind === 'connection' && event.what.endsWith('close') ? 'close' : '',
  ]
  const cells = [
    (event.at / 1_000).toFixed(3),
    escaped(names(event.user)),
    arrow(event),
    `<code>${escaped(sentence(event))}</code>`,
  ]
  return `<tr class="${classes.filter(name => name !== '').join(' ')}">${cells.map(cell => `<td>${cell}</td>`).join('')}</tr>`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string) => text.replace(/[&<>"]/g, character => ENTITIES[character]!)
