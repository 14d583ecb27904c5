// The bridge to Spacebar with real processes: `parley serve`, `parley bridge spacebar`, a stand-in of Spacebar's bus over real
// sockets, and bots on @discordjs/voice.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { VoiceConnectionStatus } from '@discordjs/voice'
import { ParleyProcess } from './parley-process.ts'
import { SpacebarBot } from './spacebar-bot.ts'
import { SpacebarStandIn } from './spacebar-stand-in.ts'
import { CERTIFICATE_FILE, KEY_FILE, trustTestCertificate } from './trust.ts'
import { until } from './until.ts'

const TIMEOUT = { timeout: 240_000 }
const FRAMES = Array.from({ length: 100 }, () => Buffer.from([0xf8, 0xff, 0xfe]))

/** A restarted node has to have the same port, so that it is chosen before its first start. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

class Scene {
  readonly spacebar: SpacebarStandIn
  readonly #t: TestContext
  readonly #folder: string
  readonly #port: number
  node!: ParleyProcess
  bridge!: ParleyProcess

  private constructor(t: TestContext, spacebar: SpacebarStandIn, folder: string, port: number) {
    this.#t = t
    this.spacebar = spacebar
    this.#folder = folder
    this.#port = port
  }

  static async open(t: TestContext): Promise<Scene> {
    trustTestCertificate()
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'parley-spacebar-'))
    const spacebar = await SpacebarStandIn.open(`127.0.0.1:${port}`)
    t.after(() => {
      spacebar.close()
      rmSync(folder, { recursive: true, force: true })
    })
    writeFileSync(join(folder, 'secret'), 'shared secret\n')
    const scene = new Scene(t, spacebar, folder, port)
    await scene.startNode()
    await scene.startBridge()
    return scene
  }

  async startNode(): Promise<void> {
    const settings = {
      'http.listen': `127.0.0.1:${this.#port}`,
      'http.tls_cert': CERTIFICATE_FILE,
      'http.tls_key': KEY_FILE,
      'media.listen': '127.0.0.1',
      'media.port': '0',
      'media.lanes': '0',
      'backend.0.id': 'spacebar',
      'backend.0.secret_file': join(this.#folder, 'secret'),
      'backend.0.adopts_tokens': 'true',
    }
    const flags = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    this.node = new ParleyProcess(['serve', ...flags], { folder: this.#folder, t: this.#t })
    await this.node.says(/node\.started/)
  }

  options(): string[] {
    const bus = ['--bus', `unix:${this.spacebar.folder}`, '--lvsp', `wss://127.0.0.1:${this.#port}/lvsp`]
    const secret = ['--secret-file', join(this.#folder, 'secret'), '--endpoint', `127.0.0.1:${this.#port}`]
    return ['bridge', 'spacebar', ...bus, ...secret, '--ca', CERTIFICATE_FILE]
  }

  async startBridge(): Promise<void> {
    this.bridge = new ParleyProcess(this.options(), { folder: this.#folder, t: this.#t })
    await this.bridge.says(/bridge\.ready/)
  }
  run(...args: string[]): ParleyProcess {
    return new ParleyProcess([...this.options(), ...args], { folder: this.#folder, t: this.#t })
  }

  bot(userId: string, options: { isStranger?: boolean } = {}): SpacebarBot {
    const bot = new SpacebarBot(this.spacebar, userId, options)
    this.#t.after(() => bot.leave())
    return bot
  }
  async bots(channelId: string): Promise<[SpacebarBot, SpacebarBot]> {
    const [ana, ben] = [this.bot('1'), this.bot('2')]
    await Promise.all([ana.join('100', channelId), ben.join('100', channelId)])
    return [ana, ben]
  }
}

async function hear(speaker: SpacebarBot, listener: SpacebarBot): Promise<void> {
  const before = listener.heard.get(speaker.userId)?.length ?? 0
  await speaker.play(FRAMES)
  await until(
    `${listener.userId} to hear ${speaker.userId}`,
    () => (listener.heard.get(speaker.userId)?.length ?? 0) > before + 10,
  )
}

test(
  'bots join, hear each other with equal privacy codes, move together, and a kick ends the call of one',
  TIMEOUT,
  async t => {
    const scene = await Scene.open(t)
    const [ana, ben] = await scene.bots('500')
    ben.listenTo('1')
    await until('equal privacy codes', () => ana.privacyCode !== undefined && ana.privacyCode === ben.privacyCode)
    await hear(ana, ben)

    await Promise.all([ana, ben].map(bot => scene.spacebar.join(bot, '100', '501')))
    await Promise.all([ana.ready(), ben.ready()])
    await until(
      'equal privacy codes after the move',
      () => ana.privacyCode !== undefined && ana.privacyCode === ben.privacyCode,
    )
    await hear(ana, ben)

    await scene.spacebar.kick('100', '2')
    await ben.disconnected()
    assert.equal(ana.status, VoiceConnectionStatus.Ready)
  },
)

test('a stranger is refused, a member who leaves and joins again is not', TIMEOUT, async t => {
  const scene = await Scene.open(t)
  const [ana] = await scene.bots('500')
  const stranger = scene.bot('9', { isStranger: true })
  stranger.knock('100', '500')
  await scene.bridge.says(/bridge\.refused/)
  await scene.spacebar.leave('1')
  await ana.disconnected()
  await ana.join('100', '500')
  assert.notEqual(stranger.status, VoiceConnectionStatus.Ready)
})

test('after a restart of the node its users come back by themselves', TIMEOUT, async t => {
  const scene = await Scene.open(t)
  const [ana, ben] = await scene.bots('500')
  scene.node.kill()
  await scene.node.exit
  await until('both to lose the call', () => [ana, ben].every(bot => bot.status !== VoiceConnectionStatus.Ready))
  await scene.startNode()
  await Promise.all([ana.ready(), ben.ready()])
  ben.listenTo('1')
  await hear(ana, ben)
  assert.deepEqual([...new Set(scene.spacebar.published)].sort(), ['VOICE_SERVER_UPDATE 1', 'VOICE_SERVER_UPDATE 2'])
})

test('a killed bridge is not noticed in the call, and its successor ends what ends', TIMEOUT, async t => {
  const scene = await Scene.open(t)
  const [ana, ben] = await scene.bots('500')
  ben.listenTo('1')
  scene.bridge.kill()
  await scene.bridge.exit
  await scene.startBridge()
  await hear(ana, ben)
  assert.deepEqual([ana.status, ben.status], [VoiceConnectionStatus.Ready, VoiceConnectionStatus.Ready])
  await scene.spacebar.leave('2')
  await ben.disconnected()
  await scene.spacebar.deleteChannel('100', '500')
  await until('the call to end', () => ana.status !== VoiceConnectionStatus.Ready)
})

test('a bridge that stands still for longer than a join takes admits the users afterwards', TIMEOUT, async t => {
  const scene = await Scene.open(t)
  const ana = scene.bot('1')
  scene.bridge.signal('SIGSTOP')
  ana.knock('100', '500')
  await new Promise(resolve => setTimeout(resolve, 1_200))
  scene.bridge.signal('SIGCONT')
  await ana.ready()
})

test('garbage and foreign messages on the bus do not disturb it', TIMEOUT, async t => {
  const scene = await Scene.open(t)
  await scene.spacebar.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await scene.spacebar.write(Buffer.from([0, 0, 0, 5, 1, 2, 3, 4, 5]))
  await scene.spacebar.emit('VOICE_STATE_UPDATE', { user_id: 5, guild_id: {}, channel_id: [] }, { user_id: '5' })
  await scene.spacebar.emit('MESSAGE_CREATE', { content: '"event":"VOICE_STATE_UPDATE"' }, { channel_id: '4' })
  await scene.bots('500')
})

test('a second bridge refuses to start, and --check finds the bus and the node in order', TIMEOUT, async t => {
  const scene = await Scene.open(t)
  const second = scene.run()
  assert.equal(await second.exit, 2)
  assert.match(second.stderr, /in use by another bridge/)
  const check = scene.run('--check')
  assert.equal(await check.exit, 0, check.stdout + check.stderr)
  assert.match(check.stdout, /^ok +bus: /m)
  assert.match(check.stdout, /^ok +node .*: LVSP accepts the secret$/m)
  assert.match(check.stdout, /^ok +node .*: the certificate at .* names 127\.0\.0\.1$/m)
})
