// A voice client session driven by a script in place of a node; its outputs are recorded.
import { VoiceOp } from '@parley/protocol'
import type { VoiceSessionOptions } from '../voice/session/credentials.ts'
import { VoiceClientSession } from '../voice/session/session.ts'
import type { VoiceOutput } from '../voice/session/voice-outputs.ts'

export const CREDENTIALS = { serverId: '100', channelId: '500', userId: '7', sessionId: 'session', token: 'token' }
export const INTERVAL = 13_750
export const MODE = 'aead_aes256_gcm_rtpsize'
export const KEY = Array.from({ length: 32 }, (_, index) => index)
export const READY = { ssrc: 4001, ip: '203.0.113.10', port: 50004, modes: [MODE], experiments: [], streams: [] }
export const DESCRIPTION = { mode: MODE, secret_key: KEY, audio_codec: 'opus', dave_protocol_version: 0 }

/** A session, its clock and its outputs. */
export class SessionScript {
  readonly session: VoiceClientSession
  now = 1_000
  /** All outputs since the last `take`. */
  #outputs: VoiceOutput[] = []

  constructor(options: Partial<VoiceSessionOptions> = {}) {
    this.session = new VoiceClientSession({ ...CREDENTIALS, random: () => 0.5, ...options })
    this.session.start(this.now)
  }
  take(): VoiceOutput[] {
    const taken = [...this.#outputs, ...this.session.takeOutputs()]
    this.#outputs = []
    return taken
  }
  /** Messages sent since the last `take`; other outputs stay. */
  sent(): { op: number; d: unknown }[] {
    const all = this.take()
    this.#outputs = all.filter(output => output.kind !== 'send')
    return all.flatMap(output => (output.kind === 'send' ? [JSON.parse(`${output.data}`)] : []))
  }
  kinds(): string[] {
    return this.take().map(output => output.kind)
  }
  open(): this {
    this.session.connectionOpened(this.now)
    return this
  }
  receive(op: number, d: unknown, seq?: number): this {
    this.session.messageReceived(JSON.stringify({ op, d, seq }), this.now)
    return this
  }
  /** Moves the clock from deadline to deadline. */
  advance(time: number): this {
    const end = this.now + time
    while (this.session.deadline <= end) {
      this.now = Math.max(this.now, this.session.deadline)
      this.session.tick(this.now)
    }
    this.now = end
    return this
  }
  /** Completes the handshake up to Session Description. */
  live(): this {
    this.open()
      .receive(VoiceOp.Hello, { v: this.session.version, heartbeat_interval: INTERVAL })
      .receive(VoiceOp.Ready, READY)
    this.session.select({ protocol: 'udp', address: '198.51.100.7', port: 40112, mode: MODE })
    return this.receive(VoiceOp.SessionDescription, DESCRIPTION, 1)
  }
  close(code: number, reason = ''): this {
    this.session.connectionClosed(code, reason, this.now)
    return this
  }
}
