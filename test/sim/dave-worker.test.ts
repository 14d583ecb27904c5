// Voice sessions whose DAVE library is in another thread, as in a web page, in calls with those that have it in their own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadDavey } from '@parley/client'
import { NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { assertHeard, FRAME, runSessions as run, SessionClient, SILENCE } from '../dave/session-client.ts'

const library = await loadDavey()

/** A call of pages; `join` adds another client. */
function callOf(pages: number) {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number, { inWorker = true, dave = library, version = 9 } = {}) =>
    new SessionClient(bench, backend.join(String(user)), dave, version, inWorker)
  const clients = Array.from({ length: pages }, (_, index) => join(index + 1))
  run(bench, clients)
  return { bench, clients, join }
}

test('two pages and a bot encrypt end to end, show the same code, and know who has the keys', () => {
  const { bench, clients, join } = callOf(2)
  clients.push(join(3, { inWorker: false }))
  run(bench, clients)
  assertHeard(clients)
  for (const { groups } of clients) assert.deepEqual([...groups.at(-1)!].sort(), ['1', '2', '3'])
})

test('two pages compute the same code of their keys, which a third member has not, and which lasts as long as the keys', async () => {
  const { bench, clients, join } = callOf(3)
  const codeAt = (client: number, user: number) => clients[client]!.worker!.verificationCode(String(user))
  const code = await codeAt(0, 2)
  assert.match(code!, /^\d{45}$/)
  assert.equal(await codeAt(1, 1), code)
  assert.notEqual(await codeAt(2, 1), code)
  assert.equal(await codeAt(0, 9), undefined, 'a user that is not in the group')
  clients.push(join(4))
  const changing = codeAt(0, 2)
  run(bench, clients)
  assert.equal(await changing, undefined, 'the group changed until the code was there')
  assert.equal(await codeAt(0, 2), code, 'of the same keys in the next group')
  clients[1]!.session.close()
  run(bench, clients)
  assert.equal(await codeAt(0, 2), undefined)
  clients[0]!.session.close()
  run(bench, clients)
  assert.equal(await codeAt(0, 3), undefined)
})

test('before Session Description, and after the session has ended, no frame passes', () => {
  const { bench, clients, join } = callOf(2)
  const late = join(3)
  assert.equal(late.seal(FRAME), undefined)
  assert.equal(late.seal(SILENCE), undefined)
  assert.equal(late.open(clients[0]!, FRAME), undefined)
  clients.push(late)
  run(bench, clients)
  assertHeard(clients)
  late.session.close()
  run(bench, clients)
  assert.equal(late.seal(FRAME), undefined)
  assert.equal(late.open(clients[0]!, FRAME), undefined)
  assertHeard(clients.slice(0, 2))
})

test('frames of a codec that DAVE does not seal are sent in unencrypted calls only', () => {
  const { bench, clients, join } = callOf(2)
  assert.equal(clients[0]!.worker!.seal(FRAME, undefined), undefined)
  const old = join(9, { dave: { ...library!, version: 0 }, inWorker: false })
  run(bench, [...clients, old])
  assert.deepEqual(clients[0]!.worker!.seal(FRAME, undefined), FRAME)
})

test('a page without DAVE downgrades the call, which is encrypted again when it leaves', () => {
  const { bench, clients, join } = callOf(2)
  const old = join(9, { dave: { ...library!, version: 0 }, inWorker: false })
  run(bench, [...clients, old])
  assertHeard([...clients, old], false)
  old.session.close()
  run(bench, [...clients, old], 8_000)
  assertHeard(clients)
})

for (const version of [7, 9])
  test(`a page that resumes at gateway version ${version} catches up with its group`, () => {
    const { bench, clients, join } = callOf(1)
    clients.push(join(2, { version }))
    run(bench, clients)
    clients[1]!.cut()
    clients.push(join(3))
    run(bench, clients, 8_000)
    assertHeard(clients)
  })

test('a page whose connection is lost while its worker answers proposals is in the next group', () => {
  const { bench, clients, join } = callOf(2)
  clients.push(join(3))
  for (let cuts = 0; cuts < 3; cuts++) {
    bench.advance(60)
    for (const client of clients) client.step()
    clients[1]!.cut()
    run(bench, clients, 1_500)
  }
  run(bench, clients, 8_000)
  assertHeard(clients)
})

test('a page that identifies again starts over, and answers of its worker to the old session are not sent', () => {
  const { bench, clients } = callOf(2)
  const [ana, ben] = clients
  ben!.socket?.drop(4006)
  ben!.session.connectionClosed(4006, 'gone', bench.now)
  run(bench, clients, 10_000)
  assertHeard([ana!, ben!])
})
