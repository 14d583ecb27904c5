// The dashboard: served by the admin listener, behind its token, in Chromium in the sizes of a phone and a desktop.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LvspClient, VoiceClient } from '@parley/client'
import { App, configOf } from '@parley/server'
import type { Page } from 'playwright-core'
import { openChromium, withoutChromium } from './chromium.ts'
import { talk } from './talking.ts'
import { CERTIFICATE, CERTIFICATE_FILE, KEY_FILE } from './trust.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
const SECRET = 'the secret of the backend of the dashboard test'
const TOKEN = 'a token of the dashboard with enough characters'
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1_280, height: 900 } }
/** Names a folder for screenshots; without it none are taken. */
const PICTURES = process.env.PARLEY_TEST_PICTURES

async function scene(t: TestContext, { dashboard = true, hasTls = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-dashboard-'))
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`, { mode: 0o600 })
  const app = await App.start(
    configOf({
      http: { listen: '127.0.0.1:0', ...(hasTls && { tls_cert: CERTIFICATE_FILE, tls_key: KEY_FILE }) },
      media: { listen: '127.0.0.1', port: 0, lanes: 1 },
      admin: { listen: '127.0.0.1:0', token_file: join(folder, 'token'), dashboard },
      log: { level: 'silent' },
      backend: [{ secret: SECRET }, { id: 'other', secret: `${SECRET} that is not here` }],
    }),
  )
  const backend = new LvspClient({ url: app.lvspUrl, secret: SECRET, tls: { ca: CERTIFICATE } })
  await backend.connect()
  t.after(async () => {
    backend.close()
    await app.close()
    rmSync(folder, { recursive: true })
  })
  const enter = async (userId: string) => {
    const place = { guildId: '100', channelId: '500', userId }
    await backend.requestChannel(place)
    const { sessionId, token } = await backend.createVoiceState(place)
    const client = new VoiceClient({
      endpoint: app.endpoint,
      serverId: '100',
      channelId: '500',
      userId,
      sessionId,
      token: token!,
      tls: hasTls && { ca: CERTIFICATE },
    })
    t.after(() => client.close())
    await client.connect()
    return client
  }
  return { enter, url: `${hasTls ? 'https' : 'http'}://127.0.0.1:${app.adminPort}/dashboard/` }
}

async function openPage(t: TestContext, size: { width: number; height: number }): Promise<Page> {
  const browser = await openChromium()
  t.after(() => browser.close())
  return (await browser.newContext({ viewport: size, ignoreHTTPSErrors: true })).newPage()
}

/** What the page logged as errors, such as what its content policy blocked. */
function errorsOf(page: Page): string[] {
  const errors: string[] = []
  page.on('pageerror', error => void errors.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error' && !message.text().includes('401')) errors.push(message.text())
  })
  return errors
}

for (const [name, size] of Object.entries(SIZES))
  test(`the dashboard shows channels, users, lanes and alarms on a ${name}`, OPTIONS, async t => {
    const { enter, url } = await scene(t)
    talk(t, await enter('7'))
    await enter('8')
    const page = await openPage(t, size)
    const errors = errorsOf(page)
    const requested: string[] = []
    page.on('request', request => void requested.push(request.url()))
    await page.goto(url)
    await page.getByLabel('Admin token').fill('a wrong token of enough characters, once')
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByText('The node does not accept this token.').waitFor()
    await page.getByLabel('Admin token').fill(TOKEN)
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByTestId('users').getByText('speaking').waitFor()
    const text = (part: string) => page.getByTestId(part).innerText()
    assert.match(await text('channels'), /500[\s\S]*100[\s\S]*main[\s\S]*voice/)
    assert.match(await text('users'), /7[\s\S]*500[\s\S]*udp aead_aes256_gcm_rtpsize[\s\S]*ms/)
    assert.match(await text('lanes'), /UDP \d+[\s\S]*%/)
    assert.match(await text('alarms'), /critical\s+Backend other is not connected/)
    await page
      .getByLabel('Charts')
      .getByText(/[1-9][\d.]*k? out/)
      .waitFor()
    await page.locator('canvas').first().waitFor()
    const width = await page.evaluate<number>('document.documentElement.scrollWidth')
    assert.ok(width <= size.width, `the page is ${width} pixels wide`)
    if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `dashboard-${name}.png`), fullPage: true })
    assert.deepEqual(errors, [])
    assert.ok(requested.length > 5)
    assert.deepEqual(
      requested.filter(each => each.includes(TOKEN) || new URL(each).origin !== new URL(url).origin),
      [],
    )
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByLabel('Admin token').waitFor()
    assert.equal(await page.getByTestId('users').count(), 0)
  })

test('the dashboard is off by default, and shows no data without the token', { timeout: 60_000 }, async t => {
  const off = await scene(t, { dashboard: false, hasTls: false })
  assert.equal((await fetch(off.url)).status, 401)
  const { url } = await scene(t, { hasTls: false })
  const page = await fetch(url)
  assert.equal(page.status, 200)
  const policy = page.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';/)
  assert.match(policy, /frame-ancestors 'none'/)
  assert.equal((await fetch(`${url}index.html`)).status, 404)
  assert.equal((await fetch(new URL('/v1/status', url))).status, 401)
  assert.equal((await fetch(url, { method: 'POST' })).status, 405)
  const moved = await fetch(new URL('/', url), { redirect: 'manual' })
  assert.deepEqual([moved.status, moved.headers.get('location')], [308, '/dashboard/'])
  assert.equal((await fetch(`${url}assets/none.js`)).status, 404)
})
