// What nodes report about channels, and which of it a front passes on to the backend.
import type { BackendId } from '../../channel/channel-ref.ts'
import type { Lvsp, SpeakingEvent, VideoSourceEvent, VideoViewEvent, VoiceStateEvent } from '../../lvsp/lvsp.ts'
import type { ChannelEncryption, DrainingChannel } from '../../lvsp/node-control.ts'
import type { FrontChannel, TenantChannels } from '../front-channel.ts'

/** What a node reports about a channel of a tenant. */
export type NodeEvent =
  | { readonly kind: 'connected'; readonly event: VoiceStateEvent }
  | { readonly kind: 'disconnected'; readonly event: VoiceStateEvent & { code: number; resumable: boolean } }
  | { readonly kind: 'speaking'; readonly event: SpeakingEvent }
  | { readonly kind: 'encryption'; readonly event: ChannelEncryption }
  | { readonly kind: 'draining'; readonly event: DrainingChannel }
  | { readonly kind: 'videoSource'; readonly event: VideoSourceEvent }
  | { readonly kind: 'videoView'; readonly event: VideoViewEvent }

export interface NodeEventsOptions {
  readonly backends: () => Lvsp
  readonly tenant: (id: BackendId) => TenantChannels
  /** Whether the channel can move to another node than its own. */
  readonly canMove: (channel: FrontChannel) => boolean
}

export class NodeEvents {
  readonly #options: NodeEventsOptions

  constructor(options: NodeEventsOptions) {
    this.#options = options
  }

  /**
   * It is dropped unless the node serves the channel now, or is to end it; video also unless its sender may be in the channel, so that a
   * node cannot fill the memory of its fronts. Another front may be the one that passes it on. A front moves the channels of a draining
   * node itself; its backend is notified where there is no other node.
   */
  received(node: string, tenant: BackendId, { kind, event }: NodeEvent): void {
    const channels = this.#options.tenant(tenant)
    const receives = channels.receives.get(node) === true
    const channel = channels.get(event.channelId)
    const serving = channel === undefined ? channels.ending.get(event.channelId) : channel.node
    if (serving !== node) return
    if (kind === 'videoSource' && event.state !== 'ended' && channel?.seats.has(event.userId) !== true) return
    if (channel !== undefined) keep(channel, { kind, event } as NodeEvent, receives)
    if (!receives) return
    const backends = this.#options.backends()
    switch (kind) {
      case 'connected':
        return backends.voiceStateConnected(tenant, event)
      case 'disconnected':
        return backends.voiceStateDisconnected(tenant, event)
      case 'speaking':
        return backends.speaking(tenant, event)
      case 'encryption':
        return backends.channelDave(tenant, event)
      case 'draining':
        if (channel !== undefined && !this.#options.canMove(channel)) backends.channelDraining(tenant, event)
        return
      case 'videoSource':
        return backends.videoSource(tenant, event)
      case 'videoView':
        return backends.videoView(tenant, event)
    }
  }

  /** This front passes the events of the node on from now on: sends what changed since the backend received anything of it here. */
  sendMissed(node: string, tenant: BackendId): void {
    const backends = this.#options.backends()
    if (!backends.hasSession(tenant)) return
    for (const channel of this.#options.tenant(tenant).all) {
      if (channel.node !== node) continue
      for (const seat of channel.seats.values()) {
        if (seat.grant === undefined || seat.reported === seat.grant.connected) continue
        seat.reported = seat.grant.connected
        backends.voiceStateGranted(tenant, seat.grant)
      }
      for (const source of channel.video.takeMissed()) backends.videoSource(tenant, source)
      const { encryption } = channel
      if (encryption === undefined || encryption === channel.reportedEncryption) continue
      channel.reportedEncryption = encryption
      backends.channelDave(tenant, encryption)
    }
  }
}

/** What a front needs of it later. `isReported`: the backend receives it. */
function keep(channel: FrontChannel, { kind, event }: NodeEvent, isReported: boolean): void {
  if (kind === 'connected') setConnected(channel, event.userId, true, isReported)
  if (kind === 'disconnected') setConnected(channel, event.userId, event.resumable, isReported)
  if (kind === 'videoSource') channel.video.changed(event, isReported)
  if (kind !== 'encryption') return
  channel.encryption = event
  if (isReported) channel.reportedEncryption = event
}

function setConnected({ seats }: FrontChannel, userId: string, connected: boolean, isReported: boolean): void {
  const seat = seats.get(userId)
  if (seat?.grant === undefined) return
  seat.grant.connected = connected
  if (isReported) seat.reported = connected
}
