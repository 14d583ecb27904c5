// The voice client session against a node, on one virtual clock and a link that can fail.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClientSession, type VoiceOutput, type VoiceSessionOptions } from '@parley/client'
import { VoiceClose } from '@parley/protocol'
import {
  type BenchBackend,
  type BenchCredentials,
  type BenchSocket,
  NodeBench,
} from '../../packages/core/src/testing/node-bench.ts'

const MODE = 'aead_aes256_gcm_rtpsize'
const MINUTE = 60_000

/** A client session whose WebSocket is connected to the bench's node. */
class SimClient {
  readonly session: VoiceClientSession
  /** All outputs except messages and socket operations. */
  readonly events: VoiceOutput[] = []
  readonly #bench: NodeBench
  #socket: BenchSocket | undefined
  #read = 0
  /** While set, the link silently drops messages in both directions. */
  isDead = false

  constructor(
    bench: NodeBench,
    { server_id, channel_id, user_id, session_id, token }: BenchCredentials,
    options: Partial<VoiceSessionOptions> = {},
  ) {
    this.#bench = bench
    this.session = new VoiceClientSession({
      ...{ serverId: server_id, channelId: channel_id, userId: user_id, sessionId: session_id, token },
      ...{ random: () => 0.5, ...options },
    })
    this.session.start(bench.now)
    this.run()
  }

  /** Delivers messages both ways until none are left. */
  run(): this {
    for (let isBusy = true; isBusy; ) {
      const outputs = this.session.takeOutputs()
      for (const output of outputs) this.#apply(output)
      isBusy = this.#receive() || outputs.length > 0
    }
    return this
  }

  /** Breaks the connection; both ends notice. */
  cut(): this {
    this.#socket?.drop()
    return this.#lose(1006, 'cut').run()
  }

  kinds(): string[] {
    return this.events.map(event => event.kind)
  }
  users(): string[] {
    return Array.from(this.session.members, member => member.userId).sort()
  }

  #apply(output: VoiceOutput): void {
    switch (output.kind) {
      case 'connect':
        this.#socket = this.#bench.client(String(output.version))
        this.#read = 0
        return this.session.connectionOpened(this.#bench.now)
      case 'send':
        if (!this.isDead) this.#socket?.sendText(output.data)
        return
      case 'close':
        this.#socket?.drop(output.code)
        this.#socket = undefined
        return
      case 'ready':
        this.session.select({ protocol: 'udp', address: '192.0.2.1', port: 40_000, mode: MODE })
    }
    this.events.push(output)
  }

  /** Returns whether it delivered anything. */
  #receive(): boolean {
    const socket = this.#socket
    if (socket === undefined || this.isDead) return false
    const messages = socket.raw.slice(this.#read)
    this.#read = socket.raw.length
    for (const message of messages) this.session.messageReceived(message, this.#bench.now)
    if (socket.closeCode !== undefined) this.#lose(socket.closeCode, socket.closeReason)
    return messages.length > 0 || socket.closeCode !== undefined
  }

  #lose(code: number, reason: string): this {
    this.#socket = undefined
    this.session.connectionClosed(code, reason, this.#bench.now)
    return this
  }
}

/** Advances the clock for the node and its clients. */
function advance(bench: NodeBench, clients: SimClient[], duration: number): void {
  const end = bench.now + duration
  const next = () => Math.min(bench.node.deadline, ...clients.map(client => client.session.deadline))
  for (let at = next(); at <= end; at = next()) {
    bench.advance(Math.max(0, at - bench.now))
    for (const client of clients) client.session.tick(bench.now)
    for (const client of clients) client.run()
  }
  bench.advance(end - bench.now)
  for (const client of clients) client.run()
}

function scene(version = 9): { bench: NodeBench; backend: BenchBackend; ana: SimClient; ben: SimClient } {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = new SimClient(bench, backend.join('1'), { version })
  const ben = new SimClient(bench, backend.join('2'), { version })
  ana.run()
  ben.run()
  return { bench, backend, ana, ben }
}

test('at every version two clients join, see each other and stay connected for an hour', () => {
  for (const version of [4, 5, 6, 7, 8, 9]) {
    const { bench, ana, ben } = scene(version)
    assert.deepEqual([ana.users(), ben.users()], [['2'], ['1']], `v${version}`)
    advance(bench, [ana, ben], 60 * MINUTE)
    assert.deepEqual([ana.session.state, ben.session.state], ['live', 'live'], `v${version}`)
    assert.equal(ana.kinds().includes('disconnected'), false)
    assert.equal(ana.session.roundTrip, 0, 'heartbeats were answered')
  }
})

test('speaking reaches the other client with SSRC and user', () => {
  for (const version of [4, 9]) {
    const { ana, ben } = scene(version)
    ana.session.setSpeaking(1)
    ana.run()
    ben.run()
    const { ssrc } = ben.session.members.get('1') ?? {}
    assert.equal(ben.session.members.get('1')?.speaking, 1)
    assert.equal(ben.session.members.bySsrc(ssrc!)?.userId, '1')
  }
})

test('a client whose connection is lost resumes and misses nothing', () => {
  for (const version of [7, 8, 9]) {
    const { bench, backend, ana, ben } = scene(version)
    ana.cut()
    ben.session.setSpeaking(1)
    ben.run()
    const eve = new SimClient(bench, backend.join('3'), { version })
    ben.run()
    advance(bench, [ana, ben, eve], 1_000)
    assert.equal(ana.session.state, 'live', `v${version}`)
    assert.ok(ana.kinds().includes('resumed'))
    assert.deepEqual(ana.users(), ['2', '3'])
    assert.equal(ana.session.members.get('2')?.speaking, 1)
    assert.equal(ben.kinds().includes('userDisconnected'), false, 'other members are not notified')
  }
})

test('a silently dead link is detected, and the session is resumed', () => {
  const { bench, ana, ben } = scene()
  ana.isDead = true
  advance(bench, [ana, ben], 27_500)
  assert.equal(ana.events.at(-1)?.kind, 'disconnected')
  ana.isDead = false
  advance(bench, [ana, ben], 1_000)
  assert.deepEqual([ana.session.state, ana.events.at(-1)?.kind], ['live', 'resumed'])
  assert.deepEqual(ben.users(), ['1'])
})

test('a client that resumes after the window starts a new session and is announced again', () => {
  const { bench, ana, ben } = scene()
  ana.cut()
  advance(bench, [ben], 31_000)
  assert.deepEqual(ben.users(), [])
  advance(bench, [ana, ben], 2_000)
  assert.equal(ana.session.state, 'live')
  assert.deepEqual(
    ana.kinds().filter(kind => kind === 'ready' || kind === 'resumed'),
    ['ready', 'ready'],
  )
  assert.deepEqual([ana.users(), ben.users()], [['2'], ['1']])
})

test('a removed client is closed with the reason and does not reconnect', () => {
  const { bench, backend, ana, ben } = scene()
  backend.info(5, { user_id: '1', channel_id: '500', guild_id: '100' })
  advance(bench, [ana, ben], MINUTE)
  const last = ana.events.at(-1)
  assert.deepEqual(last?.kind === 'closed' && last.code, VoiceClose.Disconnected)
  assert.deepEqual(ben.users(), [])
})

test('of two clients with the same credentials, one eventually gives up', () => {
  const bench = new NodeBench()
  const credentials = bench.backend().join('1')
  const clients = [new SimClient(bench, credentials), new SimClient(bench, credentials, { random: () => 0.9 })]
  advance(bench, clients, 30 * MINUTE)
  assert.deepEqual(clients.map(client => client.session.state).sort(), ['closed', 'live'])
})

test('a wrong token is rejected with 4004', () => {
  const bench = new NodeBench()
  const ana = new SimClient(bench, { ...bench.backend().join('1'), token: 'wrong' })
  const [event] = ana.events
  assert.deepEqual(event?.kind === 'closed' && event.code, VoiceClose.AuthenticationFailed)
})

test('a client that leaves is removed at once', () => {
  const { ana, ben } = scene()
  ana.session.close()
  ana.run()
  ben.run()
  assert.deepEqual(ben.users(), [])
})
