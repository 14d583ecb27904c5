// A member of a call: the Parley voice client session with the real DAVE library, connected to a node on a virtual clock.
import assert from 'node:assert/strict'
import { type DaveLibrary, VoiceClientSession, type VoiceOutput } from '@parley/client'
import type { BenchCredentials, BenchSocket, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

export const FRAME = Uint8Array.of(0xfc, 1, 2, 3, 4, 5, 6, 7)
export const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)

export class SessionClient {
  readonly session: VoiceClientSession
  readonly userId: string
  readonly codes: (string | undefined)[] = []
  readonly faults: string[] = []
  socket: BenchSocket | undefined
  /** Inputs from the node that the session has not processed yet, in order. */
  readonly #inbox: ((now: number) => void)[] = []
  readonly #bench: NodeBench

  constructor(bench: NodeBench, credentials: BenchCredentials, dave: DaveLibrary | undefined, version?: number) {
    const { server_id: serverId, channel_id: channelId, user_id: userId, session_id: sessionId, token } = credentials
    this.#bench = bench
    this.userId = userId
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
