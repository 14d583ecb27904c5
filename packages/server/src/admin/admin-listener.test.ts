// The admin listener and connections of strangers, on a real port.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'
import { openLog } from '../monitoring/log.ts'
import { AdminListener } from './admin-listener.ts'
import { routeOf } from './route.ts'

test('connections without the token keep no operator out', async t => {
  const token = 'a token of the admin API, long enough'
  const options = { kind: 'http', host: '127.0.0.1', port: 0, token, tls: undefined, dashboard: false } as const
  const listener = await AdminListener.open(options)
  t.after(() => listener.close())
  const log = openLog({ level: 'silent', format: 'json' }, { write() {} })
  const row = { method: 'GET', path: '/v1/x', summary: '', request: z.strictObject({}), answer: z.object({}) } as const
  listener.serve({ log }, [routeOf<{ log: typeof log }>()({ ...row, run: () => ({}) })])
  const { port } = listener
  const strangers = Array.from({ length: SERVER_LIMITS.maxAdminConnections }, () => connect(port!, '127.0.0.1'))
  for (const stranger of strangers) stranger.on('error', () => {})
  t.after(() => {
    for (const stranger of strangers) stranger.destroy()
  })
  await Promise.all(strangers.map(stranger => once(stranger, 'connect')))
  const asked = request({ port, host: '127.0.0.1', path: '/v1/x', headers: { authorization: `Bearer ${token}` } })
  asked.end()
  const [{ statusCode }] = await once(asked, 'response')
  assert.equal(statusCode, 200)
})
