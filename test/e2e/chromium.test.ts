// Real browsers in the call: Chromium's own ICE, DTLS, SRTP and codecs against a node, with native clients and each other.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { VoiceClient } from '@parley/client'
import { readSpeech } from '../../packages/server/src/demo/speech.ts'
import { BrowserScene, CHROMIUM, type WebMember, type WebStats } from './browser.ts'
import { until } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: existsSync(CHROMIUM) ? false : `no ${CHROMIUM}` }
/** Packets that may be lost while a second browser starts on a machine that is busy with it. */
const FEW = 20
const ANA = '81384788765712384'
const BEN = '81384788765712385'
const CYD = '81384788765712386'

const energy = ({ inbound }: WebStats) =>
  inbound.filter(({ kind }) => kind === 'audio').map(({ totalAudioEnergy }) => totalAudioEnergy)
const hears = (count: number) => (stats: WebStats) => energy(stats).filter(each => each > 0.001).length >= count

/** Says the demo's lines again and again until the test is over. */
function talk(context: TestContext, client: VoiceClient): void {
  const frames = readSpeech().flatMap(line => line.frames)
  let next = 0
  const timer = setInterval(() => client.sendFrame(frames[next++ % frames.length]!), 20)
  context.after(() => clearInterval(timer))
}

/** Frames of a user that were heard so far. */
function count(client: VoiceClient, userId: string): () => number {
  let heard = 0
  client.on('frame', frame => {
    if (frame.userId === userId) heard++
  })
  return () => heard
}

/** What the lane dropped, by cause, besides what nobody was there to hear. */
function drops(scene: BrowserScene): Record<string, number> {
  const { lanes } = scene.server.inspect() as { lanes: { counters?: { drops: Record<string, number> } }[] }
  // A machine that is busy with encoders lets the lane wait, which drops what waited too long.
  const expected = new Set(['noAddress', 'noRoute', 'overload', 'unclassified'])
  const drops = Object.entries(lanes[0]?.counters?.drops ?? {})
  return Object.fromEntries(drops.filter(([cause, count]) => count > 0 && !expected.has(cause)))
}

async function assertConnected(member: WebMember): Promise<void> {
  const { transport } = await member.until('the connection', stats => stats.state === 'connected')
  assert.equal(transport.dtlsState, 'connected')
  assert.equal(transport.dtlsRole, 'client')
  assert.equal(transport.tlsVersion, 'FEFD')
  assert.equal(transport.srtpCipher, 'SRTP_AEAD_AES_128_GCM')
}

for (const engine of ['ffi', 'portable'] as const)
  test(`two browsers and a native client hear each other (${engine} engine)`, OPTIONS, async context => {
    const scene = await BrowserScene.open(context, engine)
    const ben = await scene.joinNative(BEN)
    const hearsAna = count(ben, ANA)
    talk(context, ben)
    const ana = await scene.joinWeb(ANA)
    await assertConnected(ana)
    await ana.until('the native client’s voice', hears(1))
    await until('the browser’s voice', () => hearsAna() > 50)
    const cyd = await scene.joinWeb(CYD)
    await assertConnected(cyd)
    await cyd.until('both voices', hears(2))
    const stats = await ana.until('both voices', hears(2))
    for (const { packetsLost, kind } of stats.inbound) if (kind === 'audio') assert.ok(packetsLost <= FEW)
    await until('both browsers, natively', () => ben.members.get(CYD)?.ssrc !== undefined)
    assert.deepEqual(drops(scene), {})
    const reported = await ana.until('a receiver report', ({ remoteInbound }) => remoteInbound.length > 0)
    assert.ok(reported.remoteInbound[0]!.packetsLost <= FEW)
  })

test('clients that answer themselves as Spacebar’s do hear each other', OPTIONS, async context => {
  const scene = await BrowserScene.open(context)
  const ben = await scene.joinNative(BEN)
  talk(context, ben)
  const ana = await scene.joinWeb(ANA, { flow: 'spacebar' })
  await assertConnected(ana)
  const cyd = await scene.joinWeb(CYD, { flow: 'spacebar' })
  await ana.until('both voices', hears(2))
  await cyd.until('both voices', hears(2))
})

test(
  'media goes on while the gateway is lost and resumed, and a page that closes its end is heard at once',
  OPTIONS,
  async context => {
    const scene = await BrowserScene.open(context)
    const ben = await scene.joinNative(BEN)
    const hearsAna = count(ben, ANA)
    talk(context, ben)
    const ana = await scene.joinWeb(ANA)
    await ana.until('the native client’s voice', hears(1))
    await ana.evaluate('client.resume()')
    const before = hearsAna()
    const [heard] = energy(await ana.stats())
    await ana.until('more of the voice', stats => energy(stats)[0]! > heard!)
    await until('more of the browser’s voice', () => hearsAna() > before + 20)
    assert.equal(await ana.evaluate('client.log.filter(op => op === 4).length'), 1)
    assert.ok(await ana.evaluate('client.log.includes(9)'))
    const transport = () => (scene.session(ANA) as { transport: { state: string } }).transport.state
    assert.equal(transport(), 'connected')
    await ana.evaluate('client.pc.close()')
    await until('the close_notify', () => transport() === 'closed')
  },
)

const frames = ({ inbound }: WebStats) => inbound.find(({ kind }) => kind === 'video')?.framesDecoded ?? 0

for (const video of ['VP8', 'H264', 'VP9'] as const)
  test(`two browsers see each other in ${video}, and their encoders are told what arrives`, OPTIONS, async context => {
    const scene = await BrowserScene.open(context)
    const ana = await scene.joinWeb(ANA, { video })
    const cyd = await scene.joinWeb(CYD, { video })
    await assertConnected(ana)
    await assertConnected(cyd)
    for (const member of [ana, cyd]) {
      await member.until('the other’s picture', stats => frames(stats) > 30)
      await member.until('the other’s voice', hears(1))
    }
    const wide = await cyd.until(
      'a picture that grew',
      ({ inbound }) => (inbound.find(({ kind }) => kind === 'video')?.frameWidth ?? 0) >= 640,
      30_000,
    )
    assert.ok(wide.inbound.every(({ freezeCount = 0 }) => freezeCount <= 2))
    assert.deepEqual(drops(scene), {})
  })
