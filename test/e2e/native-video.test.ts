// Discord clients with cameras: two with different payload types, and one whose video a browser shows.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LvspClient, type VoiceCredentials } from '@parley/client'
import { type RtpPacket, VoiceMode, VoiceOp } from '@parley/protocol'
import { createServer } from '@parley/server'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { feedbackAbout, type NativeOptions, NativeVideoClient, nativeCodecs } from './native-video-client.ts'
import { until } from './until.ts'
import { ANA, BEN } from './users.ts'
import { framesDecoded } from './web-member.ts'

const BROWSER = { timeout: 90_000, skip: withoutChromium() }
const GUILD = '41771983423143937'
const CHANNEL = '127121515262115840'

class Scene {
  readonly url: string
  readonly #context: TestContext
  readonly #backend: LvspClient

  static async open(context: TestContext, engine: 'ffi' | 'portable'): Promise<Scene> {
    const server = await createServer({
      http: { listen: '127.0.0.1:0' },
      media: { listen: '127.0.0.1', port: 0, engine, lanes: engine === 'ffi' ? 1 : 0 },
      voice: { strict_opcodes: true },
      log: { level: 'silent' },
    })
    context.after(() => server.close())
    const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret })
    context.after(() => backend.close())
    await backend.connect()
    await backend.requestChannel({ guildId: GUILD, channelId: CHANNEL })
    return new Scene(context, server.url, backend)
  }

  private constructor(context: TestContext, url: string, backend: LvspClient) {
    this.#context = context
    this.url = url
    this.#backend = backend
  }

  async join(userId: string, options: Omit<NativeOptions, 'url'>): Promise<NativeVideoClient> {
    const { sessionId, token } = await this.#backend.createVoiceState({ guildId: GUILD, channelId: CHANNEL, userId })
    assert.ok(token !== undefined)
    const who: VoiceCredentials = { serverId: GUILD, channelId: CHANNEL, userId, sessionId, token }
    return NativeVideoClient.join(this.#context, who, { ...options, url: this.url })
  }
}

/** A packet whose payload has bytes of all values and a length that depends on its sequence. */
const packetOf = (sequence: number): Omit<RtpPacket, 'ssrc' | 'payloadType'> => ({
  sequence: sequence & 0xffff,
  timestamp: (sequence * 3_000) >>> 0,
  marker: sequence % 3 === 0,
  payload: Uint8Array.from({ length: 1 + ((sequence * 37) % 1_100) }, (_, index) => (index * 31 + sequence) & 0xff),
})
const essence = ({ sequence, timestamp, marker, payload }: Omit<RtpPacket, 'ssrc' | 'payloadType'>) => ({
  ...{ sequence, timestamp, marker: marker ?? false },
  payload: Buffer.from(payload).toString('hex'),
})

/** Answers the node's NACKs with retransmissions. `whole` unwraps a 16-bit sequence. */
function answerRequests(client: NativeVideoClient, codec: string, whole: (sequence: number) => number): void {
  let rtxSequence = 0
  client.onFeedback = compound => {
    client.feedback.push(compound)
    for (const { kind, words } of feedbackAbout([compound], client.video))
      for (const word of kind === '205/1' ? words : [])
        for (let bit = 0; bit <= 16; bit++)
          if (bit === 0 || ((word >> (bit - 1)) & 1) === 1)
            client.sendAgain(codec, rtxSequence++, packetOf(whole(((word >>> 16) + bit) & 0xffff)))
  }
}

const MODES = { ffi: VoiceMode.AeadAes256GcmRtpsize, portable: VoiceMode.AeadXchacha20Poly1305Rtpsize } as const

for (const engine of ['ffi', 'portable'] as const) {
  /** Ana sends and Ben watches. They prefer different codecs and use different payload types. */
  const pair = async (context: TestContext) => {
    const scene = await Scene.open(context, engine)
    const ana = await scene.join(ANA, { codecs: nativeCodecs('H264', 'VP8', 'AV1') })
    const ben = await scene.join(BEN, { codecs: nativeCodecs('VP8', 'H264'), mode: MODES[engine] })
    ana.show()
    await until('the event of the camera', () => ben.members.get(ANA)?.video !== undefined)
    const { ssrc, rtxSsrc } = ben.members.get(ANA)!.video!
    assert.deepEqual([ssrc, rtxSsrc], [ana.video, ana.video + 1])
    // The node sends media only to an address that an authenticated packet has proved.
    ben.askKeyframe(ana.video)
    return { ana, ben }
  }

  for (const [codec, type] of [
    ['H264', 103],
    ['VP8', 101],
  ] as const)
    test(`${codec} arrives intact, with the receiver’s payload type (${engine} engine)`, async context => {
      const { ana, ben } = await pair(context)
      const first = 65_500
      const whole = (sequence: number) => (sequence < first ? sequence + 65_536 : sequence)
      answerRequests(ana, codec, whole)
      let next = first
      const send = () => ana.send(codec, packetOf(next++))
      while (next < first + 100) {
        for (let count = 0; count < 10; count++) send()
        await ana.settled()
      }
      // An overloaded lane drops video. Later packets show the node which sequences are missing.
      const poke = setInterval(send, 200)
      const heard = () => new Map(ben.packets.map(packet => [whole(packet.sequence), packet]))
      const sent = Array.from({ length: 100 }, (_, index) => first + index)
      await until('all packets', () => sent.every(sequence => heard().has(sequence)))
      clearInterval(poke)
      for (const sequence of sent) assert.deepEqual(essence(heard().get(sequence)!), essence(packetOf(sequence)))
      for (const { ssrc, payloadType } of ben.packets) assert.deepEqual([ssrc, payloadType], [ana.video, type])
    })

  test(`lost packets are retransmitted: from the sender to the node, from the node to a viewer (${engine} engine)`, async context => {
    const { ana, ben } = await pair(context)
    for (const sequence of [1, 2, 4, 5]) ana.send('H264', packetOf(sequence))
    const asked = () => feedbackAbout(ana.feedback, ana.video).filter(({ kind }) => kind === '205/1')
    await until('the node’s NACK', () => asked().length > 0)
    assert.deepEqual(asked()[0]!.words, [3 << 16])
    ana.sendAgain('H264', 0, packetOf(3))
    await until('all five packets', () => ben.packets.length === 5)
    const original = ben.packets.find(({ sequence }) => sequence === 3)!
    assert.deepEqual(essence(original), essence(packetOf(3)))
    assert.deepEqual([original.ssrc, original.payloadType], [ana.video, 103])

    for (const [rtxSequence, sequence] of [2, 3].entries()) {
      ben.packets.length = 0
      ben.askAgain(ana.video, sequence)
      await until('the retransmission', () => ben.packets.length === 1)
      const [again] = ben.packets
      const { payload, ...packet } = packetOf(sequence)
      const whole = Uint8Array.of(sequence >> 8, sequence & 0xff, ...payload)
      assert.deepEqual(essence(again!), essence({ ...packet, sequence: rtxSequence, payload: whole }))
      assert.deepEqual([again!.ssrc, again!.payloadType], [ana.video + 1, 104])
    }
  })

  test(`a viewer’s keyframe request reaches the sender, which stops when no viewer wants its video (${engine} engine)`, async context => {
    const { ana, ben } = await pair(context)
    await until('the keyframe request', () =>
      feedbackAbout(ana.feedback, ana.video).some(({ kind }) => kind === '206/1'),
    )
    await until('a want of 100', () => ana.wanted === 100)
    ben.command(VoiceOp.MediaSinkWants, { any: 100, [ana.video]: 0 })
    await until('a want of 0', () => ana.wanted === 0)
    ana.send('H264', packetOf(1))
    await ana.settled()
    ben.command(VoiceOp.MediaSinkWants, { any: 50 })
    await until('a want of 50', () => ana.wanted === 50)
    ana.send('H264', packetOf(2))
    await until('the packet after it', () => ben.packets.length > 0)
    assert.deepEqual(ben.packets.map(essence), [essence(packetOf(2))])
    ana.show(false)
    await until('the end of the camera', () => ben.members.get(ANA)?.video === undefined)
  })
}

test('the sender switches to a codec that a new viewer can decode', {
  timeout: 90_000,
}, async context => {
  const scene = await Scene.open(context, 'portable')
  const ana = await scene.join(ANA, { codecs: nativeCodecs('AV1', 'VP8') })
  const told = () => ana.outputs.filter(output => output.kind === 'codecs').map(({ videoCodec }) => videoCodec)
  const description = ana.outputs.find(output => output.kind === 'description')
  assert.equal(description?.description.videoCodec, 'AV1')
  await scene.join(BEN, { codecs: nativeCodecs('VP8') })
  await until('a codec for both', () => told().length > 0)
  assert.deepEqual(told(), ['VP8'])
})

for (const video of ['VP8', 'H264'] as const)
  test(
    `a browser decodes ${video} from a Discord client, which returns the browser’s own packets`,
    BROWSER,
    async context => {
      const scene = await BrowserScene.open(context)
      const ana = await scene.joinWeb(ANA, { video })
      const codecs = nativeCodecs('H264', 'VP8')
      const ben = await NativeVideoClient.join(context, await scene.admit(BEN), { url: scene.server.url, codecs })
      await until('the event of the browser’s camera', () => ben.members.get(ANA)?.video !== undefined)
      const camera = ben.members.get(ANA)!.video!.ssrc
      const type = codecs.find(({ name }) => name === video)!.payload_type
      ben.onPacket = packet => {
        if (packet.ssrc === camera && packet.payloadType === type) ben.send(video, packet)
      }
      ben.onFeedback = compound => {
        if (feedbackAbout([compound], ben.video).some(({ kind }) => kind.startsWith('206'))) ben.askKeyframe(camera)
      }
      ben.show()
      ben.askKeyframe(camera)
      await ana.until('the returned video', stats => framesDecoded(stats) > 30)
      await until('a want of 100', () => ben.wanted === 100)
    },
  )
