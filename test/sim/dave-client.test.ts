// The voice client's half of DAVE against a node: with the real library, in calls that change between sealed and clear.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadDavey, VoiceClientSession, type VoiceOutput } from '@parley/client'
import { type BenchCredentials, type BenchSocket, NodeBench } from './node-bench.ts'

const library = await loadDavey()
const FRAME = Uint8Array.of(0xfc, 1, 2, 3, 4, 5, 6, 7)
const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)

class Client {
  readonly session: VoiceClientSession
  readonly userId: string
  readonly codes: (string | undefined)[] = []
  readonly faults: string[] = []
  socket: BenchSocket | undefined
  /** What the node sent and the session has not been given yet, in order. */
  readonly #inbox: ((now: number) => void)[] = []
  readonly #bench: NodeBench

  constructor(bench: NodeBench, credentials: BenchCredentials, dave = library) {
    const { server_id: serverId, channel_id: channelId, user_id: userId, session_id: sessionId, token } = credentials
    this.#bench = bench
    this.userId = userId
    this.session = new VoiceClientSession({ serverId, channelId, userId, sessionId, token, dave, random: () => 0 })
    this.session.start(bench.now)
    this.step()
  }

  /** Whether there was anything to do. */
  step(): boolean {
    const inputs = this.#inbox.splice(0)
    for (const input of inputs) input(this.#bench.now)
    if (this.session.deadline <= this.#bench.now) this.session.tick(this.#bench.now)
    const outputs = this.session.takeOutputs()
    for (const output of outputs) this.#apply(output)
    return inputs.length + outputs.length > 0
  }

  #apply(output: VoiceOutput): void {
    if (output.kind === 'connect') this.#open(output.version)
    else if (output.kind === 'send') this.socket?.sendText(output.data)
    else if (output.kind === 'close') this.socket?.drop(output.code)
    else if (output.kind === 'ready')
      this.session.select({ protocol: 'udp', address: '192.0.2.1', port: 4, mode: 'aead_aes256_gcm_rtpsize' })
    else if (output.kind === 'encryption') this.codes.push(output.privacyCode)
    else if (output.kind === 'undecodable') this.faults.push(output.reason)
  }

  #open(version: number): void {
    this.#inbox.push(now => this.session.connectionOpened(now))
    this.socket = this.#bench.client(String(version))
    this.socket.tap(
      data => this.#inbox.push(now => this.session.messageReceived(data, now)),
      (code, reason) => this.#inbox.push(now => this.session.connectionClosed(code, reason, now)),
    )
  }
}

function run(bench: NodeBench, clients: readonly Client[], duration = 4_000): void {
  for (const until = bench.now + duration; ; ) {
    while (clients.map(client => client.step()).includes(true));
    if (bench.now >= until) return
    const next = Math.min(bench.node.deadline, ...clients.map(({ session }) => session.deadline), until)
    bench.advance(Math.max(1, next - bench.now))
  }
}

function assertHeard(clients: readonly Client[], isSealed = true): void {
  const codes = new Set(clients.map(({ session }) => session.dave?.privacyCode))
  if (isSealed) assert.equal(codes.size, 1)
  assert.equal(codes.has(undefined), !isSealed)
  for (const from of clients)
    for (const to of clients) {
      if (from === to) continue
      const sealed = from.session.dave?.seal(FRAME) ?? FRAME
      assert.equal(Buffer.from(sealed).equals(FRAME), !isSealed)
      assert.deepEqual(Uint8Array.from(to.session.dave?.open(from.userId, sealed) ?? sealed), FRAME)
      assert.deepEqual(to.session.dave?.open(from.userId, SILENCE) ?? SILENCE, SILENCE)
    }
  for (const { faults } of clients) assert.deepEqual(faults, [])
}

function callOf(count: number) {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number, dave = library) => new Client(bench, backend.join(String(user)), dave)
  const clients = Array.from({ length: count }, (_, index) => join(index + 1))
  run(bench, clients)
  return { bench, clients, join }
}

test('three clients encrypt end to end, and have one code to compare', () => {
  const { clients } = callOf(3)
  assertHeard(clients)
  assert.match(clients[0]!.codes.at(-1) ?? '', /^[0-9]{30}$/)
})

test('ten clients who come at once do, and whoever moves leaves one group and joins the other', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (user: number, channel: string) =>
    new Client(bench, { ...backend.join(String(user), channel), channel_id: channel })
  const lounge = Array.from({ length: 10 }, (_, index) => join(index + 1, '500'))
  const garden = [join(21, '501'), join(22, '501')]
  run(bench, [...lounge, ...garden])
  for (const members of [lounge, garden]) assertHeard(members)
  const [mover] = lounge.splice(0, 1)
  const before = lounge[0]!.codes.at(-1)
  garden.push(join(1, '501'))
  run(bench, [mover!, ...lounge, ...garden])
  assert.equal(mover!.session.state, 'closed')
  for (const members of [lounge, garden]) assertHeard(members)
  assert.notEqual(lounge[0]!.codes.at(-1), before, 'the keys of those who stay are others')
})

test('nothing is sent in the clear while a group is being made', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const clients = ['1', '2'].map(user => new Client(bench, backend.join(user)))
  while (clients.map(client => client.step()).includes(true));
  assert.equal(clients[0]!.session.dave?.version, 1)
  assert.equal(clients[0]!.session.dave?.seal(FRAME), undefined)
  assert.deepEqual(clients[0]!.session.dave?.seal(SILENCE), SILENCE)
})

test('a client without DAVE turns everyone to the clear, and back when it leaves', () => {
  const { bench, clients, join } = callOf(2)
  const old = join(9, { ...library!, version: 0 })
  run(bench, [...clients, old])
  assertHeard(clients, false)
  assert.equal(clients[0]!.codes.at(-1), undefined)
  old.session.close()
  run(bench, [...clients, old], 8_000)
  assertHeard(clients)
})

test('a client that resumes catches up with the group', () => {
  const { bench, clients, join } = callOf(2)
  clients[1]!.socket!.drop()
  clients[1]!.session.connectionClosed(1006, 'cut', bench.now)
  clients.push(join(3))
  run(bench, clients, 8_000)
  assertHeard(clients)
})

test('a client that cannot open what it hears starts anew', () => {
  const { bench, clients } = callOf(3)
  const [ana] = clients
  for (let count = 0; count < 40; count++) ana!.session.dave!.open('2', new Uint8Array(40).fill(0xfa))
  run(bench, clients)
  assertHeard(clients)
})
