// Which changes of the configuration a reload applies.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changesBetween } from './changes.ts'
import { configOf } from './config.ts'
import type { ConfigInput } from './schema.ts'
import { SETTINGS } from './schema.ts'

const SECRETS = ['the first secret, which is long enough', 'the second secret, which is long enough'] as const
const of = (input: ConfigInput, secret: string | string[] = SECRETS[0]) =>
  configOf({ ...input, backend: input.backend ?? [{ id: 'main', secret }] })

test('settings that a reload applies are in effect after it, and the others keep their value', () => {
  const before = of({ voice: { dave: 'allowed' }, media: { port: 50_000 }, log: { level: 'info' } })
  const after = of({ voice: { dave: 'required' }, media: { port: 50_010 }, log: { level: 'debug' } })
  const { applied, restart, config } = changesBetween(before, after)
  assert.deepEqual(applied, ['voice.dave', 'log.level'])
  assert.deepEqual(restart, ['media.port'])
  assert.equal(config.voice.dave, 'required')
  assert.equal(config.media.port, 50_000)
  assert.deepEqual(changesBetween(config, after).restart, ['media.port'])
})

test('a secret changes with a reload, and a backend is added or removed with a restart', () => {
  const before = of({ backend: [{ id: 'a', secret: SECRETS[0] }] })
  const after = of({
    backend: [
      { id: 'a', secret: [SECRETS[1], SECRETS[0]] },
      { id: 'b', secret: 'the third secret, which is long enough' },
    ],
  })
  const { applied, restart, config } = changesBetween(before, after)
  assert.deepEqual(applied, ['backend.a.secret'])
  assert.deepEqual(restart, ['backend.b'])
  assert.deepEqual(
    config.backend.map(({ id, secrets }) => [id, secrets]),
    [['a', [SECRETS[1], SECRETS[0]]]],
  )
  assert.deepEqual(changesBetween(after, before).restart, ['backend.b'])
})

test('a secret that moves to another backend needs a restart: a reload does not remove its owner', () => {
  const before = of({
    backend: [
      { id: 'a', secret: SECRETS[0] },
      { id: 'b', secret: SECRETS[1] },
    ],
  })
  const after = of({ backend: [{ id: 'a', secret: SECRETS[1] }] })
  assert.throws(() => changesBetween(before, after), {
    name: 'ConfigError',
    message: /^backend\.b: has the secret of backend a/,
  })
  const swapped = of({
    backend: [
      { id: 'a', secret: SECRETS[1] },
      { id: 'b', secret: SECRETS[0] },
    ],
  })
  assert.deepEqual(changesBetween(before, swapped).applied, ['backend.a.secret', 'backend.b.secret'])
})

test('a certificate may change with a reload, but not be added or removed', () => {
  const withTls = (name: string) => of({ http: { tls_cert: `${name}.pem`, tls_key: `${name}.key` } })
  assert.deepEqual(changesBetween(withTls('a'), withTls('b')).applied, ['http.tls_cert', 'http.tls_key'])
  assert.deepEqual(changesBetween(of({}), withTls('a')).restart, ['http.tls_cert', 'http.tls_key'])
  assert.deepEqual(changesBetween(withTls('a'), of({})).restart, ['http.tls_cert', 'http.tls_key'])
})

test('a limit that was set and is removed has its default again', () => {
  const limited = of({ backend: [{ id: 'main', secret: SECRETS[0], max_memory_mb: 10 }] })
  const { applied, config } = changesBetween(limited, of({}))
  assert.deepEqual(applied, ['backend.main.max_memory_mb'])
  assert.equal(config.backend[0]!.max_memory_mb, undefined)
})

test('a changed setting of each section is reported', () => {
  const before = of({ cluster: { id: 'one', nats: ['nats://10.0.0.1:4222'] } })
  const after = of({ cluster: { id: 'two', nats: ['nats://10.0.0.2:4222'] } })
  const { restart, config } = changesBetween(before, after)
  assert.deepEqual(restart, ['cluster.nats', 'cluster.id'])
  assert.equal(config.cluster.id, 'one')
})

test('every setting of the table is documented as reloaded or not', () => {
  const reloaded = [...SETTINGS.values()].filter(({ isReloaded }) => isReloaded)
  assert.ok(reloaded.length > 15 && reloaded.length < SETTINGS.size)
})
