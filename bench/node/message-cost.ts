// Cost of one LVSP or voice gateway message in a node without sockets, by the number of channels of one guild.
import { createHmac } from 'node:crypto'
import { VoiceNode } from '@parley/core'
import { PLAIN_NODE } from '../../packages/core/src/testing/node-bench.ts'
import { nodeCrypto } from '../../packages/server/src/crypto.ts'
import { round } from '../report/rows.ts'
import { median, percentile } from '../statistics.ts'

const SECRET = 'a secret of the benchmark'
const GUILD = '100'
/** The user whose voice state the messages are about. */
const USER = '7'
/** Channels that one part of a SYNC lists. */
const LISTED = 100

export interface MessageCost {
  message: string
  channels: number
  /** Microseconds of one message. */
  median: number
  p99: number
}

class Node {
  readonly node = new VoiceNode({
    ...PLAIN_NODE,
    crypto: nodeCrypto,
    serverVersion: 'bench',
    backends: [{ id: 'main', secrets: [SECRET], maxChannels: 1_000_000, maxMemory: 2 ** 40 }],
    announce: ['127.0.0.1'],
  })
  now = 0
  #connections = 0

  open(protocol: 'lvsp' | 'gateway'): number {
    const id = ++this.#connections
    const remoteAddress = '127.0.0.1'
    if (protocol === 'lvsp') this.node.connectionOpened(id, { protocol, remoteAddress }, this.now)
    else {
      const opening = { protocol, version: '8', remoteAddress, localAddress: '127.0.0.1' } as const
      this.node.connectionOpened(id, opening, this.now)
    }
    return id
  }

  /** Messages of the node since the last call. */
  received(): { op: number; d: Record<string, unknown> }[] {
    return this.node
      .takeEffects()
      .flatMap(effect => (effect.kind === 'send' ? [JSON.parse(effect.data as string)] : []))
  }

  send(connection: number, op: number, d: object): void {
    this.now += 1
    this.node.messageReceived(connection, JSON.stringify({ op, d }), this.now)
  }

  authenticate(connection: number, op: 1 | 2): void {
    const nonce = String(this.received().at(-1)?.d.nonce)
    const token = createHmac('sha256', SECRET).update(nonce).digest('hex')
    this.send(connection, op, { token, capabilities: ['stats', 'sync', 'user_token'] })
  }

  /** Microseconds that the node takes for a message and its effects. */
  cost(input: () => void): number {
    const started = performance.now()
    input()
    this.node.takeEffects()
    return (performance.now() - started) * 1_000
  }
}

const channelId = (index: number) => String(1_000 + index)
const place = (index: number) => ({ user_id: USER, channel_id: channelId(index), guild_id: GUILD })

/** A node whose backend has so many channels in one guild, each with another user. */
function filledNode(channels: number): { node: Node; backend: number } {
  const node = new Node()
  const backend = node.open('lvsp')
  node.authenticate(backend, 1)
  for (let i = 0; i < channels; i++)
    node.send(backend, 6, { type: 3, data: { ...place(i), user_id: String(10_000 + i) } })
  node.received()
  return { node, backend }
}

/** Each returns the cost of its message, in a state that it leaves as it was. */
function messages(node: Node, backend: number, channels: number): Record<string, (round: number) => number> {
  const info = (type: number, data: object) => node.cost(() => node.send(backend, 6, { type, data }))
  const create = (index: number) => info(3, { ...place(index), session_id: `session ${index}` })
  const destroy = (index: number) => info(5, place(index))
  const around = (index: number, measured: () => number) => {
    create(index)
    const cost = measured()
    destroy(index)
    return cost
  }
  const somewhere = (round: number) => (round * 7_919) % channels
  return {
    'CHANNEL_REQ, known': round => info(0, { channel_id: channelId(somewhere(round)), guild_id: GUILD }),
    'CHANNEL_REQ, new': () => {
      const cost = info(0, { channel_id: '999', guild_id: GUILD })
      info(2, { channel_id: '999' })
      return cost
    },
    CHANNEL_DESTROY: () => {
      info(0, { channel_id: '999', guild_id: GUILD })
      return info(2, { channel_id: '999' })
    },
    VOICE_STATE_CREATE: round => {
      const cost = create(somewhere(round))
      destroy(somewhere(round))
      return cost
    },
    'VOICE_STATE_CREATE, a move': round =>
      around(somewhere(round), () => {
        const cost = create(somewhere(round + 1))
        destroy(somewhere(round + 1))
        return cost
      }),
    VOICE_STATE_UPDATE: round => around(somewhere(round), () => info(6, { ...place(somewhere(round)), mute: true })),
    'VOICE_STATE_DESTROY by session id': round =>
      around(somewhere(round), () => info(5, { session_id: `session ${somewhere(round)}` })),
    'VOICE_STATE_DESTROY by user and guild': round =>
      around(somewhere(round), () => info(5, { user_id: USER, guild_id: GUILD })),
    TOKEN_REFRESH: round => around(somewhere(round), () => info(22, place(somewhere(round)))),
    STATS: () => info(23, {}),
    'SYNC, per listed channel': round => {
      const listed = Array.from({ length: LISTED }, (_, i) => (somewhere(round) + i) % channels)
      const users = (index: number) => [{ user_id: String(10_000 + index) }]
      const part = listed.map(index => ({ channel_id: channelId(index), guild_id: GUILD, users: users(index) }))
      return info(21, { channels: part, more: true }) / LISTED
    },
    Identify: round => around(somewhere(round), () => identified(node, backend, somewhere(round)).cost),
    Resume: round =>
      around(somewhere(round), () => {
        const { credentials } = identified(node, backend, somewhere(round))
        const connection = node.open('gateway')
        const cost = node.cost(() => node.send(connection, 7, { ...credentials, seq_ack: 0 }))
        node.node.connectionClosed(connection, 1000, node.now)
        node.received()
        return cost
      }),
  }
}

function identified(node: Node, backend: number, index: number) {
  node.send(backend, 6, { type: 3, data: place(index) })
  const done = node.received().at(-1)
  if (done === undefined) throw new Error('no VOICE_STATE_DONE')
  const { token, session_id } = done.d.data as { token: string; session_id: string }
  const credentials = { server_id: GUILD, user_id: USER, session_id, token }
  const connection = node.open('gateway')
  node.received()
  const cost = node.cost(() => node.send(connection, 0, credentials))
  return { cost, credentials }
}

/** The longest turn of a node that sends a backend its whole state, and all of its turns. */
function resumeByState(node: Node): number[] {
  const connection = node.open('lvsp')
  const turns: number[] = []
  turns.push(node.cost(() => node.authenticate(connection, 2)))
  while (node.node.deadline <= node.now) turns.push(node.cost(() => node.node.tick(node.now)))
  return turns
}

export function benchMessageCost(sizes: readonly number[], rounds: number): MessageCost[] {
  return sizes.flatMap(channels => {
    const { node, backend } = filledNode(channels)
    const costs = Object.entries(messages(node, backend, channels)).map(([message, measure]) => {
      for (let i = 0; i < rounds / 5; i++) measure(i)
      const values = Array.from({ length: rounds }, (_, i) => measure(i))
      return { message, channels, median: median(values), p99: percentile(values, 0.99) }
    })
    const turns = resumeByState(node)
    return [
      ...costs,
      { message: 'RESUME by state, per turn', channels, median: median(turns), p99: percentile(turns, 0.99) },
    ]
  })
}

export function printMessageCost(costs: readonly MessageCost[]): void {
  const sizes = [...new Set(costs.map(({ channels }) => channels))]
  const names = [...new Set(costs.map(({ message }) => message))]
  const cell = (message: string, channels: number) => {
    const cost = costs.find(each => each.message === message && each.channels === channels)
    return `${round(cost?.median, 1)} / ${round(cost?.p99, 1)}`
  }
  const row = (message: string) =>
    Object.fromEntries([
      ['median / p99, µs', message],
      ...sizes.map(channels => [`${round(channels)} channels`, cell(message, channels)]),
    ])
  console.table(names.map(row))
}
