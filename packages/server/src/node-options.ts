// The options of the core, from the configuration and the open ports.
import type { NodeSettings, VoiceNodeOptions } from '@parley/core'
import { defaultBackendMemory } from './config/backend-memory.ts'
import type { Config } from './config/config.ts'
import { camelCased } from './config/node-settings.ts'
import { nodeCrypto } from './crypto.ts'
import { announcedBy, machineIpv4 } from './net/media-addresses.ts'
import type { Ports } from './ports.ts'
import { VERSION } from './version.ts'

const WSS_PORT = 443

/** What a node has open for its media. */
interface OpenMedia extends Pick<Ports, 'dtls'> {
  readonly iceTcp?: Ports['iceTcp']
  readonly lanes: Pick<Ports['lanes'], 'all'>
}

/** Sections pass as a whole, under the core's names; the options below them are not settings, or differ in form. */
export function nodeOptions(config: Config, endpoint: string, { lanes, dtls, iceTcp }: OpenMedia): VoiceNodeOptions {
  const { backend, lvsp, media, voice } = config
  const settings = nodeSettings(config)
  return {
    ...camelCased(lvsp),
    ...camelCased(voice),
    ...settings,
    crypto: nodeCrypto,
    dtls: dtls.ok ? dtls.value : undefined,
    serverVersion: VERSION,
    endpoint,
    tcpPort: iceTcp && portOf(endpoint),
    backends: backend.map((each, index) => ({
      ...camelCased(each),
      ...settings.backends[index]!,
      requireHeartbeat: lvsp.require_heartbeat,
    })),
    lanes: lanes.all,
    membersPerLane: media.members_per_lane,
    ipv4: media.listen === '::' ? machineIpv4() : undefined,
  }
}

/** The TCP port by which clients reach the node: that of wss if the endpoint names none. */
const portOf = (endpoint: string): number => Number(/:(\d+)$/.exec(endpoint)?.[1] ?? WSS_PORT)

/** Those that may change while the node runs. `publicAddress` is what STUN servers see, with `media.stun`. */
export function nodeSettings({ backend, lvsp, media, voice, capacity }: Config, publicAddress?: string): NodeSettings {
  return {
    announce: announcedBy(media, publicAddress),
    channelTokenAuth: lvsp.channel_token_auth,
    sessionCheck: voice.session_check,
    resumeWindow: voice.resume_window,
    minVersion: voice.min_version,
    strictOpcodes: voice.strict_opcodes,
    dave: voice.dave,
    orphanGrace: lvsp.orphan_grace,
    capacity: { ...camelCased(capacity), egressBitsPerSecond: capacity.egress_mbit * 1e6 },
    backends: backend.map(each => ({
      id: each.id,
      secrets: each.secrets,
      maxChannels: each.max_channels,
      maxVoiceStates: each.max_voice_states,
      maxChannelMembers: each.max_channel_members,
      maxChannelBitrate: each.max_channel_kbit * 1_000,
      maxMemberBitrate: each.max_member_kbit * 1_000,
      maxMemory:
        each.max_memory_mb === undefined ? defaultBackendMemory(backend.length) : each.max_memory_mb * 1024 * 1024,
    })),
  }
}
