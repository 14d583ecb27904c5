// A bot of the demo: says lines, and measures the latency of the other's packets.
import { setTimeout as sleep } from 'node:timers/promises'
import { type DaveLibrary, OPUS_RATE, opusSamples, paced, VoiceClient } from '@parley/client'
import type { DemoCredentials } from './demo-backend.ts'
import { PacketLatency } from './packet-latency.ts'
import type { Line } from './speech.ts'

/** Who the bot is, and how it trusts the node. */
export interface DemoBotOptions {
  name: string
  credentials: DemoCredentials
  /** PEM of the only certificate it trusts. */
  ca: string
  /** For end-to-end encryption. */
  dave?: DaveLibrary | undefined
}

const CLOCK = { now: () => performance.now(), sleep: (time: number) => sleep(time) }
const frameTime = (frame: Uint8Array) => ((opusSamples(frame) ?? 0) * 1_000) / OPUS_RATE

/** A `VoiceClient` with the lines of one speaker. */
export class DemoBot {
  readonly name: string
  readonly userId: string
  readonly client: VoiceClient
  /** Latency of this bot's packets, measured by the other. */
  readonly latency = new PacketLatency()
  /** The line that it is saying. */
  line: Line | undefined
  /** Time of the first received frame, of `performance.now`. */
  receivedAt: number | undefined

  constructor({ name, credentials, ca, dave }: DemoBotOptions) {
    this.name = name
    this.userId = credentials.user_id
    this.client = new VoiceClient({
      endpoint: credentials.endpoint,
      serverId: credentials.server_id,
      channelId: credentials.channel_id,
      userId: credentials.user_id,
      sessionId: credentials.session_id,
      token: credentials.token,
      tls: { ca },
      dave,
    })
    this.client.on('frame', () => {
      this.receivedAt ??= performance.now()
    })
  }

  /** Measures packets from `other`. */
  listenTo(other: DemoBot): void {
    this.client.on('frame', ({ ssrc, payload }) => {
      if (ssrc === other.client.ssrc) other.latency.received(payload, performance.now())
    })
  }

  /** Resolves at the end of the line, or when `signal` aborts it. */
  async say(line: Line, signal: AbortSignal): Promise<void> {
    this.line = line
    for await (const frame of paced(line.frames, frameTime, CLOCK)) {
      if (signal.aborted) break
      this.latency.sent(frame, performance.now())
      this.client.sendFrame(frame, opusSamples(frame))
    }
    this.line = undefined
    this.client.stopSpeaking()
  }
}
