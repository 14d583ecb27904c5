// The playground's files on a node without a demo: off by default, built from source, without the backend's API.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServer } from '@parley/server'

test('a node serves no playground by default', async t => {
  const server = await createServer()
  t.after(() => server.close())
  assert.equal(server.playgroundUrl, undefined)
  const response = await fetch(`${server.url.replace(/^ws/, 'http')}playground/`)
  assert.equal(response.status, 404)
})

test('http.playground serves the page and the files that it loads, without inline scripts and without the demo’s API', async t => {
  const server = await createServer({ http: { playground: true } })
  t.after(() => server.close())
  const url = server.playgroundUrl!
  const page = await fetch(url.replace(/\/$/, ''))
  assert.equal(page.url, url)
  assert.equal(page.headers.get('cache-control'), 'no-store')
  const html = await page.text()
  assert.match(html, /<meta name="parley-demo" content="" ?\/?>/)
  assert.doesNotMatch(html, /<script(?![^>]* src=)|<style|https?:\/\//)
  const named = Array.from(html.matchAll(/(?:src|href)="\.\/([^"]+)"/g), ([, path]) => path!)
  assert.ok(named.length >= 3)
  for (const path of named) {
    const { status, headers } = await fetch(new URL(path, url))
    assert.equal(status, 200, path)
    assert.match(headers.get('cache-control') ?? '', /immutable/)
  }
  assert.equal((await fetch(new URL('api/call', url))).status, 404)
  assert.equal((await fetch(new URL('api/join', url), { method: 'POST' })).status, 405)
})
