import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { PermanentError } from '../permanent-error.ts'
import { type FakeChannel, FakeRabbit } from '../testing/fake-rabbit.ts'
import { RabbitBus } from './rabbit-bus.ts'

const URL = 'amqp://broker.example'
const KICK = { event: 'GUILD_MEMBER_REMOVE', data: { guild_id: '100', user: { id: '7' } }, guild_id: '100' }
const REQUESTS = ['createChannel', 'assertExchange', 'assertQueue', 'bindQueue', 'consume']

/** What has been answered is processed: an answer may lead to requests, whose answers take another turn of the event loop each. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 2 * REQUESTS.length; turn++) await new Promise(resolve => setImmediate(resolve))
}

function scene(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const broker = new FakeRabbit()
  const story: string[] = []
  const listener = {
    event: () => story.push('event'),
    opened: () => story.push('opened'),
    lost: (reason: string) => story.push(`lost: ${reason}`),
  }
  const open = async () => {
    const bus = await RabbitBus.open(URL, listener, broker)
    t.after(() => bus.close())
    return bus
  }
  const retry = async () => {
    t.mock.timers.tick(LIMITS.retryDelay)
    await settled()
  }
  return { broker, open, retry, listener, story: () => story.splice(0) }
}

const publish = (bus: RabbitBus) =>
  bus.publish('7', { event: 'VOICE_SERVER_UPDATE', data: { token: 't', endpoint: 'e', guild_id: '100' } })

test('a broker that is away is tried again until it is there, also the first time; the reason is reported once', async t => {
  const { broker, open, retry, story } = scene(t)
  broker.refusal = Object.assign(new Error('getaddrinfo EAI_AGAIN broker.example'), { code: 'EAI_AGAIN' })
  const bus = await open()
  publish(bus)
  await retry()
  assert.deepEqual(story(), ['lost: getaddrinfo EAI_AGAIN broker.example'])
  broker.refusal = undefined
  await retry()
  assert.deepEqual(story(), ['opened'])
  publish(bus)
  assert.equal(broker.newest.published.length, 1)
})

test('a URL and a user that cannot be used are not tried again', async t => {
  const { broker, open, listener } = scene(t)
  await assert.rejects(RabbitBus.open('amqp://[', listener, broker), PermanentError)
  broker.refusal = new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "Login was refused"')
  await assert.rejects(open(), PermanentError)
  for (const reason of ['vhost voice not found', "access to vhost '/' refused for user 'guest'"]) {
    broker.refusal = new Error(
      `Handshake terminated by server: 530 (NOT-ALLOWED) with message "NOT_ALLOWED - ${reason}"`,
    )
    await assert.rejects(open(), (error: Error) => error instanceof PermanentError && error.message.includes(reason))
  }
  broker.refusal = new Error('Expected ConnectionOpenOk; got <ConnectionClose channel:0>')
  await assert.rejects(open(), { name: 'PermanentError', message: /refuses the virtual host/ })
  broker.refusal = undefined
  broker.onRequest = (request, channel) => request === 'assertQueue' && channel.refuse(403, 'ACCESS-REFUSED')
  await assert.rejects(open(), PermanentError)
  assert.equal(broker.open, 0)
})

test('a limit of connections is tried again', async t => {
  const { broker, open, retry, story } = scene(t)
  const reason = "access to vhost '/' refused for user 'guest': connection limit (1) is reached"
  broker.refusal = new Error(`Handshake terminated by server: 530 (NOT-ALLOWED) with message "NOT_ALLOWED - ${reason}"`)
  await open()
  broker.refusal = undefined
  await retry()
  const [lost, opened] = story()
  assert.match(lost!, /limit \(1\) is reached/)
  assert.equal(opened, 'opened')
})

test('a refused request leaves no connection open, and is repeated', async t => {
  for (const refused of REQUESTS.slice(1)) {
    const { broker, open, retry, story } = scene(t)
    broker.onRequest = (request, channel) => request === refused && channel.refuse(406, 'PRECONDITION-FAILED')
    await open()
    assert.equal(broker.open, 0, refused)
    broker.onRequest = () => {}
    await retry()
    await retry()
    assert.deepEqual(story(), ['lost: Channel closed by server: 406 (PRECONDITION-FAILED)', 'opened'], refused)
    assert.equal(broker.connections.length, 2, refused)
    t.mock.timers.reset()
  }
})

test('a connection that ends while the queue is created is replaced by one, and each event arrives once', async t => {
  for (const last of REQUESTS) {
    const { broker, open, retry, story } = scene(t)
    await open()
    broker.onRequest = (request, { connection }) => request === last && connection.lose('reset')
    broker.connections[0]!.lose('reset')
    await retry()
    assert.equal(broker.open, 0, last)
    broker.onRequest = () => {}
    for (let round = 0; round < 3; round++) await retry()
    broker.publish(KICK)
    assert.deepEqual(story(), ['opened', 'lost: reset', 'opened', 'event'], last)
    assert.equal(broker.open, 1, last)
    t.mock.timers.reset()
  }
})

const losses: [string, string, (channel: FakeChannel) => void][] = [
  ['a consumer that the broker cancels', 'RabbitMQ deleted the queue', channel => channel.cancel()],
  [
    'a channel that the broker closes',
    'Channel closed by server: 404 (NOT-FOUND)',
    channel => channel.refuse(404, 'NOT-FOUND'),
  ],
]
for (const [what, reason, lose] of losses)
  test(`${what} ends the connection, and another one is established`, async t => {
    const { broker, open, retry, story } = scene(t)
    const bus = await open()
    lose(broker.newest)
    publish(bus)
    await settled()
    assert.equal(broker.open, 0)
    broker.publish(KICK)
    await retry()
    broker.publish(KICK)
    publish(bus)
    assert.deepEqual(story(), ['opened', `lost: ${reason}`, 'opened', 'event'])
    assert.equal(broker.open, 1)
    assert.equal(broker.newest.published.length, 1)
  })

test('a channel that cannot publish ends the connection instead of failing the caller', async t => {
  const { broker, open, retry, story } = scene(t)
  const bus = await open()
  broker.newest.publish = () => {
    throw new Error('Channel closing')
  }
  publish(bus)
  assert.equal(broker.open, 0)
  await retry()
  assert.deepEqual(story(), ['opened', 'lost: Channel closing', 'opened'])
})

test('a bus that is closed while it connects leaves no connection open', async t => {
  const { broker, open, story } = scene(t)
  const bus = await open()
  broker.connections[0]!.lose('reset')
  t.mock.timers.tick(LIMITS.retryDelay)
  await bus.close()
  await settled()
  assert.equal(broker.open, 0)
  assert.deepEqual(story(), ['opened', 'lost: reset'])
})

test('a broker that ends while the bus is closed does not delay the close', async t => {
  const { broker, open } = scene(t)
  const bus = await open()
  const connection = broker.connections[0]!
  connection.close = () => {
    connection.lose('reset')
    return new Promise(() => {})
  }
  await bus.close()
})
