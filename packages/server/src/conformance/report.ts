// Reports of a conformance run: text, JSON, JUnit XML, HTML.
import { type CaseResult, type Verdict, verdictOf } from './result.ts'

export type ReportFormat = 'text' | 'json' | 'junit' | 'html'

export interface Report {
  /** What was tested, such as the command of the client. */
  subject: string
  results: readonly CaseResult[]
}

export const FORMATS: Readonly<Record<ReportFormat, (report: Report) => string>> = { text, json, junit, html }

const MARKS: Record<Verdict, string> = { pass: '✔', fail: '✖', observed: '·', skipped: '–' }
const count = ({ results }: Report, verdict: Verdict) => results.filter(each => verdictOf(each) === verdict).length

function text(report: Report): string {
  const lines = report.results.map(result => {
    const { number, outcome, time } = result
    return `${MARKS[verdictOf(result)]} ${number.padEnd(32)} ${outcome.padEnd(14)} ${(time / 1_000).toFixed(1)} s  ${remarkOf(result)}`
  })
  return `${lines.join('\n')}\n\n${summary(report)}\n`
}

const VERDICTS: readonly [verdict: Verdict, word: string][] = [
  ['pass', 'passed'],
  ['fail', 'failed'],
  ['observed', 'observed'],
  ['skipped', 'skipped'],
]

/** Passed and failed always; the others if there are any. */
function summary(report: Report): string {
  const counts = VERDICTS.map(([verdict, word]) => ({ word, number: count(report, verdict) }))
  const named = counts.filter(({ number }, index) => index < 2 || number > 0)
  return `${report.subject}: ${named.map(({ word, number }) => `${number} ${word}`).join(', ')}`
}

/** Expectation, detail and broken rules, where there is something to say. */
function remarkOf(result: CaseResult): string {
  const { expected, detail, broken } = result
  const parts = [
    verdictOf(result) === 'fail' && expected !== 'passes' ? `expected: ${expected}` : '',
    detail,
    broken.length === 0 ? '' : `broke ${broken.join(', ')}`,
  ]
  return parts.filter(part => part !== '').join('; ')
}

function json({ subject, results }: Report): string {
  const cases = results.map(result => ({ ...result, verdict: verdictOf(result) }))
  return `${JSON.stringify({ subject, cases }, undefined, 2)}\n`
}

function junit(report: Report): string {
  const { subject, results } = report
  const cases = results.map(result => {
    const head = `<testcase classname="conformance" name="${escaped(result.number)}" time="${result.time / 1_000}"`
    const message = escaped(`${result.outcome}; ${remarkOf(result)}`)
    if (verdictOf(result) === 'pass') return `    ${head}/>`
    if (verdictOf(result) === 'skipped') return `    ${head}><skipped message="${escaped(result.detail)}"/></testcase>`
    if (verdictOf(result) === 'observed') return `    ${head}><system-out>${message}</system-out></testcase>`
    return `    ${head}><failure message="${message}">${escaped(result.meaning)}</failure></testcase>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="${escaped(subject)}" tests="${results.length}" failures="${count(report, 'fail')}" skipped="${count(report, 'skipped')}">
${cases.join('\n')}
  </testsuite>
</testsuites>
`
}

function html(report: Report): string {
  const rows = report.results.map(result => {
    const cells = [MARKS[verdictOf(result)], result.number, result.outcome, result.meaning, remarkOf(result)]
    return `<tr class="${verdictOf(result)}">${cells.map(cell => `<td>${escaped(cell)}</td>`).join('')}</tr>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(report.subject)}</title>
<style>body{font:14px/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}
td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #ddd}.fail td{background:#fde8e4}.pass td:first-child{color:#1a7f37}</style></head>
<body><h1>Conformance</h1><p>${escaped(summary(report))}</p>
<table><thead><tr><th></th><th>case</th><th>outcome</th><th>meaning</th><th>remark</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table></body></html>
`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (value: string) =>
  value.replace(/[^\t\n\r -\uffff]/g, '').replace(/[&<>"]/g, character => ENTITIES[character]!)
