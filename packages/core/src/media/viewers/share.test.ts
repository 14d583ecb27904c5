// What the steps of a source cost, and which limit an allocation sets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameRates } from '../layers/frame-rates.ts'
import { ALL_FRAMES, type LayerChoice, type LayerView } from '../layers/layer-choice.ts'
import { Share } from './share.ts'

/** A layer that sends bytes of temporal layers 0 to 2 every 10 ms, while it is sent. */
class FakeLayer implements LayerView {
  readonly quality: number
  isAvailable = true
  readonly #bytes: readonly number[]
  readonly #rates = new FrameRates()

  constructor(quality: number, bytes: readonly number[]) {
    this.quality = quality
    this.#bytes = bytes
  }
  send(now: number): void {
    for (const [temporal, bytes] of this.#bytes.entries()) this.#rates.add(temporal, bytes, now)
  }
  bitrate(now: number): number {
    return this.#rates.upTo(ALL_FRAMES, now)
  }
  bitrateUpTo(temporal: number, now: number): number {
    return this.#rates.upTo(temporal, now)
  }
  peakUpTo(temporal: number, now: number): number {
    return this.#rates.peakUpTo(temporal, now)
  }
  highestTemporal(now: number): number {
    return this.#rates.highest(now)
  }
}

function scene({ kind = 'camera' as 'camera' | 'screen', isThinnable = true } = {}) {
  const layers = [new FakeLayer(50, [10, 5, 15]), new FakeLayer(100, [40, 20, 60])]
  const limits: [limit: number, temporal: number][] = []
  const choice: LayerChoice = {
    viewer: 2,
    source: { kind, sender: 1, layers },
    wanted: 1,
    pixels: 0,
    limit: Infinity,
    target: 1,
    current: 1,
    temporal: ALL_FRAMES,
    isThinnable,
    reason: undefined,
    sentBitrate: () => 0,
    setLimit: (limit, temporal) => void limits.push([limit, temporal]),
  }
  const share = new Share(choice)
  const send = (from: number, to: number, which = layers) => {
    for (let now = from; now < to; now += 10) for (const layer of which) layer.send(now)
  }
  /** In kilobits per second, at the end of a bucket of the measurement. */
  const costs = (now: number) => {
    share.refresh(undefined, now)
    return share.demand.bitrates.map(bits => Math.round(bits / 1_000))
  }
  const apply = (step: number, now: number) => {
    share.demand.permitted = step
    share.apply({ estimate: 0, isConfirmed: false, isAtOnce: true }, now)
    return limits.at(-1)
  }
  return { layers, demand: share.demand, send, costs, apply }
}
const END = 1_999

test('a camera may lose every second frame of a better layer, and more of the lowest', () => {
  const { send, costs, apply } = scene()
  send(1_000, 2_000)
  assert.deepEqual(costs(END), [8, 12, 24, 24, 48, 48, 96, 96])
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7].map(step => apply(step, END)),
    [
      [0, 0],
      [0, 1],
      [0, ALL_FRAMES],
      [0, ALL_FRAMES],
      [1, 1],
      [1, 1],
      [1, ALL_FRAMES],
      [1, ALL_FRAMES],
    ],
  )
  assert.deepEqual(
    [apply(-1, END), apply(Infinity, END)],
    [
      [-1, ALL_FRAMES],
      [Infinity, ALL_FRAMES],
    ],
  )
})

test('a screen may lose any but the frames of layer 0, and a viewer whose packets are not numbered for it none', () => {
  const screen = scene({ kind: 'screen' })
  screen.send(1_000, 2_000)
  assert.deepEqual(screen.costs(END), [8, 12, 24, 24, 32, 48, 96, 96])
  const discord = scene({ isThinnable: false })
  discord.send(1_000, 2_000)
  assert.deepEqual(discord.costs(END), [24, 24, 24, 24, 96, 96, 96, 96])
  assert.deepEqual(discord.apply(0, END), [0, ALL_FRAMES])
})

test('a layer that its sender suspends costs what its steps cost before, so that it returns with the frames that fit', () => {
  const { send, costs, apply } = scene()
  send(1_000, 2_000)
  const before = costs(END)
  assert.deepEqual(costs(10_000), before)
  assert.deepEqual(apply(0, 10_000), [0, 0])
})

test('a layer that was never sent costs a multiple of the one below it', () => {
  const { layers, send, costs } = scene()
  send(1_000, 2_000, [layers[0]!])
  assert.deepEqual(costs(END), [8, 12, 24, 24, 60, 60, 60, 60])
})

test('a layer that its sender does not send is paid for as the one below it, and the best that is sent is wanted', () => {
  const { layers, demand, send, costs } = scene()
  send(1_000, 2_000)
  costs(END)
  assert.deepEqual([demand.wanted, demand.sent], [7, [0, 1, 2, 3, 4, 5, 6, 7]])
  layers[0]!.isAvailable = false
  costs(END)
  assert.deepEqual([demand.wanted, demand.sent], [7, [0, 1, 2, 3, 4, 5, 6, 7]], 'it arrived within the last second')
  costs(10_000)
  assert.deepEqual([demand.wanted, demand.sent], [7, [-1, -1, -1, -1, 4, 5, 6, 7]])
  layers[1]!.isAvailable = false
  costs(10_000)
  assert.deepEqual([demand.wanted, demand.sent], [3, [-1, -1, -1, -1, 4, 5, 6, 7]], 'it returns in its lowest layer')
  layers[0]!.isAvailable = true
  costs(10_000)
  assert.deepEqual([demand.wanted, demand.sent], [3, [0, 1, 2, 3, 4, 5, 6, 7]])
})
