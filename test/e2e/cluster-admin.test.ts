// The admin API of a front: every command and every route that docs/cluster.md lists, on two real nodes with a call.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLUSTER_ROUTES } from '../../packages/server/src/admin/cluster-routes.ts'
import { ClusterBackend, ClusterScene } from './cluster-scene.ts'
import { type Answer, ask, documented } from './documented.ts'
import { missingNats } from './nats-server.ts'
import { until } from './until.ts'

/** Of the streamed log: another request causes it. */
async function firstLine(socket: string): Promise<Answer> {
  let isRead = false
  const line = ask(socket, 'GET', '/v1/log').finally(() => {
    isRead = true
  })
  while (!isRead) await ask(socket, 'POST', '/v1/log-level', '{"level":"info"}')
  return line
}

const options = { skip: missingNats, timeout: 180_000 }

test('each documented command and route of a cluster does what its row says', options, async t => {
  const scene = await ClusterScene.open(t)
  await scene.node('n1')
  await scene.node('n2')
  const { address, socket } = await scene.administeredFront('f1')
  const backend = await ClusterBackend.connect(t, address)
  const user = await backend.join(t, '500', '6001')

  const expected: Record<string, RegExp> = {
    'cluster ls': /\nn1 +alive [\s\S]*\nn2 +alive [\s\S]*\nmain +yes +yes +1 +1\n$/,
    'cluster node <node>': /^BACKEND +CHANNEL +STAGE +NODE +EPOCH +USERS\n/,
    'cluster drain <node>': /^node n1 drains; its channels move\n$/,
    'cluster undrain <node>': /^node n1 accepts channels again\n$/,
    // It is there already, or moves there.
    'cluster move <channel>': /^(channel 500 moves from n1 to n2\n|parley: .*n2.*\n)$/,
  }
  const usages = documented('cluster', 'cluster commands', 0)
  const examples = documented('cluster', 'cluster commands', 3)
  assert.deepEqual([...usages].sort(), Object.keys(expected).sort())
  for (const [index, usage] of usages.entries()) {
    const [, ...line] = examples[index]!.split(' ')
    const printed = await scene.command(...line, '--socket', socket).catch((error: Error) => error.message)
    assert.match(printed, expected[usage]!, usage)
  }
  await until('the client on a node', () => user.endpoint !== undefined)

  const requests: Record<string, string | undefined> = {
    'GET /v1/cluster': undefined,
    'GET /v1/cluster/channels': undefined,
    'POST /v1/cluster/drain': '{"node":"n1","deadline":"10m"}',
    'POST /v1/cluster/undrain': '{"node":"n1"}',
    'POST /v1/cluster/move': '{"channel":"500"}',
    'GET /v1/inspect': undefined,
    'GET /v1/stats': undefined,
    'POST /v1/log-level': '{"level":"debug"}',
    'GET /v1/log': undefined,
  }
  const routes = documented('cluster', 'cluster routes', 0)
  assert.deepEqual([...routes].sort(), Object.keys(requests).sort())
  for (const name of routes) {
    const [method = '', path = ''] = name.split(' ')
    const { status, body } = await (path === '/v1/log' ? firstLine(socket) : ask(socket, method, path, requests[name]))
    assert.equal(status, 200, `${name}: ${JSON.stringify(body)}`)
    CLUSTER_ROUTES.find(route => `${route.method} ${route.path}` === name)?.answer.parse(body)
    const wrong =
      method === 'GET' ? await ask(socket, method, `${path}?x=1`) : await ask(socket, method, path, '{"x":1}')
    assert.equal(wrong.status, 400, name)
  }
})
