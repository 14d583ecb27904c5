// The bridge on a virtual clock: a real node, the LVSP client session between them, and the events of Spacebar's bus.
import { LvspInfo } from '@parley/protocol'
import { type BenchSocket, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'
import { Bridge, type BridgeOptions } from '../../packages/spacebar/src/core/bridge.ts'
import { decodeEvent } from '../../packages/spacebar/src/core/events.ts'
import type { BridgeOutput, NodeOutput } from '../../packages/spacebar/src/core/outputs.ts'
import { SimBackend } from './sim-backend.ts'

const NODE = 'voice'
const ENDPOINT = 'voice.test:8443'
const STEP = 50

interface Place {
  guildId: string | null
  channelId: string
}

const openBench = (seed: string) =>
  new NodeBench({ backends: [{ id: 'spacebar', secrets: [SECRET], adoptsTokens: true }], identifyGrace: 3_000 }, seed)

export class SpacebarSim {
  bench = openBench('first')
  readonly backend: SimBackend
  readonly bridge: Bridge
  /** Outputs of the bridge that concern neither the node nor the log. */
  readonly outputs: BridgeOutput[] = []
  /** A bridge that stands still reads its bus later. */
  isStopped = false
  readonly #waiting: (() => void)[] = []
  readonly #requests = new Map<number, { channelId: string; userId: string }>()
  #read = 0

  constructor(options: Partial<BridgeOptions> = {}) {
    const nodes = [{ name: NODE, endpoint: ENDPOINT }]
    this.bridge = new Bridge({ nodes, hasDatabase: false, checksPermissions: false, ...options }, this.bench.now)
    const clock = this
    const facade = {
      get now() {
        return clock.bench.now
      },
      advance: (duration: number) => this.bench.advance(duration),
    }
    const open = () => this.bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.200' })
    this.backend = new SimBackend(facade, open, SECRET)
    this.pump()
  }

  bus(event: string, data: object, ids: object): void {
    const decoded = decodeEvent({ event, data, ...ids })
    if (decoded === undefined) throw new Error(`${event} was not decoded`)
    const take = () => this.bridge.event(decoded, this.bench.now)
    if (this.isStopped) return void this.#waiting.push(take)
    take()
    this.pump()
  }
  resume(): void {
    this.isStopped = false
    for (const take of this.#waiting.splice(0)) take()
    this.pump()
  }

  state(userId: string, { guildId, channelId }: { guildId: string | null; channelId: string | null }): void {
    const data = { user_id: userId, guild_id: guildId, channel_id: channelId, session_id: `S${userId}`, member: {} }
    this.bus('VOICE_STATE_UPDATE', data, { guild_id: guildId ?? undefined, user_id: userId })
  }
  server(userId: string, { guildId, channelId }: Place): void {
    const data = {
      token: `t${userId}`,
      guild_id: guildId,
      endpoint: ENDPOINT,
      ...(guildId === null && { channel_id: channelId }),
    }
    this.bus('VOICE_SERVER_UPDATE', data, { user_id: userId })
  }
  join(userId: string, place: Place): void {
    this.state(userId, place)
    this.server(userId, place)
  }

  /** The user's client, which has received the VOICE_SERVER_UPDATE. */
  identify(userId: string, serverId: string, token = `t${userId}`): BenchSocket {
    const identify = { server_id: serverId, user_id: userId, session_id: `S${userId}`, token }
    return this.bench.client('8').send(0, identify)
  }

  advance(duration: number): void {
    const until = this.bench.now + duration
    while (this.bench.now < until) {
      this.backend.advance(Math.min(STEP, until - this.bench.now))
      if (this.bridge.deadline <= this.bench.now) this.bridge.tick(this.bench.now)
      this.pump()
    }
  }

  /** Another process without any state, under the same address. */
  restartNode(): void {
    const { now } = this.bench
    this.bench = openBench('second')
    this.bench.now = now
    this.backend.cut()
    this.pump()
  }

  pump(): void {
    for (;;) {
      const outputs = this.bridge.takeOutputs()
      for (const output of outputs) {
        if ('node' in output) this.#apply(output)
        else if (output.kind !== 'note') this.outputs.push(output)
      }
      if (!this.#readBackend() && outputs.length === 0) return
    }
  }

  #apply(output: NodeOutput): void {
    switch (output.kind) {
      case 'open': {
        const channel_properties = { kind: 'stream', owner_id: output.ownerId } as const
        this.backend.request(LvspInfo.ChannelRequest, { channel_id: output.channelId, channel_properties })
        return
      }
      case 'grant': {
        const { userId, channelId, guildId } = output.seat
        const user = { user_id: userId, channel_id: channelId, guild_id: guildId }
        const state = { ...user, session_id: output.sessionId, token: output.token, ...output.restrictions }
        this.#requests.set(this.backend.request(LvspInfo.VoiceStateCreate, state), { channelId, userId })
        return
      }
      case 'restrict':
      case 'remove': {
        const { userId, channelId, guildId } = output.seat
        const type = output.kind === 'remove' ? LvspInfo.VoiceStateDestroy : LvspInfo.VoiceStateUpdate
        const restrictions = output.kind === 'restrict' ? output.restrictions : {}
        return this.backend.command(type, {
          user_id: userId,
          channel_id: channelId,
          guild_id: guildId,
          ...restrictions,
        })
      }
      case 'removeFromGuild':
        return this.backend.command(LvspInfo.VoiceStateDestroy, { user_id: output.userId, guild_id: output.guildId })
      case 'close':
        return this.backend.command(LvspInfo.ChannelDestroy, {
          channel_id: output.channel.channelId,
          guild_id: output.channel.guildId,
        })
      case 'sync': {
        const channels = output.channels.map(({ channelId, guildId, userIds }) => ({
          channel_id: channelId,
          guild_id: guildId,
          users: userIds.map(user_id => ({ user_id })),
        }))
        return this.backend.command(LvspInfo.Sync, { channels, grace: output.grace })
      }
    }
  }

  /** Returns whether there was anything to read. */
  #readBackend(): boolean {
    const { outputs } = this.backend
    const from = this.#read
    this.#read = outputs.length
    for (const output of outputs.slice(from)) this.#heard(output)
    return this.#read > from
  }

  #heard(output: SimBackend['outputs'][number]): void {
    const { now } = this.bench
    switch (output.kind) {
      case 'connected':
        return this.bridge.nodeReady(NODE, { isSameSession: output.ready.isSameSession })
      case 'disconnected':
        return this.bridge.nodeLost(NODE)
      case 'answered': {
        const { channelId = '', userId = '' } = this.#requests.get(output.request) ?? {}
        return this.bridge.granted(
          NODE,
          channelId,
          userId,
          'connected' in output.answer && output.answer.connected === true,
          now,
        )
      }
      case 'voiceStateConnected':
        return this.bridge.userConnected(NODE, output.event.channelId, output.event.userId)
      case 'voiceStateDisconnected':
        return this.bridge.userDisconnected(NODE, output.event.channelId, output.event.userId, output.event.resumable)
      default:
        return
    }
  }
}
