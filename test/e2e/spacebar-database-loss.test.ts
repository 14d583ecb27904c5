// The bridge and a PostgreSQL that is away or stalled, behind a proxy.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BridgeSettingsError, checkSettings, SpacebarBridge } from '@parley/spacebar'
import { Database, OtherBridgeError } from '../../packages/spacebar/src/database/database.ts'
import { LIMITS } from '../../packages/spacebar/src/limits.ts'
import { reasonToSkip } from './foreign-tools.ts'
import { Postgres, postgres } from './postgres.ts'
import { PostgresProxy } from './postgres-proxy.ts'
import { until } from './until.ts'

const OPTIONS = { timeout: 120_000, skip: reasonToSkip(postgres()) }

async function scene(t: TestContext) {
  const postgres = await Postgres.open(t)
  const proxy = await PostgresProxy.open(t, join(postgres.folder, '.s.PGSQL.5432'))
  return { postgres, proxy }
}

test(
  'a bridge waits for a database that ends its connections, and not for one that it may not use',
  OPTIONS,
  async t => {
    const { proxy } = await scene(t)
    const folder = mkdtempSync(join(tmpdir(), 'parley-early-bridge-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const events: string[] = []
    const start = (database: string) => {
      const node = [{ lvsp: 'ws://127.0.0.1:1/lvsp', endpoint: 'voice.example:443', secret: 'secret' }]
      const settings = checkSettings({ bus: `unix:${folder}`, database, node })
      return SpacebarBridge.start(settings, { log: ({ event }) => events.push(event) })
    }
    proxy.isAway = true
    const starting = start(proxy.url)
    await until('the bridge to try', () => events.includes('bridge.database_lost'))
    proxy.isAway = false
    const bridge = await starting
    t.after(() => bridge.close())
    assert.ok(events.includes('bridge.database_opened'))
    for (const unusable of [proxy.url.replace('spacebar', 'stranger'), `${proxy.url}-other`, 'postgres://[', proxy.url])
      await assert.rejects(start(unusable), BridgeSettingsError, unusable)
  },
)

for (const query of ['pg_try_advisory_lock', 'LISTEN'])
  test(`a bridge whose ${query} is not answered in time takes the lock again`, OPTIONS, async t => {
    const { proxy } = await scene(t)
    const database = await Database.open(`${proxy.url}?application_name=bridge`)
    t.after(() => database.close())
    const lost = new Promise(resolve => {
      database.onLost = resolve
    })
    proxy.cut()
    await lost

    t.mock.timers.enable({ apis: ['setTimeout'] })
    const held = proxy.hold(query)
    const late = assert.rejects(database.lock(), /Query read timeout/)
    const client = await held
    const closed = once(client, 'close')
    t.mock.timers.tick(LIMITS.queryTimeout)
    await late
    t.mock.timers.reset()
    await closed
    // PostgreSQL has granted the lock to the connection that the bridge has closed.
    for (let isLocked = false; !isLocked; )
      isLocked = await database.lock().then(
        () => true,
        error => {
          assert.ok(!(error instanceof OtherBridgeError))
          return false
        },
      )
    for (const url of [proxy.url, `${proxy.url}?application_name=bridge`])
      await assert.rejects(Database.open(url), OtherBridgeError)
  })
