// Video of a channel on several lanes: viewers on other lanes get the layer that they want, and what they lost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp, PICTURE_LOSS_LENGTH, writeNack, writePictureLoss } from '@parley/protocol'
import { Stage, type StageCopy, type StageMember } from './stage.ts'
import { codecs } from './video-caller.ts'

const VP8 = 103
const STREAMS = [
  { type: 'video', rid: '100', quality: 100 },
  { type: 'video', rid: '50', quality: 50 },
]

/** A sender of two layers on lane 0, one viewer there, and two viewers on lane 1. */
class VideoStage {
  readonly stage = new Stage(2, 2)
  readonly sender: StageMember
  readonly viewers: readonly StageMember[]
  readonly high: number
  readonly low: number
  readonly #sequences = new Map<number, number>()
  /** Layers that the sender has to send a keyframe of. */
  readonly #asked = new Set<number>()

  constructor() {
    const join = (userId: string) =>
      this.stage.join(userId, {}, { video: true, streams: STREAMS }, codecs('H264', 'VP8'))
    this.sender = join('1')
    join('2')
    this.high = this.sender.ssrc + 1
    this.low = this.sender.ssrc + 3
    const streams = STREAMS.map((stream, index) => {
      const ssrc = this.high + 2 * index
      return { ...stream, ssrc, rtx_ssrc: ssrc + 1, active: true }
    })
    const { ssrc } = this.sender
    this.sender.socket.send(12, { audio_ssrc: ssrc, video_ssrc: this.high, rtx_ssrc: this.high + 1, streams })
    this.viewers = ['3', '4'].map(join)
    assert.deepEqual(
      this.viewers.map(({ lane }) => lane),
      [1, 1],
    )
  }

  /**
   * The sender sends a frame of one packet of each layer every 40 ms, and keyframes where it is asked for them. Returns what members
   * are sent of the last frames, and the SSRCs of the layers that keyframes were requested of.
   */
  play(duration: number): { last: StageCopy[]; requested: number[] } {
    const requested = new Set<number>()
    let last: StageCopy[] = []
    for (let time = 0; time < duration; time += 40) {
      this.stage.advance(40)
      this.#note(requested)
      for (const ssrc of [this.high, this.low]) this.#frame(ssrc, this.#asked.delete(ssrc))
      this.stage.settle()
      last = this.#note(requested)
    }
    return { last, requested: [...requested] }
  }

  /** Keyframe requests to the sender; the other copies are returned. */
  #note(requested: Set<number>): StageCopy[] {
    return this.stage.take().filter(({ to, bytes }) => {
      if (to !== this.sender || bytes[1] !== 206) return true
      const ssrc = viewOf(bytes).getUint32(8)
      requested.add(ssrc)
      this.#asked.add(ssrc)
      return false
    })
  }

  #frame(ssrc: number, isKeyframe: boolean): void {
    const sequence = this.#sequences.get(ssrc) ?? 0
    this.#sequences.set(ssrc, sequence + 1)
    const payload = Uint8Array.of(0x10, isKeyframe ? 0 : 1, sequence, 9)
    const packet = { payloadType: VP8, sequence, timestamp: this.stage.bench.now * 90, ssrc, payload }
    this.stage.packet(this.sender, encodeRtp(packet))
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
const isVideo = ({ bytes }: StageCopy): boolean => (bytes[1]! & 0x7f) === VP8
const sent = (copies: readonly StageCopy[]): [string, number][] =>
  copies
    .filter(isVideo)
    .map(({ to, bytes }): [string, number] => [to.userId, viewOf(bytes).getUint32(8)])
    .sort()

test('a viewer on another lane that joins causes a keyframe request to the sender, and then gets the video', () => {
  const video = new VideoStage()
  const { stage, sender, high } = video
  video.play(1_000)
  assert.deepEqual(video.play(1_000).requested, [])
  const join = (userId: string) => stage.join(userId, {}, { video: true }, codecs('H264', 'VP8'))
  const lanes = [sender, join('5')].map(({ lane }) => lane)
  video.play(1_000)
  assert.deepEqual([...lanes, join('6').lane], [0, 0, 1])
  const { requested, last } = video.play(1_000)
  assert.deepEqual(requested, [high])
  assert.deepEqual(
    sent(last),
    ['2', '3', '4', '5', '6'].map(userId => [userId, high]),
  )
})

test('each viewer on another lane gets the layer that it wants, from the next keyframe of it on', () => {
  const video = new VideoStage()
  const { stage, high, low } = video
  const [third, fourth] = video.viewers
  video.play(1_000)
  fourth!.socket.send(15, { any: 100, [high]: 0, [low]: 50 })
  stage.settle()
  const { requested, last } = video.play(1_000)
  assert.deepEqual(requested, [low])
  assert.deepEqual(sent(last), [
    ['2', high],
    ['3', high],
    ['4', low],
  ])
  // The sender is sent what viewers on all lanes want.
  assert.deepEqual(video.sender.socket.last(15), { any: 100, [high]: 100, [low]: 50 })
  for (const member of [stage.members.get('2'), third, fourth]) member!.socket.send(15, { any: 0 })
  video.play(5_000)
  assert.equal(video.sender.socket.last(15).any, 0)
})

test('a viewer’s NACK is answered by its own lane, and its keyframe request reaches the sender', () => {
  const video = new VideoStage()
  const { stage, high } = video
  const [third] = video.viewers
  const { last } = video.play(1_000)
  const lost = viewOf(last.find(({ to }) => to === third)!.bytes).getUint16(2)
  video.play(80)
  const nack = new Uint8Array(16)
  writeNack(viewOf(nack), 0, { sender: third!.ssrc, media: high }, Int32Array.of(lost), 1)
  stage.packet(third!, nack)
  assert.deepEqual(
    stage.take().map(({ to, bytes }) => [to.userId, viewOf(bytes).getUint32(8), viewOf(bytes).getUint16(12)]),
    [['3', high + 1, lost]],
  )
  const loss = new Uint8Array(PICTURE_LOSS_LENGTH)
  writePictureLoss(viewOf(loss), 0, third!.ssrc, high)
  stage.packet(third!, loss)
  assert.deepEqual(video.play(80).requested, [high])
})

test('a camera that a member on another lane turns on is seen on all lanes', () => {
  const video = new VideoStage()
  const { stage } = video
  const [third] = video.viewers
  const ssrc = third!.ssrc + 1
  const stream = { type: 'video', rid: '100', ssrc, rtx_ssrc: ssrc + 1, active: true, quality: 100 }
  third!.socket.send(12, { audio_ssrc: third!.ssrc, video_ssrc: ssrc, rtx_ssrc: ssrc + 1, streams: [stream] })
  stage.settle()
  const payload = Uint8Array.of(0x10, 0, 1, 9)
  stage.packet(third!, encodeRtp({ payloadType: VP8, sequence: 1, timestamp: 90, ssrc, payload }))
  stage.settle()
  assert.deepEqual(sent(stage.take()), [
    ['1', ssrc],
    ['2', ssrc],
    ['4', ssrc],
  ])
})
