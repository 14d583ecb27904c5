import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../testing/seeded-random.ts'
import { allocate, allocateStart, type Demand } from './allocation.ts'

const LAYERS = [100, 300, 1_000]
let spokeAt = 0

function demand(more: Partial<Demand> = {}): Demand {
  const bitrates = more.bitrates ?? LAYERS
  return {
    isScreen: false,
    isSelected: false,
    isHeard: false,
    spokeAt: --spokeAt,
    lowest: 0,
    wanted: bitrates.length - 1,
    current: bitrates.length - 1,
    bitrates,
    peaks: bitrates,
    sent: bitrates.map((_, step) => step),
    permitted: -1,
    ...more,
  }
}
const sent = ({ permitted, wanted }: Demand) => Math.min(permitted, wanted)
function layersOf(demands: Demand[], bandwidth: number): number[] {
  allocate([...demands], bandwidth)
  return demands.map(sent)
}

test('before anything is measured one source is sent in its lowest layer, also if that took more before', () => {
  for (const isScreen of [false, true]) {
    const one = demand({ isScreen, current: -1, bitrates: [400_000, 900_000], peaks: [600_000, 1_500_000] })
    allocateStart([one])
    assert.equal(one.permitted, 0)
  }
})

test('before anything is measured a source that its sender has paused does not keep others from being sent', () => {
  const [paused, other] = [demand({ wanted: -1, current: -1 }), demand({ current: -1, bitrates: [300_000] })]
  allocateStart([paused, other])
  assert.deepEqual([paused, other].map(sent), [-1, 0])
})

test('a screen comes before every camera', () => {
  const demands = [demand({ isSelected: true }), demand({ isScreen: true }), demand()]
  assert.deepEqual(layersOf(demands, 1_000), [-1, 2, -1])
  assert.deepEqual(layersOf(demands, 1_250), [0, 2, 0])
  assert.deepEqual(layersOf(demands, 999), [1, 1, 1])
})

test('every camera gets its lowest layer before the selected one is raised', () => {
  const demands = [demand(), demand({ isSelected: true }), demand()]
  assert.deepEqual(layersOf(demands, 300), [0, 0, 0])
  assert.deepEqual(layersOf(demands, 500), [0, 1, 0])
  assert.deepEqual(layersOf(demands, 1_200), [0, 2, 0])
})

test('the others rise one step at a time, the last speaker first', () => {
  const demands = [demand({ spokeAt: 1 }), demand({ spokeAt: 3 }), demand({ spokeAt: 2 })]
  assert.deepEqual(layersOf(demands, 500), [0, 1, 0])
  assert.deepEqual(layersOf(demands, 700), [0, 1, 1])
  assert.deepEqual(layersOf(demands, 900), [1, 1, 1])
  assert.deepEqual(layersOf(demands, 1_600), [1, 2, 1])
})

test('members who are heard come first, and keep their order while several are', () => {
  const demands = [demand({ spokeAt: 9 }), demand({ isHeard: true, spokeAt: 3 }), demand({ isHeard: true, spokeAt: 2 })]
  assert.deepEqual(layersOf(demands, 100), [-1, 0, -1])
  assert.deepEqual(layersOf(demands, 200), [-1, 0, 0])
})

test('a layer that takes less than the one below it does not keep sources from rising further', () => {
  const demands = [demand({ bitrates: [100, 90, 250] }), demand({ bitrates: [100] })]
  assert.deepEqual(layersOf(demands, 1_000), [2, 0])
})

test('a source is paused only if its lowest layer does not fit, and the last speaker is paused last', () => {
  const demands = [demand({ spokeAt: 1 }), demand({ spokeAt: 3 }), demand({ spokeAt: 2 })]
  assert.deepEqual(layersOf(demands, 99), [-1, -1, -1])
  assert.deepEqual(layersOf(demands, 100), [-1, 0, -1])
  assert.deepEqual(layersOf(demands, 250), [-1, 0, 0])
})

test('a layer that is not sent yet needs a reserve, one that is sent does not', () => {
  assert.deepEqual(layersOf([demand({ current: 2 })], 1_000), [2])
  assert.deepEqual(layersOf([demand({ current: 1 })], 1_000), [1])
  assert.deepEqual(layersOf([demand({ current: 1 })], 1_050), [2])
})

test('a layer that is not sent yet needs its recent peak, one that is sent what it takes now', () => {
  const peaks = [100, 400, 1_500]
  assert.deepEqual(layersOf([demand({ current: 1, peaks })], 1_500), [1])
  assert.deepEqual(layersOf([demand({ current: 1, peaks })], 1_600), [2])
  assert.deepEqual(layersOf([demand({ current: 2, peaks })], 1_000), [2])
})

test('a layer above the wanted one is permitted if it would fit', () => {
  const one = demand({ wanted: 0 })
  allocate([one], 2_000)
  assert.equal(one.permitted, 2)
  allocate([one], 500)
  assert.equal(one.permitted, 1)
})

test('a layer that its sender does not send takes no more than the one below it', () => {
  const lowest = demand({ isSelected: true, lowest: 1, bitrates: [300, 1_000], sent: [-1, 1] })
  assert.deepEqual(layersOf([lowest, demand({ bitrates: [100, 500] })], 600), [0, 1])
  const middle = demand({ isSelected: true, current: 0, bitrates: [100, 900, 1_000], sent: [0, 0, 2] })
  assert.deepEqual(layersOf([middle, demand({ bitrates: [100, 500] })], 600), [1, 1])
  assert.deepEqual(layersOf([middle, demand({ bitrates: [100, 500] })], 1_550), [2, 1])
})

test('nothing is spent on a source that the viewer does not want', () => {
  assert.deepEqual(layersOf([demand({ isSelected: true, wanted: -1 }), demand()], 1_000), [-1, 2])
})

test('an allocation never exceeds the bandwidth, and pauses no camera while the lowest layers of all fit', () => {
  const random = seededRandom(2)
  for (let round = 0; round < 500; round++) {
    const demands = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, index) =>
      demand({
        isScreen: random() < 0.2,
        isSelected: index === 0,
        bitrates: LAYERS.slice(0, 1 + Math.floor(random() * 3)).map(rate => rate * (0.5 + random())),
      }),
    )
    const costOf = () => demands.reduce((sum, each) => sum + (each.bitrates[sent(each)] ?? 0), 0)
    const bandwidth = random() * 4_000
    const before = layersOf(demands, bandwidth)
    assert.ok(costOf() <= bandwidth + 1e-6)
    const least = demands.reduce((sum, { bitrates }) => sum + bitrates[0]!, 0)
    const isScreenless = !demands.some(({ isScreen }) => isScreen)
    if (isScreenless && bandwidth >= 1.05 * least) assert.ok(before.every(layer => layer >= 0))
  }
})

test('cameras lose frames before one is paused, and have all of them before the selected one is raised', () => {
  // Two layers of four steps each: the lowest in three temporal layers, the other with every second frame or all.
  const bitrates = [25, 50, 100, 100, 600, 600, 1_000, 1_000]
  const steps = { bitrates, lowest: 3, current: 7, wanted: 7 }
  const demands = [demand(steps), demand({ ...steps, isSelected: true }), demand(steps)]
  assert.deepEqual(layersOf(demands, 74), [0, 0, -1])
  assert.deepEqual(layersOf(demands, 75), [0, 0, 0])
  assert.deepEqual(layersOf(demands, 150), [0, 3, 0])
  assert.deepEqual(layersOf(demands, 300), [3, 3, 3])
  assert.deepEqual(layersOf(demands, 800), [3, 5, 3])
  assert.deepEqual(layersOf(demands, 1_700), [5, 7, 3])
})
