// The node of a conformance run, for one case: its connections and ids, and what ends at the end of the case.
import { randomInt } from 'node:crypto'
import { LvspInfo } from '@parley/protocol'
import { applies } from '../checked-case.ts'
import { LvspProbe } from './lvsp-probe.ts'
import { infoNumber, type NodeTarget } from './node-target.ts'

/** Ids of a run are above those that tests and demos use, and below 2^63. */
const FIRST_ID = 7_000_000_000_000_000_000n
const IDS = 1_000n

/** What a user needs to connect. */
export interface VoiceAccess {
  endpoint: string
  token: string
  userId: string
  sessionId: string
  channelId: string
  guildId: string
}

export class NodeUnderTest {
  readonly target: NodeTarget
  readonly #opened: { close(): unknown }[] = []
  readonly #channels: object[] = []
  readonly #base = FIRST_ID + BigInt(randomInt(2 ** 40)) * IDS
  #ids = 0n

  constructor(target: NodeTarget) {
    this.target = target
  }

  /** A snowflake that no other case uses. */
  id(): string {
    return String(this.#base + this.#ids++)
  }

  /** A channel of a guild, both new. It ends with the case. */
  channel(): { channel_id: string; guild_id: string } {
    const channel = { channel_id: this.id(), guild_id: this.id() }
    this.#channels.push(channel)
    return channel
  }

  /** The info type as this node numbers it. */
  number(type: LvspInfo): number {
    return infoNumber(this.target, type)
  }

  /** A connection that has received HELLO. */
  async connect(): Promise<LvspProbe> {
    return this.opened(await LvspProbe.open(this.target))
  }

  /** A connection that is ready. Rejects with a `CaseSkipped` if the node does not offer, or not agree to, a capability. */
  async ready(...capabilities: string[]): Promise<LvspProbe> {
    const probe = await this.connect()
    const offered = probe.hello.capabilities ?? []
    for (const name of capabilities) applies(offered.includes(name), `HELLO does not offer the capability ${name}`)
    const { capabilities: agreed = [] } = await probe.identify(capabilities)
    for (const name of capabilities) applies(agreed.includes(name), `READY does not agree to the capability ${name}`)
    return probe
  }

  /** Lets a user into the channel, by default a new one. Rejects with a `CaseSkipped` if the node names no endpoint. */
  async access(
    probe: LvspProbe,
    channel: { channel_id: string; guild_id: string },
    user_id: string = this.id(),
  ): Promise<VoiceAccess> {
    const done = await probe.granted({ user_id, ...channel })
    const needsChannel = done.token === undefined || (done.endpoint === undefined && this.target.endpoint === undefined)
    const assigned = needsChannel ? await probe.assigned(channel) : {}
    const endpoint = this.target.endpoint ?? done.endpoint ?? assigned.endpoint
    applies(endpoint !== undefined, 'the node names no endpoint: pass --endpoint')
    const { channel_id: channelId, guild_id: guildId } = channel
    const token = String(done.token ?? assigned.token)
    return {
      endpoint: String(endpoint),
      token,
      userId: user_id,
      sessionId: String(done.session_id),
      channelId,
      guildId,
    }
  }

  /** Closes it at the end of the case. */
  opened<Opened extends { close(): unknown }>(what: Opened): Opened {
    this.#opened.push(what)
    return what
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map(each => each.close()))
    const channels = this.#channels.splice(0)
    if (channels.length === 0) return
    const probe = await LvspProbe.open(this.target).catch(() => undefined)
    if (probe === undefined) return
    await probe.identify([]).catch(() => {})
    for (const channel of channels) probe.info(LvspInfo.ChannelDestroy, channel)
    await probe.settled().catch(() => {})
    probe.close()
  }
}
