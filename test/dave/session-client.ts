// A member of a call: the Parley voice client session with the real DAVE library, connected to a node on a virtual clock.
import assert from 'node:assert/strict'
import {
  type DaveCommand,
  type DaveEvent,
  type DaveLibrary,
  VoiceClientSession,
  type VoiceOutput,
} from '@parley/client'
import { DaveHost } from '../../packages/client/src/dave-worker/dave-host.ts'
import type { BenchCredentials, BenchSocket, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

export const FRAME = Uint8Array.of(0xfc, 1, 2, 3, 4, 5, 6, 7)
export const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)

export class SessionClient {
  /** The DAVE session in another thread, whose messages take a step each way; undefined if the library is in the session. */
  readonly worker: DaveHost | undefined
  readonly session: VoiceClientSession
  readonly userId: string
  readonly codes: (string | undefined)[] = []
  /** Users of the group, at each change. */
  readonly groups: (readonly string[])[] = []
  readonly faults: string[] = []
  socket: BenchSocket | undefined
  /** Inputs from the node that the session has not processed yet, in order. */
  readonly #inbox: ((now: number) => void)[] = []
  readonly #commands: DaveCommand[] = []
  readonly #events: DaveEvent[] = []
  readonly #bench: NodeBench

  constructor(
    bench: NodeBench,
    credentials: BenchCredentials,
    library: DaveLibrary | undefined,
    version?: number,
    inWorker = false,
  ) {
    const { server_id: serverId, channel_id: channelId, user_id: userId, session_id: sessionId, token } = credentials
    this.#bench = bench
    this.userId = userId
    if (inWorker && library !== undefined) this.worker = new DaveHost(library, event => this.#events.push(event))
    const dave = this.worker === undefined ? library : { version: library!.version }
    const options = { serverId, channelId, userId, sessionId, token, dave, version, random: () => 0 }
    this.session = new VoiceClientSession(options)
    this.session.start(bench.now)
    this.step()
  }

  /** Loses the connection and everything that is on its way. */
  cut(): void {
    this.#inbox.length = 0
    this.socket?.drop()
    this.session.connectionClosed(1006, 'cut', this.#bench.now)
  }

  /** Processes pending inputs and outputs. Returns whether there were any. */
  step(): boolean {
    const inputs = this.#inbox.splice(0)
    for (const input of inputs) input(this.#bench.now)
    if (this.session.deadline <= this.#bench.now) this.session.tick(this.#bench.now)
    for (const event of this.#events.splice(0)) this.session.daveEvent(event)
    for (const command of this.#commands.splice(0)) this.worker?.command(command)
    const outputs = this.session.takeOutputs()
    for (const output of outputs) this.#apply(output)
    return inputs.length + outputs.length + this.#commands.length + this.#events.length > 0
  }

  /** The code that the user sees. */
  get code(): string | undefined {
    return this.worker === undefined ? this.session.dave?.privacyCode : this.codes.at(-1)
  }

  /** What the client sends of a frame. */
  seal(frame: Uint8Array): Uint8Array | undefined {
    if (this.worker !== undefined) return this.worker.seal(frame, 'opus')
    return this.session.dave === undefined ? frame : this.session.dave.seal(frame)
  }

  open(from: SessionClient, frame: Uint8Array): Uint8Array | undefined {
    if (this.worker === undefined)
      return this.session.dave === undefined ? frame : this.session.dave.open(from.userId, frame)
    this.worker.setSources([[1, from.userId]])
    return this.worker.open(frame, 1, 'audio')
  }

  #apply(output: VoiceOutput): void {
    if (output.kind === 'connect') this.#open(output.version)
    else if (output.kind === 'send') this.socket?.sendText(output.data)
    else if (output.kind === 'close') this.socket?.drop(output.code)
    else if (output.kind === 'ready')
      this.session.select({ protocol: 'udp', address: '192.0.2.1', port: 4, mode: 'aead_aes256_gcm_rtpsize' })
    else if (output.kind === 'dave') this.#commands.push(output.command)
    else if (output.kind === 'encryption') this.#encryption(output)
    else if (output.kind === 'undecodable') this.faults.push(output.reason)
  }

  #encryption({ privacyCode, userIds }: { privacyCode: string | undefined; userIds: readonly string[] }): void {
    this.codes.push(privacyCode)
    this.groups.push(userIds)
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

/** Advances the clock; every client answers immediately. */
export function runSessions(bench: NodeBench, clients: readonly SessionClient[], duration = 4_000): void {
  for (const until = bench.now + duration; ; ) {
    while (clients.map(client => client.step()).includes(true));
    if (bench.now >= until) return
    const next = Math.min(bench.node.deadline, ...clients.map(({ session }) => session.deadline), until)
    bench.advance(Math.max(1, next - bench.now))
  }
}

/** Asserts that every pair opens each other's frames and all show one verification code, or that all send unencrypted. */
export function assertHeard(clients: readonly SessionClient[], isSealed = true): void {
  const codes = new Set(clients.map(({ code }) => code))
  if (isSealed) assert.equal(codes.size, 1)
  assert.equal(codes.has(undefined), !isSealed)
  for (const from of clients)
    for (const to of clients) {
      if (from === to) continue
      const sealed = from.seal(FRAME)
      assert.ok(sealed !== undefined)
      assert.equal(Buffer.from(sealed).equals(FRAME), !isSealed)
      assert.deepEqual(Uint8Array.from(to.open(from, sealed) ?? []), FRAME)
      assert.deepEqual(to.open(from, SILENCE), SILENCE)
    }
  for (const { faults } of clients) assert.deepEqual(faults, [])
}
