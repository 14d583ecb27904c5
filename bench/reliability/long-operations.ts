// How long a node with many channels works in one turn on operations that concern all of them, in which every other input waits.
import { createHmac } from 'node:crypto'
import { connect, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'
import type { Extent, Figure } from './figures.ts'

const GUILD = '100'
const CAPABILITIES = ['failure', 'stats', 'sync', 'user_token', 'draining']
/** One channel in so many has a call. */
const CALLS = 10

/** A node whose backend has so many channels, each with a voice state, some with a session. */
class LargeNode {
  readonly bench = new NodeBench({
    backends: [{ id: 'main', secrets: [SECRET], maxChannels: 1_000_000, maxMemory: 2 ** 40 }],
  })

  constructor(channels: number) {
    const { bench } = this
    const backend = bench.backend(SECRET, CAPABILITIES)
    for (let index = 0; index < channels; index++) {
      // Within the message rate of a backend.
      bench.advance(1)
      const credentials = backend.join(String(index), String(1_000_000 + index), GUILD)
      if (index % CALLS === 0)
        connect(bench, credentials).tap(
          () => {},
          () => {},
        )
      bench.laneCommands.length = 0
    }
  }

  /** Milliseconds of processor time of each turn: the input, then ticks until nothing is due. Effects are dropped. */
  turns(input: (now: number) => void): number[] {
    const { bench } = this
    const { node } = bench
    const turns: number[] = []
    const turn = (work: () => void) => {
      const before = process.cpuUsage()
      work()
      node.takeEffects()
      const { user, system } = process.cpuUsage(before)
      turns.push((user + system) / 1_000)
    }
    turn(() => input(bench.now))
    while (node.deadline <= bench.now) turn(() => node.tick(bench.now))
    return turns
  }

  /** Another connection of the backend, up to its first message. */
  authenticate(op: 1 | 2): (now: number) => void {
    const id = 1_000_000
    const { node, now } = this.bench
    node.connectionOpened(id, { protocol: 'lvsp', remoteAddress: '127.0.0.1' }, now)
    const hello = node.takeEffects().find(effect => effect.kind === 'send')
    const { nonce } = JSON.parse(String(hello?.data)).d
    const token = createHmac('sha256', SECRET).update(nonce).digest('hex')
    const text = JSON.stringify({ op, d: { token, capabilities: CAPABILITIES } })
    return at => node.messageReceived(id, text, at)
  }
}

export async function measureLongOperations({ channels, aims }: Extent): Promise<Figure[]> {
  const large = new LargeNode(channels)
  const { node } = large.bench
  const operations: Record<string, () => number[]> = {
    'RESUME by state': () => large.turns(large.authenticate(2)),
    CHANNEL_DRAINING: () => large.turns(now => node.drain(now + 1_000, now)),
  }
  return Object.entries(operations).flatMap(([name, run]) => {
    const turns = run()
    const total = turns.reduce((sum, turn) => sum + turn, 0)
    return [
      { what: `${name}, ${channels} channels: longest turn`, value: Math.max(...turns), unit: 'ms', atMost: aims.turn },
      { what: `${name}: all turns`, value: total, unit: 'ms' },
    ]
  })
}
