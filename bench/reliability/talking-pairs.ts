// Calls of two: one member sends numbered frames at the pace of Opus, the other counts what it receives.
import { setTimeout as pause } from 'node:timers/promises'
import { type LvspClient, type SyncedChannel, VoiceClient } from '@parley/client'

const GUILD = '100'
const FIRST_CHANNEL = 500
const FIRST_USER = 1_000
/** Milliseconds per frame. */
const FRAME_TIME = 20
/** A mono CELT frame of 20 ms by its first byte; then the number, then filler to the usual length. */
const TOC = 0xf8
const FRAME_LENGTH = 80
/** Milliseconds after which a frame that has not arrived is lost. */
const TRANSIT = 500
const POLL = 5

/** Frames sent and received in one period. */
export interface Delivery {
  readonly sent: number
  readonly received: number
}

export interface PairOptions {
  /** In [0, 1): the share of the back-off that clients wait before they reconnect. */
  readonly random?: () => number
}

export const lossOf = ({ sent, received }: Delivery): number => Math.max(0, 1 - received / sent)

export class TalkingPairs {
  readonly #pairs: readonly Pair[]
  readonly #timer: NodeJS.Timeout

  private constructor(pairs: readonly Pair[]) {
    this.#pairs = pairs
    this.#timer = setInterval(() => {
      for (const pair of pairs) pair.send(performance.now())
    }, FRAME_TIME)
  }

  /** Resolves when each listener receives its speaker. */
  static async open(
    backend: LvspClient,
    endpoint: string,
    count: number,
    options: PairOptions = {},
  ): Promise<TalkingPairs> {
    const pairs: Pair[] = []
    for (let index = 0; index < count; index++) pairs.push(await Pair.open(backend, endpoint, index, options))
    const talking = new TalkingPairs(pairs)
    await talking.untilAllReceive()
    return talking
  }

  /** Sessions of members that ended for good. */
  get lost(): number {
    return this.#pairs.reduce((sum, { lost }) => sum + lost, 0)
  }
  /** Sessions that were replaced by a new Identify. */
  get renewed(): number {
    return this.#pairs.reduce((sum, { renewed }) => sum + renewed, 0)
  }
  /** As a backend stores them. */
  get channels(): SyncedChannel[] {
    return this.#pairs.map(({ channelId, userIds }) => ({ guildId: GUILD, channelId, userIds }))
  }
  get ssrcs(): number[] {
    return this.#pairs.flatMap(({ speaker }) => speaker.ssrc ?? [])
  }

  /** Runs `act` and returns what was sent while it ran, and how much of that arrived. */
  async during(act: () => Promise<unknown>): Promise<Delivery> {
    const from = this.#pairs.map(pair => pair.next)
    await act()
    const to = this.#pairs.map(pair => pair.next)
    await pause(TRANSIT)
    const received = this.#pairs.reduce((sum, pair, index) => sum + pair.receivedIn(from[index]!, to[index]!), 0)
    return { sent: to.reduce((sum, end, index) => sum + end - from[index]!, 0), received }
  }

  /** Resolves with the milliseconds until each listener received a frame that was sent after now; rejects after `limit`. */
  async untilAllReceive(limit = 30_000): Promise<number> {
    const start = performance.now()
    const from = this.#pairs.map(pair => pair.next)
    while (!this.#pairs.every((pair, index) => pair.receivedIn(from[index]!, pair.next) > 0)) {
      if (performance.now() - start > limit) throw new Error(`a call received nothing for ${limit} ms`)
      await pause(POLL)
    }
    return performance.now() - start
  }

  /** Resolves when a member has lost its connection. */
  async untilInterrupted(): Promise<void> {
    await Promise.race(
      this.#pairs
        .flatMap(({ speaker, listener }) => [speaker, listener])
        .map(member => new Promise(resolve => member.once('disconnected', resolve))),
    )
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#pairs.flatMap(({ speaker, listener }) => [speaker.close(), listener.close()]))
  }
}

class Pair {
  readonly channelId: string
  readonly userIds: readonly string[]
  readonly speaker: VoiceClient
  readonly listener: VoiceClient
  /** Number of the next frame. */
  next = 0
  lost = 0
  renewed = 0
  readonly #frame = new Uint8Array(FRAME_LENGTH)
  readonly #view = new DataView(this.#frame.buffer)
  readonly #received: boolean[] = []
  #sendAt = performance.now()

  private constructor(channelId: string, userIds: readonly string[], speaker: VoiceClient, listener: VoiceClient) {
    this.channelId = channelId
    this.userIds = userIds
    this.speaker = speaker
    this.listener = listener
    this.#frame[0] = TOC
    listener.on('frame', ({ payload }) => {
      if (payload.length !== FRAME_LENGTH) return
      this.#received[new DataView(payload.buffer, payload.byteOffset).getUint32(1)] = true
    })
    for (const client of [speaker, listener]) {
      client.on('closed', () => this.lost++)
      client.on('ready', () => this.renewed++)
    }
  }

  static async open(backend: LvspClient, endpoint: string, index: number, options: PairOptions): Promise<Pair> {
    const channelId = String(FIRST_CHANNEL + index)
    await backend.requestChannel({ guildId: GUILD, channelId })
    const join = async (userId: string) => {
      const { sessionId, token = '' } = await backend.createVoiceState({ guildId: GUILD, channelId, userId })
      const credentials = { endpoint, serverId: GUILD, channelId, userId, sessionId, token }
      const client = new VoiceClient({ ...credentials, ...options, tls: false })
      await client.connect()
      return client
    }
    const userIds = [0, 1].map(which => String(FIRST_USER + index * 2 + which))
    const [speaker, listener] = [await join(userIds[0]!), await join(userIds[1]!)]
    return new Pair(channelId, userIds, speaker, listener)
  }

  /** Sends the frames that are due. */
  send(now: number): void {
    for (; this.#sendAt <= now; this.#sendAt += FRAME_TIME) {
      this.#view.setUint32(1, this.next++)
      this.speaker.sendFrame(this.#frame)
    }
  }

  receivedIn(from: number, to: number): number {
    let count = 0
    for (let number = from; number < to; number++) if (this.#received[number]) count++
    return count
  }
}
