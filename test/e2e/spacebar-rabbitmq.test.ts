// The bridge on a real RabbitMQ broker, with the exchange of Spacebar's EVENT_TRANSMISSION=rabbitmq-single.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceConnectionStatus } from '@discordjs/voice'
import { connect } from 'amqplib'
import { BridgedNode } from './bridged-node.ts'
import { reasonToSkip } from './foreign-tools.ts'
import { RabbitMq, rabbitMq } from './rabbitmq.ts'
import { RabbitSpacebarBus } from './spacebar-buses.ts'
import { GUILD, haveEqualCodes, SpacebarScene } from './spacebar-scene.ts'
import { SpacebarStandIn } from './spacebar-stand-in.ts'
import { until } from './until.ts'

const OPTIONS = { timeout: 300_000, skip: reasonToSkip(rabbitMq()) }

test(
  'over RabbitMQ, bots join, come back after a restart of the node, and are not disturbed by one of the broker',
  OPTIONS,
  async t => {
    const broker = await RabbitMq.open(t)
    const node = await BridgedNode.open(t)
    const bus = await RabbitSpacebarBus.open(broker.url)
    t.after(() => bus.close())
    const spacebar = new SpacebarStandIn(bus, node.endpoint)
    await node.startBridge({ bus: broker.url })
    assert.doesNotMatch(node.bridge.stdout, /guest/, 'the log has no password')
    await bus.write(Buffer.from('{"event":"VOICE_STATE_UPDATE","data":'))
    await spacebar.emit('MESSAGE_CREATE', { content: '"event":"VOICE_STATE_UPDATE"' }, { channel_id: '4' })

    const scene = new SpacebarScene(t, spacebar, node)
    const [ana, ben] = await scene.bots('500')
    await haveEqualCodes([ana, ben])
    await node.killNode()
    await until('both to lose the call', () => [ana, ben].every(bot => bot.status !== VoiceConnectionStatus.Ready))
    await node.startNode()
    await Promise.all([ana.ready(), ben.ready()])
    assert.deepEqual([...new Set(spacebar.published)].sort(), ['VOICE_SERVER_UPDATE 1', 'VOICE_SERVER_UPDATE 2'])

    await broker.kill()
    await node.bridge.says(/bridge\.bus_lost/)
    await broker.start()
    await node.bridge.says(/bridge\.bus_opened(.|\n)*bridge\.bus_opened/)
    await bus.connect()
    assert.ok([ana, ben].every(bot => bot.status === VoiceConnectionStatus.Ready))
    await scene.bot('3').join(GUILD, '500')
    await spacebar.leave('1')
    await ana.disconnected()
  },
)

test(
  'a broker that refuses the exchange, or is away when the bridge starts, is tried again; a wrong password or virtual host is not',
  OPTIONS,
  async t => {
    const broker = await RabbitMq.open(t)
    const node = await BridgedNode.open(t)
    const other = await connect(broker.url)
    other.on('error', () => {})
    // It is not awaited: a connection that the end of the broker interrupts never answers.
    t.after(() => void other.close().catch(() => {}))
    const channel = await other.createChannel()
    await channel.assertExchange('-', 'direct', { durable: false })
    const refused = node.command([], { bus: broker.url })
    await refused.says(/PRECONDITION.*bridge\.bus_lost/)
    await channel.deleteExchange('-')
    await other.close()
    await refused.says(/bridge\.ready/)
    refused.signal('SIGTERM')
    assert.equal(await refused.exit, 0, refused.stderr)

    const stranger = node.command([], { bus: broker.url.replace('guest:guest', 'guest:wrong') })
    assert.equal(await stranger.exit, 2)
    assert.match(stranger.stderr, /bus: .*ACCESS-REFUSED/)
    assert.doesNotMatch(stranger.stderr + stranger.stdout, /wrong/)
    const bus = `${broker.url}/nowhere`
    const lost = node.command([], { bus })
    assert.equal(await lost.exit, 2)
    assert.match(lost.stderr, /bus: RabbitMQ refuses the virtual host/)
    const checked = node.command(['--check'], { bus })
    assert.equal(await checked.exit, 1)
    assert.match(checked.stdout + checked.stderr, /RabbitMQ cannot be used: RabbitMQ refuses the virtual host/)

    await broker.kill()
    const early = node.command([], { bus: broker.url })
    await early.says(/ECONNREFUSED.*bridge\.bus_lost/)
    await broker.start()
    await early.says(/bridge\.ready/)
  },
)
