// `parley doctor` as a process: on a running node, and from outside.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LvspClient } from '@parley/client'
import { App, configOf } from '@parley/server'
import { ParleyProcess } from './parley-process.ts'

const SECRET = 'the secret of the backend of the doctor tests'

interface Finding {
  check: string
  ok: boolean
  problem?: string
  fix?: string
}

async function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-doctor-'))
  const socket = join(folder, 'admin.sock')
  const app = await App.start(
    configOf({
      http: { listen: '127.0.0.1:0' },
      media: { listen: '127.0.0.1', port: 0, lanes: 0 },
      admin: { socket },
      log: { level: 'silent' },
      backend: [{ secret: SECRET }],
    }),
  )
  t.after(async () => {
    await app.close()
    rmSync(folder, { recursive: true })
  })
  const config = join(folder, 'parley.toml')
  const text = `[http]\nlisten = "${app.endpoint}"\n[media]\nlisten = "127.0.0.1"\n[admin]\nsocket = "admin.sock"\n[[backend]]\nsecret = "${SECRET}"\n`
  writeFileSync(config, text, { mode: 0o600 })
  const doctor = async (...args: string[]): Promise<{ exit: unknown; findings: Finding[] }> => {
    const child = new ParleyProcess(['doctor', '--json', ...args], { folder, t })
    const exit = await child.exit
    assert.equal(child.stderr, '')
    return { exit, findings: JSON.parse(child.stdout) }
  }
  return { app, config, doctor }
}

const failed = (findings: Finding[], names: readonly string[]) =>
  findings.filter(({ check, ok }) => !ok && names.includes(check)).map(({ check }) => check)

test('the doctor sees that a backend is not connected, that the node drains, and that all is well', async t => {
  const { app, config, doctor } = await scene(t)
  const names = ['running', 'backends', 'tcp-from-here', 'websocket-from-here', 'udp-from-here', 'clock-from-here']
  const alone = await doctor('--config', config)
  assert.equal(alone.exit, 1)
  assert.deepEqual(failed(alone.findings, names), ['backends'])
  const backend = new LvspClient({ url: app.lvspUrl, secret: SECRET })
  t.after(() => backend.close())
  await backend.connect()
  const { findings } = await doctor('--config', config)
  assert.deepEqual(failed(findings, names), [])
  assert.deepEqual(findings.filter(({ check }) => names.includes(check)).length, names.length)
})

test('from outside the doctor checks TCP, WebSocket, clock and UDP', async t => {
  const { app, doctor } = await scene(t)
  const well = await doctor('--from', `ws://${app.endpoint}`, '--media', `127.0.0.1:${app.mediaPort}`)
  assert.deepEqual(well, {
    exit: 0,
    findings: ['endpoint-resolves', 'tcp', 'clock', 'websocket', 'udp'].map(check => ({ check, ok: true })),
  })
  const [host] = app.endpoint.split(':')
  // TCP ports of a node are no UDP ports of its lanes.
  const blocked = await doctor('--from', `ws://${app.endpoint}`, '--media', `${host}:9`)
  assert.equal(blocked.exit, 1)
  assert.deepEqual(
    blocked.findings.filter(({ ok }) => !ok).map(({ check }) => check),
    ['udp'],
  )
  const plain = await doctor('--from', app.endpoint, '--media', `127.0.0.1:${app.mediaPort}`)
  assert.match(plain.findings.at(-1)!.problem!, /cannot be reached/)
})
