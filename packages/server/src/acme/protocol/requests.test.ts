// Requests to a certificate authority that does not answer, or never finishes.
import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { selfSignedCertificate } from '../../net/self-signed.ts'
import { AcmeError } from './acme-error.ts'
import { send } from './requests.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function authority(t: TestContext, begin: string) {
  const tls = selfSignedCertificate()
  const server = createServer(tls, (_request, response) => {
    if (begin !== '') response.write(begin)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/directory`, ca: tls.cert }
}

for (const [what, begin] of [
  ['without an answer', ''],
  ['whose answer never ends', '{'],
] as const)
  test(`a request ${what} ends in time, also if memory is collected until then`, async t => {
    const { url, ca } = await authority(t, begin)
    const collecting = setInterval(collectGarbage, 20)
    t.after(() => clearInterval(collecting))
    const { signal } = new AbortController()
    await assert.rejects(
      send(url, { method: 'GET', ca, signal, timeout: 300 }),
      (error: Error) => error instanceof AcmeError && /cannot be reached: no answer within 0.3 s$/.test(error.message),
    )
  })

test('a request ends at once if the node stops', async t => {
  const { url, ca } = await authority(t, '{')
  const stop = new AbortController()
  const sent = send(url, { method: 'GET', ca, signal: stop.signal })
  setImmediate(() => stop.abort())
  await assert.rejects(sent, /the node stops/)
})
