// ICE-TCP where it is for: behind a firewall that lets nothing but TCP 443 out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutChromium } from './chromium.ts'
import { missingFirewall, runIsolated } from './namespaces.ts'

test('a browser that may use TCP 443 only loads the page, joins, talks and hears', {
  skip: withoutChromium() || missingFirewall(),
  timeout: 200_000,
}, t => {
  const { hearsAna, voices, transport, blocked, authenticated } = runIsolated('firewall-walk.ts', 180_000)
  t.diagnostic(JSON.stringify({ hearsAna, voices, blocked }))
  assert.ok(hearsAna > 100 && voices > 0)
  assert.match(transport, /WebRTC, TCP/)
  assert.ok(blocked > 0, 'the browser tried UDP, which the firewall dropped')
  assert.deepEqual(authenticated.sort(), [
    ['71', 'webrtc'],
    ['72', 'udp'],
  ])
})
