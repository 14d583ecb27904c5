// Log lines, as machines and people read them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type LogOptions, openLog } from './log.ts'

function logged(options: LogOptions, ...notes: Parameters<ReturnType<typeof openLog>['note']>): string[] {
  const lines: string[] = []
  const log = openLog(options, { write: text => void lines.push(text) })
  log.note(...notes)
  return lines
}

test('a note is one JSON object on one line', () => {
  const [line, ...more] = logged(
    { level: 'info', format: 'json' },
    { level: 'warn', event: 'connection.slow', fields: { connection: 7, reason: 'a\nb', absent: undefined } },
  )
  assert.equal(more.length, 0)
  assert.equal(line!.indexOf('\n'), line!.length - 1)
  const { time, ...rest } = JSON.parse(line!)
  assert.ok(!Number.isNaN(Date.parse(time)))
  assert.deepEqual(rest, { level: 'warn', event: 'connection.slow', connection: 7, reason: 'a\nb' })
})

test('a pretty line has time, level, event and fields', () => {
  const [line] = logged(
    { level: 'debug', format: 'pretty' },
    { level: 'info', event: 'voice.connected', fields: { user: '7', version: 8 } },
  )
  assert.match(line!, /^\d\d:\d\d:\d\d\.\d{3} info {2}voice\.connected user=7 version=8\n$/)
})

test('text of clients cannot start a line, imitate a field, or control the terminal', () => {
  const [line] = logged(
    { level: 'debug', format: 'pretty' },
    {
      level: 'info',
      event: 'node.started',
      fields: { reason: 'a\n12:00:00 level=error \x1b[31m\x9b', stack: 'Error: \x1b[31m\n  at y' },
    },
  )
  assert.equal(line!.split('\n').length, 4)
  assert.ok(!line!.includes('\x1b') && !line!.includes('\x9b'))
  assert.match(line!, /reason="a\\n12:00:00 level=error /)
})

test('a note below the level is not logged', () => {
  assert.deepEqual(logged({ level: 'warn', format: 'json' }, { level: 'info', event: 'node.started' }), [])
  assert.deepEqual(logged({ level: 'silent', format: 'json' }, { level: 'error', event: 'node.started' }), [])
})

test('addresses are written as they are, as networks, or not at all', () => {
  const written = (addresses: 'full' | 'network' | 'hidden', address: string) => {
    const lines: string[] = []
    const log = openLog({ level: 'info', format: 'json', addresses }, { write: line => void lines.push(line) })
    log.note({ level: 'info', event: 'x', fields: { address } })
    return JSON.parse(lines[0]!).address
  }
  assert.equal(written('full', '192.0.2.77'), '192.0.2.77')
  assert.equal(written('network', '192.0.2.77'), '192.0.2.0/24')
  assert.equal(written('network', '2001:db8:1:2:3:4:5:6'), '2001:db8:1::/48')
  assert.equal(written('network', '2001:db8::6'), '2001:db8:0::/48')
  assert.equal(written('network', 'socket'), 'socket')
  assert.equal(written('hidden', '192.0.2.77'), 'hidden')
  // As bans name them.
  assert.equal(written('network', '2001:db8:1:2::/64'), '2001:db8:1::/48')
  assert.equal(written('hidden', '2001:db8:1:2::/64'), 'hidden')
})

test('addresses that an operator wrote are masked as well, and dates are not', () => {
  const lines: string[] = []
  const log = openLog({ level: 'info', format: 'json', addresses: 'hidden' }, { write: line => void lines.push(line) })
  const action = {
    action: 'ban',
    from: 'socket',
    request: '{"address":"192.0.2.77"}',
    result: '2001:db8::6 is not banned',
  }
  log.note({ level: 'info', event: 'admin.action', fields: action })
  log.note({ level: 'info', event: 'tls.reloaded', fields: { from: '2026-11-29', until: '2027-02-27' } })
  const [audited, reloaded] = lines.map(line => JSON.parse(line))
  assert.deepEqual(
    [audited.from, audited.request, audited.result],
    ['socket', '{"address":"hidden"}', 'hidden is not banned'],
  )
  assert.equal(reloaded.from, '2026-11-29')
})

test('the fail2ban filter matches the line of a refused Identify, and finds its address only', () => {
  const file = readFileSync(new URL('../../../../deploy/fail2ban/parley.conf', import.meta.url), 'utf8')
  const [, pattern = ''] = /^failregex = (.+)$/m.exec(file) ?? []
  // What common.conf has before the text of a line: in a journal the host, the program and its number.
  const prefix = '(?:\\w{3} [\\d :]+ \\S+ (?:parley|node)\\[\\d+\\]: )?'
  const filter = new RegExp(pattern.replace('%(__prefix_line)s', prefix).replace('<HOST>', '(?<host>[0-9a-fA-F.:]+)'))
  const lines: string[] = []
  const log = openLog({ level: 'info', format: 'json' }, { write: line => void lines.push(line.trim()) })
  const fields = { backend: 'main', server: '100', user: '7', address: '192.0.2.9', code: 4004 }
  log.note({ level: 'warn', event: 'gateway.identify_refused', fields })
  const forged = { ...fields, user: '7","address":"198.51.100.1","code":4004,"event":"gateway.identify_refused"}' }
  log.note({ level: 'warn', event: 'gateway.identify_refused', fields: forged })
  log.note({ level: 'info', event: 'voice.connected', fields })
  const hostIn = (line = '') => filter.exec(line)?.groups?.host
  assert.deepEqual(lines.map(hostIn), ['192.0.2.9', '192.0.2.9', undefined])
  assert.equal(hostIn(`Nov 29 01:30:00 voice node[812]: ${lines[0]}`), '192.0.2.9')
})
