import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bridgeInput } from './bridge-input.ts'

const folder = mkdtempSync(join(tmpdir(), 'parley-bridge-input-'))
const file = join(folder, 'bridge.toml')
writeFileSync(file, 'bus = "unix:/a"\n[[node]]\nlvsp = "wss://a/lvsp"\nendpoint = "a:1"\nsecret_file = "secret"\n')

test('every option is a flag and a variable, and the flag wins', () => {
  const environment = {
    PARLEY_BRIDGE_BUS: 'unix:/b',
    PARLEY_BRIDGE_DATABASE: 'postgres://b',
    PARLEY_BRIDGE_LVSP: 'wss://b/lvsp',
    PARLEY_BRIDGE_SECRET_FILE: '/secret',
    PARLEY_BRIDGE_ENDPOINT: 'b:1',
    PARLEY_BRIDGE_CA: '/ca.pem',
    PARLEY_BRIDGE_LOG_LEVEL: 'warn',
    PARLEY_BRIDGE_CHECK_PERMISSIONS: 'false',
  }
  assert.deepEqual(bridgeInput({ bus: 'unix:/c', endpoint: 'c:1' }, environment), {
    bus: 'unix:/c',
    database: 'postgres://b',
    log_level: 'warn',
    check_permissions: false,
    node: [{ lvsp: 'wss://b/lvsp', secret_file: '/secret', endpoint: 'c:1', ca: '/ca.pem' }],
  })
})

test('a flag replaces the value of the file, and a secret its file; paths in the file are relative to it', () => {
  const node = { lvsp: 'wss://a/lvsp', endpoint: 'a:1' }
  assert.deepEqual(bridgeInput({ config: file }, {}), {
    bus: 'unix:/a',
    node: [{ ...node, secret_file: join(folder, 'secret') }],
  })
  assert.deepEqual(bridgeInput({ config: file, secret: 's' }, {}).node, [{ ...node, secret: 's' }])
})
