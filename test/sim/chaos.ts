// A simulated hour of random commands to one node, valid and invalid; afterwards every table must be empty.
import assert from 'node:assert/strict'
import { LIMITS } from '../../packages/core/src/limits.ts'
import { type BenchCredentials, connect, type Json } from '../../packages/core/src/testing/node-bench.ts'
import { SimCall, type SimClient } from './sim-call.ts'

const HOUR = 3_600_000
/** Random commands of the hour. */
export const STEPS = 3_000

const USERS = ['1', '2', '3', '4', '5', '6', '7', '8']
const CHANNELS = ['500', '501', '502', '900', '901']
const guildOf = (channelId: string) => (channelId.startsWith('9') ? null : '100')

class Chaos {
  readonly call: SimCall
  readonly #credentials: BenchCredentials[] = []
  readonly #clients: SimClient[] = []
  readonly #sockets: ReturnType<SimCall['bench']['client']>[] = []

  constructor(call: SimCall) {
    this.call = call
  }

  step(): void {
    this.#pick<() => void>([
      () => this.#join(),
      () => this.#join(),
      () => this.#connect(),
      () => this.#connect(),
      () => this.#talk(),
      () => this.#talk(),
      () => this.#talk(),
      () => this.#lvsp(),
      () => this.#lvsp(),
      () => this.#gateway(),
      () => this.#gateway(),
      () => this.#rawClient(),
      () => this.#garbage(),
      () => this.#disturb(),
    ])()
  }

  stop(): void {
    for (const client of this.#clients) client.leave()
    for (const socket of this.#sockets) socket.drop()
  }

  #join(): void {
    const channelId = this.#pick(CHANNELS)
    const credentials = this.call.backend.tryJoin(this.#pick(USERS), channelId, guildOf(channelId))
    if (credentials !== undefined) this.#credentials.push(credentials)
    if (this.#credentials.length > 40) this.#credentials.shift()
  }

  #connect(): void {
    if (this.#credentials.length === 0) return
    const version = this.#pick([4, 5, 7, 8, 9])
    this.#clients.push(this.call.client(this.#pick(this.#credentials), { version, video: this.#chance(0.3) }))
    if (this.#clients.length > 20) this.#clients.shift()!.leave()
  }

  #talk(): void {
    const client = this.#anyClient()
    if (client?.isLive) for (let sent = 0; sent < 5; sent++) client.say(`frame ${sent}`)
  }

  #lvsp(): void {
    const channelId = this.#pick(CHANNELS)
    const userId = this.#pick(USERS)
    const ref = { channel_id: channelId, guild_id: guildOf(channelId) }
    const [type, data] = this.#pick<[number, Json]>([
      [0, ref],
      [2, ref],
      [3, { ...ref, user_id: userId }],
      [3, { ...ref, user_id: userId, session_id: `main ${userId}` }],
      [5, { ...ref, user_id: userId }],
      [5, { session_id: `main ${userId}` }],
      [6, { ...ref, user_id: userId, mute: this.#chance(0.5), deaf: this.#chance(0.3), flags: this.#int(4) }],
      [
        16,
        { ...ref, channel_properties: { kind: this.#pick(['voice', 'stage', 'stream']), owner_id: this.#pick(USERS) } },
      ],
      [
        21,
        {
          channels: CHANNELS.slice(0, 4).map(id => ({
            channel_id: id,
            guild_id: guildOf(id),
            users: USERS.map(user_id => ({ user_id })),
          })),
        },
      ],
      [22, { ...ref, user_id: userId }],
      [0, { channel_id: channelId, guild_id: '666' }],
      [this.#int(40), { channel_id: this.#int(3) }],
      [3, { user_id: {}, channel_id: [] }],
      [5, null],
    ])
    this.call.backend.info(type, data)
  }

  #gateway(): void {
    const client = this.#anyClient()
    if (!client?.isLive) return
    const [op, data] = this.#pick<[number, Json]>([
      [5, { speaking: this.#int(8) }],
      [5, { speaking: this.#chance(0.5) }],
      [12, { audio_ssrc: client.ssrc, video_ssrc: this.#int(2), rtx_ssrc: 0, streams: [] }],
      [14, { codecs: [{ name: 'opus', type: 'audio', payload_type: 120 }] }],
      [15, { any: this.#pick([0, 100]), [this.#anyClient()?.ssrc ?? 1]: this.#pick([0, 100]) }],
      [16, {}],
      [32, {}],
      [
        1,
        {
          protocol: 'udp',
          data: { address: '203.0.113.77', port: client.address.port, mode: 'aead_aes256_gcm_rtpsize' },
        },
      ],
      [1, { protocol: 'udp', data: null }],
      [0, {}],
      [this.#int(60), { any: 'thing' }],
    ])
    client.session.command(op, data)
  }

  /** A hand-written gateway client that sends valid and malformed messages. */
  #rawClient(): void {
    const { bench } = this.call
    const credentials = this.#credentials.at(-1)
    if (credentials === undefined) return
    const socket = this.#chance(0.5)
      ? connect(bench, credentials, this.#pick(['3', '8']))
      : bench.client(this.#pick(['8', '0', '11']))
    this.#sockets.push(socket)
    if (this.#chance(0.3)) socket.send(7, { ...credentials, seq_ack: this.#int(70_000) })
    if (this.#chance(0.3)) socket.sendText('{'.repeat(this.#int(100)))
    if (this.#chance(0.3)) socket.sendText(this.#bytes())
    if (this.#sockets.length > 10) this.#sockets.shift()!.drop(this.#pick([1000, 1006, 4000]))
  }

  #garbage(): void {
    const bytes = this.#bytes()
    if (bytes.length > 12 && this.#chance(0.7)) {
      bytes[0] = 0x80 | this.#int(64)
      bytes[1] = this.#pick([0x78, 0xc8, 0xc9, 0xf8])
      new DataView(bytes.buffer).setUint32(8, this.#anyClient()?.ssrc ?? 1)
    }
    this.call.toNode(bytes, {
      ip: this.#pick(['203.0.113.77', '192.0.2.9', '2001:db8::5']),
      port: 30_000 + this.#int(100),
    })
  }

  #disturb(): void {
    const client = this.#anyClient()
    if (this.#chance(0.5)) client?.cut()
    else client?.rebind(this.#pick(['203.0.113.77', '198.51.100.2']))
  }

  #anyClient(): SimClient | undefined {
    return this.#clients.length === 0 ? undefined : this.#pick(this.#clients)
  }
  #bytes(): Uint8Array {
    return Uint8Array.from({ length: this.#int(200) }, () => this.#int(256))
  }
  #int(limit: number): number {
    return Math.floor(this.call.random() * limit)
  }
  #chance(share: number): boolean {
    return this.call.random() < share
  }
  #pick<T>(items: readonly T[]): T {
    return items[this.#int(items.length)]!
  }
}

/** Throws unless the node survives and releases all state. */
export async function surviveChaos(seed: number): Promise<void> {
  const weather = { loss: 0.05, duplicates: 0.05, latency: 5, jitter: 40 }
  const call = await SimCall.create({ legacyModes: true }, seed, weather)
  const empty = call.router.inspect()
  const chaos = new Chaos(call)
  for (let step = 0; step < STEPS; step++) {
    chaos.step()
    call.advance(HOUR / STEPS)
  }
  assert.equal(call.backend.socket.closeCode, undefined)
  assert.deepEqual(
    call.bench.notes.filter(note => note.level === 'error'),
    [],
  )
  chaos.stop()
  call.backend.info(21, { channels: [] })
  call.advance(120_000)
  const { sessions, channels, voiceStates, lanes, connections, greetings, ...rest } = call.bench.node.inspect()
  assert.deepEqual(
    { sessions, channels, voiceStates, connections, greetings },
    { sessions: [], channels: [], voiceStates: 0, connections: 1, greetings: 0 },
  )
  assert.deepEqual(
    lanes.map(lane => [lane.peers, lane.channels]),
    [[0, 0]],
  )
  assert.deepEqual(
    rest.backends.map(({ channels, voiceStates, sessions }) => [channels, voiceStates, sessions]),
    [[0, 0, 0]],
  )
  assert.ok(rest.deadlines <= 1, 'only the backend connection may hold a deadline')
  assert.deepEqual(call.router.inspect(), empty)
  // What is kept for RESUME goes with the session of the backend.
  call.backend.socket.drop()
  call.advance(LIMITS.lvspResumeWindow)
  const { connections: open, backends } = call.bench.node.inspect()
  assert.equal(open, 0)
  assert.deepEqual(
    backends.map(({ memory }) => memory),
    [0],
  )
}
