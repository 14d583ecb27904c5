// The settings of `[cluster]` that are more than a value: the secret's file, and what else they require.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { describeConfig, loadConfig } from './config.ts'

const SECRET = 'x'.repeat(32)

/** A configuration file whose secret of the cluster has the given lines. */
function clustered(t: TestContext, secret: string, settings = 'id = "n1"') {
  const folder = mkdtempSync(join(tmpdir(), 'parley-cluster-config-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'secret'), secret, { mode: 0o600 })
  const text = `[cluster]\nnats = ["127.0.0.1"]\n${settings}\nsecret_file = "secret"\n[[backend]]\nsecret = "${'y'.repeat(32)}"\n`
  writeFileSync(join(folder, 'parley.toml'), text)
  return { folder, load: () => loadConfig({ file: join(folder, 'parley.toml') }) }
}

test('the secret of the cluster is read from its file, with the old one during a rotation, and is never shown', t => {
  const { load } = clustered(t, `${SECRET}\n${SECRET}2\n`)
  const config = load()
  assert.deepEqual(config.cluster.secrets, [SECRET, `${SECRET}2`])
  assert.ok(!describeConfig(config).includes(SECRET))
  assert.match(describeConfig(config), /secret_file = "\(hidden\)"/)
})

test('a secret of the cluster that every user can read is a warning', {
  skip: process.platform === 'win32' && 'Windows has no file modes of POSIX',
}, t => {
  const { folder, load } = clustered(t, SECRET)
  chmodSync(join(folder, 'secret'), 0o644)
  assert.match(load().warnings[0] ?? '', /secret can be read by every user of this machine/)
})

test('URLs of a node that no process can connect to are refused', t => {
  for (const setting of ['lvsp', 'gateway'])
    for (const url of [
      'wss://n1.internal:84430/',
      'wss://n1.internal/#fragment',
      'wss://n1 internal/',
      'ws://10.0.0.256/',
      'https://n1.internal/',
      'wss://user:password@n1.internal/',
    ]) {
      const { load } = clustered(t, SECRET, `id = "n1"\n${setting} = "${url}"`)
      assert.throws(load, ({ message }: Error) => {
        assert.match(message, /^cluster\.\w+ .*: expected a ws: or wss: URL without credentials and fragment/)
        assert.doesNotMatch(message, /password/)
        return true
      })
    }
  const { load } = clustered(t, SECRET, 'id = "n1"\nlvsp = "ws://[2001:db8::1]:8080/lvsp"\ngateway = "wss://n1/"')
  assert.equal(load().cluster.gateway, 'wss://n1/')
})

test('refused: a short secret, an empty file, a cluster without an id', t => {
  assert.throws(
    clustered(t, 'short\n').load,
    /cluster\.secret_file .*: expected lines of 32 to 1024 characters, found 5/,
  )
  assert.throws(clustered(t, '\n').load, /cluster\.secret_file .*: expected a secret in .*, found an empty file/)
  assert.throws(clustered(t, SECRET, '').load, /cluster\.id: expected the name of this process in the cluster/)
})
