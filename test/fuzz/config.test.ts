// Fuzz: the configuration, from a file, the environment and flags. It is valid and frozen, or refused in one sentence without a secret.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type ConfigSources, loadConfig } from '../../packages/server/src/config/config.ts'
import { ConfigError } from '../../packages/server/src/config/config-error.ts'
import { fuzz } from './harness.ts'

const SECRET = 'a-secret-that-no-message-may-contain'
const FILE = `[http]
listen = "0.0.0.0:8443"
metrics_from = ["127.0.0.1", "10.0.0.0/8"]
[media]
port = 50_000
engine = "portable"
announce = ["203.0.113.10"]
[voice]
resume_window = "30s"
dave = "allowed"
[[backend]]
id = "main"
secret = "${SECRET}"
`
const covers = ['server/config/config.ts', 'server/config/sources.ts', 'server/config/schema.ts']
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const bytesOf = (line: string) => Uint8Array.from(Buffer.from(line, 'latin1'))

/** `hasSecret`: the secret is the value of the setting for it, and occurs nowhere else. */
function load(sources: ConfigSources, hasSecret: boolean): void {
  try {
    assert.ok(Object.isFrozen(loadConfig(sources)))
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    if (hasSecret) assert.ok(!error.message.includes(SECRET), error.message)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'parley-fuzz-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'parley.toml')

fuzz('a configuration file', {
  covers,
  corpus: [FILE, '[lvsp]\norphan_grace = "1m"\n', '[[backend]]\n[[backend]]\nsecret = ["a", "b"]\n', 'http = 1'].map(
    bytesOf,
  ),
  run(bytes) {
    writeFileSync(file, bytes)
    const [before, after, ...more] = text(bytes).split(SECRET)
    load({ file }, before?.endsWith('\nsecret = "') === true && after?.startsWith('"\n') === true && more.length === 0)
  },
})

fuzz('flags and environment variables', {
  covers,
  corpus: [
    'http.listen=[::]:8443',
    'media.announce=203.0.113.10, 2001:db8::1',
    `backend.0.secret=${SECRET}`,
    'voice.resume_window=1h30m',
    'log.level=debug',
  ].map(bytesOf),
  run(bytes) {
    const flag = text(bytes)
    const [key = '', value = ''] = flag.split('=', 2)
    const hasSecret = key === 'backend.0.secret'
    load({ flags: [flag] }, hasSecret)
    load({ environment: { [`PARLEY_${key.toUpperCase().replaceAll('.', '_')}`]: value } }, hasSecret)
  },
})
