// A node with its bridge, and members of Spacebar's stand-in on several client libraries.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { VoiceClient } from '@parley/client'
import { BridgedNode } from './bridged-node.ts'
import { SpacebarBot } from './spacebar-bot.ts'
import { type Member, SpacebarStandIn } from './spacebar-stand-in.ts'
import { CERTIFICATE_FILE } from './trust.ts'
import { until } from './until.ts'

export const GUILD = '100'
const FRAMES = Array.from({ length: 100 }, () => Buffer.from([0xf8, 0xff, 0xfe]))

export class SpacebarScene {
  readonly spacebar: SpacebarStandIn
  readonly node: BridgedNode
  readonly #t: TestContext

  /** The bridge reads the bus of `spacebar`. */
  constructor(t: TestContext, spacebar: SpacebarStandIn, node: BridgedNode) {
    this.#t = t
    this.spacebar = spacebar
    this.node = node
  }

  /** Over Unix sockets, without a database. Ends with the test. */
  static async open(t: TestContext): Promise<SpacebarScene> {
    const node = await BridgedNode.open(t)
    const spacebar = await SpacebarStandIn.overUnixSockets(node.endpoint)
    t.after(() => spacebar.close())
    await node.startBridge({ bus: spacebar.bus.url })
    return new SpacebarScene(t, spacebar, node)
  }

  bot(userId: string, { isStranger = false } = {}): SpacebarBot {
    const bot: SpacebarBot = new SpacebarBot({
      userId,
      sessionId: `SESSION${userId}`,
      isStranger,
      sendVoiceState: (guildId, channelId) => void this.spacebar.voiceState(bot, guildId, channelId),
    })
    this.#t.after(() => bot.leave())
    return bot
  }
  async bots(channelId: string): Promise<[SpacebarBot, SpacebarBot]> {
    const [ana, ben] = [this.bot('1'), this.bot('2')]
    await Promise.all([ana.join(GUILD, channelId), ben.join(GUILD, channelId)])
    return [ana, ben]
  }

  /** Joins with a client of this repository; without a guild, the call of a DM. */
  async enter(userId: string, guildId: string | null, channelId: string): Promise<VoiceClient> {
    let token: unknown
    const deliver: Member['deliver'] = (_, data) => {
      token = data.token ?? token
    }
    await this.spacebar.join({ userId, sessionId: `SESSION${userId}`, deliver }, guildId, channelId)
    assert.ok(typeof token === 'string')
    return this.identify(userId, guildId ?? channelId, channelId, token)
  }
  async identify(userId: string, serverId: string, channelId: string, token: string): Promise<VoiceClient> {
    const client = new VoiceClient({
      endpoint: this.node.endpoint,
      tls: { ca: readFileSync(CERTIFICATE_FILE) },
      serverId,
      channelId,
      userId,
      sessionId: `SESSION${userId}`,
      token,
    })
    this.#t.after(() => client.close())
    await client.connect()
    return client
  }
}

export async function hear(speaker: SpacebarBot, listener: SpacebarBot): Promise<void> {
  const heard = () => listener.heard.get(speaker.userId)?.length ?? 0
  const before = heard()
  await speaker.play(FRAMES)
  await until(`${listener.userId} to hear ${speaker.userId}`, () => heard() > before + 10)
}

export const haveEqualCodes = ([one, other]: readonly SpacebarBot[]) =>
  until('equal privacy codes', () => one!.privacyCode !== undefined && one!.privacyCode === other!.privacyCode)
