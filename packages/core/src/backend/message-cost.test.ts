// A message costs the same with many channels as with few.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BenchBackend, NodeBench, SECRET } from '../testing/node-bench.ts'

const GUILD = '100'
const FEW = 100
const MANY = 20_000
/** The best of several rounds does not depend on the load of the machine. */
const ROUNDS = 30

interface Scene {
  bench: NodeBench
  backend: BenchBackend
}

/** One guild with so many channels. */
function scene(channels: number): Scene {
  const bench = new NodeBench()
  const backend = bench.backend(SECRET, ['stats', 'user_token'])
  for (let i = 0; i < channels; i++) {
    const data = { channel_id: String(1_000 + i), guild_id: GUILD }
    bench.node.messageReceived(backend.socket.id, JSON.stringify({ op: 6, d: { type: 0, data } }), bench.now)
    bench.node.takeEffects()
  }
  return { bench, backend }
}

function best(measured: () => void, restore: () => void): number {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    measured()
    least = Math.min(least, performance.now() - started)
    restore()
  }
  return least
}

const USER = { user_id: '7', channel_id: '1000', guild_id: GUILD }

const messages: Record<string, (scene: Scene) => number> = {
  VOICE_STATE_CREATE: ({ backend }) =>
    best(
      () => backend.info(3, USER),
      () => backend.info(5, USER),
    ),
  'VOICE_STATE_DESTROY by user and guild': ({ backend }) =>
    best(
      () => backend.info(5, { user_id: '7', guild_id: GUILD }),
      () => backend.info(3, USER),
    ),
  STATS: ({ backend }) =>
    best(
      () => backend.info(23, {}),
      () => {},
    ),
  Identify: ({ bench, backend }) => {
    const { channel_id: _, ...identify } = backend.join('7', '1000', GUILD)
    let client = bench.client()
    return best(
      () => client.send(0, identify),
      () => {
        client.drop(1000)
        bench.advance(10_000)
        client = bench.client()
      },
    )
  },
}

const few = scene(FEW)
const many = scene(MANY)
for (const [message, measure] of Object.entries(messages))
  test(`${message} costs the same with ${MANY} channels as with ${FEW}`, () => {
    const expected = measure(few)
    const found = measure(many)
    assert.ok(found < 5 * expected + 0.05, `${found} ms instead of ${expected} ms`)
  })
