// A bridge on a virtual clock, with Spacebar's side of it: events in the shapes and the order of its bus.
import assert from 'node:assert/strict'
import { Bridge, type BridgeOptions } from '../core/bridge.ts'
import { decodeEvent } from '../core/events.ts'
import type { BridgeOutput } from '../core/outputs.ts'
import type { StoredVoiceState } from '../core/snapshot.ts'

export const ENDPOINT = 'eu.example:443'
const NODES = [
  { name: 'eu', endpoint: 'eu.example:443' },
  { name: 'us', endpoint: 'us.example:8443', regions: ['us'] },
]

export class BridgeScene {
  now = 10_000
  readonly bridge: Bridge
  readonly outputs: BridgeOutput[] = []

  constructor(options: Partial<BridgeOptions> = {}) {
    this.bridge = new Bridge({ nodes: NODES, hasDatabase: false, checksPermissions: false, ...options }, this.now)
    this.feed(() => this.bridge.nodeReady('eu', { isSameSession: false }))
    this.feed(() => this.bridge.nodeReady('us', { isSameSession: false }))
  }

  feed(input: (now: number) => void): void {
    input(this.now)
    this.outputs.push(...this.bridge.takeOutputs())
  }
  bus(event: string, data: object, ids: object): void {
    const decoded = decodeEvent({ event, data, ...ids })
    assert.ok(decoded !== undefined, event)
    this.feed(now => this.bridge.event(decoded, now))
  }
  advance(duration: number): void {
    const until = this.now + duration
    while (this.bridge.deadline <= until) {
      this.now = Math.max(this.now, this.bridge.deadline)
      this.feed(now => this.bridge.tick(now))
    }
    this.now = until
  }

  state(userId: string, channelId: string | null, extra: object = {}, guildId: string | null = '100'): void {
    const data = { user_id: userId, guild_id: guildId, channel_id: channelId, session_id: `S${userId}`, member: {} }
    this.bus('VOICE_STATE_UPDATE', { ...data, ...extra }, { guild_id: guildId ?? undefined, user_id: userId })
  }
  server(userId: string, extra: object = {}): void {
    const data = { token: `t${userId}`, guild_id: '100', endpoint: ENDPOINT, ...extra }
    this.bus('VOICE_SERVER_UPDATE', data, { user_id: userId })
  }
  join(userId: string, channelId: string, extra: object = {}): void {
    this.state(userId, channelId)
    this.server(userId, extra)
  }
  /** The node has every voice state that was asked of it. */
  grantAll(isConnected: boolean): void {
    for (const output of this.of('grant')) {
      const { channelId, userId } = output.seat
      this.feed(now => this.bridge.granted(output.node, channelId, userId, isConnected, now))
    }
  }
  of<K extends BridgeOutput['kind']>(kind: K): Extract<BridgeOutput, { kind: K }>[] {
    return this.outputs.filter((output): output is Extract<BridgeOutput, { kind: K }> => output.kind === kind)
  }
  /** The outputs since the last call in short: commands without notes. */
  story(): string[] {
    return this.outputs.splice(0).flatMap(output => {
      if (output.kind === 'note') return []
      if ('seat' in output) return [`${output.kind} ${output.node} ${output.seat.userId}@${output.seat.channelId}`]
      if ('channel' in output) return [`close ${output.node} ${output.channel.channelId}`]
      return [`${output.kind} ${'userId' in output ? output.userId : 'node' in output ? output.node : ''}`.trim()]
    })
  }
  reasons(): unknown[] {
    return this.of('note').flatMap(({ note }) => note.fields.reason ?? [])
  }
}

export const row = (userId: string, extra: Partial<StoredVoiceState> = {}): StoredVoiceState => ({
  userId,
  place: { guildId: '100', channelId: '500' },
  sessionId: `S${userId}`,
  token: `t${userId}`,
  restrictions: { mute: false, deaf: false, suppress: false },
  isMember: true,
  region: undefined,
  ...extra,
})

/** The key of the stream of user 7 in channel 500. */
export const KEY = 'guild:100:500:7'
/** Users 7 and 8 in channel 500, where 7 streams and 8 watches. */
export function streaming(scene: BridgeScene): void {
  scene.join('7', '500')
  scene.join('8', '500')
  scene.bus('STREAM_CREATE', { stream_key: KEY, rtc_server_id: '777', viewer_ids: [] }, { user_id: '7' })
  scene.bus('STREAM_SERVER_UPDATE', { stream_key: KEY, token: 'own', endpoint: ENDPOINT }, { user_id: '7' })
  scene.state('7', '500', { self_stream: true })
  scene.bus('STREAM_CREATE', { stream_key: KEY, rtc_server_id: '777' }, { channel_id: '500' })
  scene.bus('STREAM_SERVER_UPDATE', { stream_key: KEY, token: 'view', endpoint: ENDPOINT }, { user_id: '8' })
}
