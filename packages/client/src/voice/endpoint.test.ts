// The gateway URL of an endpoint.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { voiceUrl } from './endpoint.ts'

test('the URL of an endpoint uses TLS and names the version', () => {
  assert.equal(voiceUrl({ endpoint: 'voice.example:8443' }, 9).href, 'wss://voice.example:8443/?v=9')
  assert.equal(voiceUrl({ endpoint: '[2001:db8::1]' }, 8).href, 'wss://[2001:db8::1]/?v=8')
})

test('without TLS only the loopback interface is allowed', () => {
  for (const endpoint of ['127.0.0.1:8080', '[::1]:8080', 'localhost:8080', '127.8.9.1'])
    assert.equal(voiceUrl({ endpoint, tls: false }, 9).href, `ws://${endpoint}/?v=9`)
  for (const endpoint of ['voice.example', '10.0.0.1:80', '127.0.0.1.example', '[::2]', 'localhost.example'])
    assert.throws(() => voiceUrl({ endpoint, tls: false }, 9), /expected TLS for/)
  assert.throws(() => voiceUrl({ endpoint: '', url: 'ws://voice.example/' }, 9), /expected TLS for/)
})

test('a given URL is used unchanged, except for the version', () => {
  const target = { endpoint: 'ignored', url: 'wss://voice.example/voice?region=eu&v=1' }
  assert.equal(voiceUrl(target, 9).href, 'wss://voice.example/voice?region=eu&v=9')
})

test('an invalid endpoint is refused', () => {
  const urls = ['wss://host', 'https://host:443', 'host/path', 'host?v=1', 'user:password@host', 'wss:\\\\host']
  for (const endpoint of ['', 'a b', 'host:99999', '[::1', 'host/#fragment', ...urls])
    assert.throws(() => voiceUrl({ endpoint }, 9), RangeError, endpoint)
  assert.throws(() => voiceUrl({ endpoint: 'x', url: 'https://voice.example/' }, 9), RangeError)
})
