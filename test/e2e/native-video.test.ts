// Native clients with cameras: two on real sockets, each with numbers of its own, and one whose picture a browser shows.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LvspClient, type VoiceCredentials } from '@parley/client'
import { type RtpPacket, VoiceMode, VoiceOp } from '@parley/protocol'
import { createServer } from '@parley/server'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { feedbackAbout, type NativeOptions, NativeVideoClient, nativeCodecs } from './native-video-client.ts'
import { until } from './until.ts'
import { framesDecoded } from './web-member.ts'

const BROWSER = { timeout: 90_000, skip: withoutChromium() }
const GUILD = '41771983423143937'
const CHANNEL = '127121515262115840'
const ANA = '81384788765712384'
const BEN = '81384788765712385'

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

/** What only the sender knows: bytes of any value, and of every length that fits a datagram. */
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

/** Sends again what the node asks for. `whole` finds the number that a sequence is the end of. */
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
  /** Ana sends, Ben looks: each prefers another codec, and numbers both in his own order. */
  const pair = async (context: TestContext) => {
    const scene = await Scene.open(context, engine)
    const ana = await scene.join(ANA, { codecs: nativeCodecs('H264', 'VP8', 'AV1') })
    const ben = await scene.join(BEN, { codecs: nativeCodecs('VP8', 'H264'), mode: MODES[engine] })
    ana.show()
    await until('word of the camera', () => ben.members.get(ANA)?.video !== undefined)
    const { ssrc, rtxSsrc } = ben.members.get(ANA)!.video!
    assert.deepEqual([ssrc, rtxSsrc], [ana.video, ana.video + 1])
    // A client without an address is sent nothing: a question of its own proves it.
    ben.askKeyframe(ana.video)
    return { ana, ben }
  }

  for (const [codec, type] of [
    ['H264', 103],
    ['VP8', 101],
  ] as const)
    test(`what one sends in ${codec} the other gets, byte for byte, by its own number (${engine} engine)`, async context => {
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
      // A lane without time for it drops video; what comes later tells that something is missing.
      const poke = setInterval(send, 200)
      const heard = () => new Map(ben.packets.map(packet => [whole(packet.sequence), packet]))
      const sent = Array.from({ length: 100 }, (_, index) => first + index)
      await until('all packets', () => sent.every(sequence => heard().has(sequence)))
      clearInterval(poke)
      for (const sequence of sent) assert.deepEqual(essence(heard().get(sequence)!), essence(packetOf(sequence)))
      for (const { ssrc, payloadType } of ben.packets) assert.deepEqual([ssrc, payloadType], [ana.video, type])
    })

  test(`what got lost is had again: by the node from the sender, by a viewer from the node (${engine} engine)`, async context => {
    const { ana, ben } = await pair(context)
    for (const sequence of [1, 2, 4, 5]) ana.send('H264', packetOf(sequence))
    const asked = () => feedbackAbout(ana.feedback, ana.video).filter(({ kind }) => kind === '205/1')
    await until('the node’s question', () => asked().length > 0)
    assert.deepEqual(asked()[0]!.words, [3 << 16])
    ana.sendAgain('H264', 0, packetOf(3))
    await until('all five', () => ben.packets.length === 5)
    const original = ben.packets.find(({ sequence }) => sequence === 3)!
    assert.deepEqual(essence(original), essence(packetOf(3)))
    assert.deepEqual([original.ssrc, original.payloadType], [ana.video, 103])

    for (const [rtxSequence, sequence] of [2, 3].entries()) {
      ben.packets.length = 0
      ben.askAgain(ana.video, sequence)
      await until('the packet once more', () => ben.packets.length === 1)
      const [again] = ben.packets
      const { payload, ...packet } = packetOf(sequence)
      const whole = Uint8Array.of(sequence >> 8, sequence & 0xff, ...payload)
      assert.deepEqual(essence(again!), essence({ ...packet, sequence: rtxSequence, payload: whole }))
      assert.deepEqual([again!.ssrc, again!.payloadType], [ana.video + 1, 104])
    }
  })

  test(`who needs a keyframe has the sender asked, and who turns away has it stop (${engine} engine)`, async context => {
    const { ana, ben } = await pair(context)
    await until('the request', () => feedbackAbout(ana.feedback, ana.video).some(({ kind }) => kind === '206/1'))
    await until('the word that somebody looks', () => ana.wanted === 100)
    ben.command(VoiceOp.MediaSinkWants, { any: 100, [ana.video]: 0 })
    await until('the word that nobody does', () => ana.wanted === 0)
    ana.send('H264', packetOf(1))
    await ana.settled()
    ben.command(VoiceOp.MediaSinkWants, { any: 50 })
    await until('the word that somebody does again', () => ana.wanted === 50)
    ana.send('H264', packetOf(2))
    await until('what is sent from then on', () => ben.packets.length > 0)
    assert.deepEqual(ben.packets.map(essence), [essence(packetOf(2))])
    ana.show(false)
    await until('word that the camera is off', () => ben.members.get(ANA)?.video === undefined)
  })
}

test('the codec is one that the other can decode, and the better one once he has left', {
  timeout: 30_000,
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
  test(`a browser sees what a native client sends in ${video}: its own picture, sent back`, BROWSER, async context => {
    const scene = await BrowserScene.open(context)
    const ana = await scene.joinWeb(ANA, { video })
    const codecs = nativeCodecs('H264', 'VP8')
    const ben = await NativeVideoClient.join(context, await scene.admit(BEN), { url: scene.server.url, codecs })
    await until('word of the browser’s camera', () => ben.members.get(ANA)?.video !== undefined)
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
    await ana.until('her own picture', stats => framesDecoded(stats) > 30, 30_000)
    await until('the word that she looks', () => ben.wanted === 100)
  })
