// A call of two in a cluster, one on @discordjs/voice and one on our client: one talks, the other records when it receives sound.
import type { TestContext } from 'node:test'
import type { GrantedVoiceState } from '@parley/client'
import type { ClusterBackend, ClusterUser } from './cluster-scene.ts'
import type { DiscordjsBot } from './discordjs-bot.ts'
import { isSilence, numberedFrames } from './opus-frames.ts'

/** From and until when, on the clock of `performance`. */
export type Span = readonly [from: number, until: number]

export const lengthOf = ([from, until]: Span): number => until - from

/** Milliseconds of a span that no other one covers. */
export function uncovered([from, until]: Span, covers: readonly Span[]): number {
  let covered = 0
  let end = from
  for (const [first, last] of [...covers].sort(([a], [b]) => a - b)) {
    covered += Math.max(0, Math.min(last, until) - Math.max(first, end))
    end = Math.max(end, last)
  }
  return until - from - covered
}

/** Frames of 20 ms: the bot talks for five minutes. */
const FRAMES = 15_000

export class ClusterCall {
  /** When each frame of sound arrived. */
  readonly heard: number[] = []
  /** From each grant that was not asked for until the client is connected with it. */
  readonly reconnects: Span[] = []
  readonly #bot: DiscordjsBot
  readonly #user: ClusterUser
  #connecting = 0

  private constructor(bot: DiscordjsBot, user: ClusterUser) {
    this.#bot = bot
    this.#user = user
  }

  /** The channels 500, 501, … with two users each. In every second one the bot talks, in the others it listens. */
  static async join(t: TestContext, backend: ClusterBackend, index: number): Promise<ClusterCall> {
    const channelId = String(500 + index)
    const bot = await backend.joinBot(t, channelId, String(7_000 + 2 * index))
    const user = await backend.join(t, channelId, String(7_001 + 2 * index))
    const call = new ClusterCall(bot, user)
    call.#follow(backend, bot.userId, ({ token = '', endpoint = '', guildId = '' }) => {
      bot.updateServer(guildId, token, endpoint)
      return bot.ready()
    })
    call.#follow(backend, user.userId, grant => user.connect(grant))
    call.#talk(index % 2 === 0)
    return call
  }

  /** Whether both clients are connected there. */
  isAt(endpoint: string): boolean {
    return this.#connecting === 0 && this.#bot.endpoint === endpoint && this.#user.endpoint === endpoint
  }

  /** Times without sound that ended after `since`. */
  silences(since: number): Span[] {
    return this.heard.flatMap((at, index) => (at > since && index > 0 ? [[this.heard[index - 1]!, at] as const] : []))
  }

  #talk(isBot: boolean): void {
    const received = () => void this.heard.push(performance.now())
    if (isBot) {
      this.#user.received = received
      this.#bot.talk(numberedFrames(FRAMES, Number(this.#bot.userId)))
    } else {
      this.#bot.listenTo(this.#user.userId, frame => void (isSilence(frame) || received()))
      this.#user.talk()
    }
  }

  #follow(backend: ClusterBackend, userId: string, connect: (grant: GrantedVoiceState) => Promise<unknown>): void {
    backend.users.set(userId, {
      connect: async grant => {
        const from = performance.now()
        this.#connecting++
        await connect(grant)
        this.#connecting--
        this.reconnects.push([from, performance.now()])
      },
    })
  }
}
