// A call of two bots that goes on whatever happens to the node: numbered frames, all of which have to arrive in order.
import { VoiceClient } from '@parley/client'
import type { createDemoBackend } from '@parley/server'
import { until } from './until.ts'

type Backend = Awaited<ReturnType<typeof createDemoBackend>>

async function bot(backend: Backend, ca: string): Promise<VoiceClient> {
  const { endpoint, server_id, channel_id, user_id, session_id, token } = await backend.join()
  const ids = { serverId: server_id, channelId: channel_id, userId: user_id, sessionId: session_id }
  const client = new VoiceClient({ endpoint, token, ...ids, tls: { ca } })
  await client.connect()
  return client
}

export class SteadyCall {
  readonly #speaker: VoiceClient
  readonly #listener: VoiceClient
  readonly #sent: string[] = []
  readonly #heard: string[] = []
  readonly #interruptions: string[] = []
  readonly #talk: Promise<unknown>
  #isEnding = false

  private constructor(speaker: VoiceClient, listener: VoiceClient) {
    this.#speaker = speaker
    this.#listener = listener
    for (const client of [speaker, listener])
      for (const event of ['disconnected', 'closed'] as const)
        client.on(event, () => void (this.#isEnding || this.#interruptions.push(event)))
    listener.on('frame', ({ payload }) => this.#heard.push(Buffer.from(payload).toString('hex')))
    this.#talk = speaker.play(this.#frames())
  }

  /** Resolves when the listener hears the speaker. */
  static async start(backend: Backend, ca: string): Promise<SteadyCall> {
    const call = new SteadyCall(await bot(backend, ca), await bot(backend, ca))
    await until('the bot to be heard', () => call.#heard.length > 0)
    return call
  }

  /** Ends the call. Returns how many frames were sent, which were not heard in order, and which connections were lost before. */
  async end(): Promise<{ sent: number; missing: number; interruptions: string[] }> {
    this.#isEnding = true
    await this.#talk
    await until('the last frame', () => this.#heard.includes(this.#sent.at(-1)!)).catch(() => {})
    for (const client of [this.#speaker, this.#listener]) await client.close()
    let at = 0
    for (const frame of this.#heard) if (frame === this.#sent[at]) at++
    return { sent: this.#sent.length, missing: this.#sent.length - at, interruptions: this.#interruptions }
  }

  *#frames(): Generator<Buffer> {
    for (let left = 50; left > 0; ) {
      const frame = Buffer.alloc(60, 0x78)
      frame.writeUInt32BE(this.#sent.length, 4)
      this.#sent.push(frame.toString('hex'))
      if (this.#isEnding) left--
      yield frame
    }
  }
}
