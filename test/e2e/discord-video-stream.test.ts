// Discord-video-stream sends a screen with its sound into a call, and a browser shows it. Its frames are those of a browser's camera.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { readSpeech } from '../../packages/server/src/demo/speech.ts'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { EchoBot } from './echo-bot.ts'
import { nodeLibrary, reasonToSkip } from './foreign-tools.ts'
import { CERTIFICATE_FILE, KEY_FILE, trustTestCertificate } from './trust.ts'
import { until } from './until.ts'
import { ANA, BEN } from './users.ts'
import { AUDIBLE, type WebStats } from './web-member.ts'

/** The parts of the library's connection that its own players use. */
interface StreamConnection {
  serverId: string
  setSession(id: string): void
  setTokens(endpoint: string, token: string): void
  setSpeaking(isSpeaking: boolean): void
  setVideoStatus(isOn: boolean): void
  stop(): void
}
interface MediaUdp {
  /** Its `stop` leaves the socket open. */
  readonly _socket: { close(): void }
  readonly mediaConnection: StreamConnection
  sendVideoFrame(frame: Buffer): void
  sendAudioFrame(frame: Buffer): void
}
type Construct = new (
  guildId: string,
  userId: string,
  channelId: string,
  options: { videoCodec: string; fps: number },
  ready: (udp: MediaUdp) => void,
) => StreamConnection

const library = nodeLibrary('discord-video-stream', ['@dank074/discord-video-stream@3.2.0'])
const skip = withoutChromium() || reasonToSkip('folder' in library ? { command: [library.folder] } : library)
const EVE = '80351110224678915'

/** What arrives of the library's screen and of its sound. */
const received = ({ inbound, remotes }: WebStats, kind: 'audio' | 'video') => {
  const source = remotes.find(remote => remote.kind === kind && remote.user === EVE)
  return inbound.find(({ ssrc }) => ssrc === source?.ssrc)
}

/** The library connects with TLS only. Returns the endpoint of a proxy with TLS before the node. */
async function withTls(context: TestContext, url: string): Promise<string> {
  trustTestCertificate()
  const { hostname, port } = new URL(url)
  const proxy = createServer({ cert: readFileSync(CERTIFICATE_FILE), key: readFileSync(KEY_FILE) }, near => {
    const far = connect(Number(port), hostname)
    near.pipe(far).pipe(near)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy())
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  context.after(() => void proxy.close())
  return `localhost:${(proxy.address() as AddressInfo).port}`
}

/** The library's connection, and its end: hooks of the context run in the order of their registration, the node's before those of the library. */
interface Stream {
  media: MediaUdp
  end(): void
}

/** Resolves once the library has its key. */
async function stream(context: TestContext, scene: BrowserScene): Promise<Stream> {
  assert.ok('folder' in library)
  const path = '@dank074/discord-video-stream/dist/client/voice/StreamConnection.js'
  const { StreamConnection } = createRequire(join(library.folder, 'package.json'))(path) as {
    StreamConnection: Construct
  }
  const { serverId, channelId, userId, sessionId, token } = await scene.admit(EVE)
  let media: MediaUdp | undefined
  const options = { videoCodec: 'VP8', fps: 30 }
  const connection = new StreamConnection(serverId, userId, channelId!, options, udp => {
    media = udp
  })
  let isEnded = false
  const end = () => {
    if (isEnded) return
    isEnded = true
    connection.stop()
    media?._socket.close()
  }
  context.after(end)
  connection.serverId = serverId
  connection.setSession(sessionId)
  connection.setTokens(await withTls(context, scene.server.url), token)
  await until('the key of the library', () => media !== undefined)
  return { media: media!, end }
}

test('a browser shows and hears the screen that Discord-video-stream 3.2.0 sends', {
  timeout: 90_000,
  skip,
}, async context => {
  const scene = await BrowserScene.open(context, { legacyModes: true })
  const ana = await scene.joinWeb(ANA, { video: 'VP8' })
  const { media, end } = await stream(context, scene)
  media.mediaConnection.setVideoStatus(true)
  media.mediaConnection.setSpeaking(true)
  let isSending = true
  const source = await EchoBot.join(context, await scene.admit(BEN), {
    url: scene.server.url,
    of: ANA,
    onFrame: frame => {
      if (isSending) media.sendVideoFrame(Buffer.from(frame))
    },
  })
  // The library reads no feedback: its encoder sends a keyframe every second.
  const keyframes = setInterval(() => source.askKeyframe(), 1_000)
  const sound = readSpeech().flatMap(line => line.frames)
  let next = 0
  const speech = setInterval(() => media.sendAudioFrame(Buffer.from(sound[next++ % sound.length]!)), 20)
  try {
    const shown = await ana.until('the screen', stats => (received(stats, 'video')?.framesDecoded ?? 0) > 60)
    await ana.until('its sound', stats => (received(stats, 'audio')?.totalAudioEnergy ?? 0) > AUDIBLE)
    assert.equal(received(shown, 'video')?.frameWidth, 640)
    context.diagnostic(JSON.stringify(received(shown, 'video')))
  } finally {
    // The library does not handle that its socket is refused: it sends nothing once the node has closed.
    isSending = false
    clearInterval(keyframes)
    clearInterval(speech)
    end()
  }
})
