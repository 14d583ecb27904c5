// The core of a front's process: the front itself, and where clients are relayed the gateway that greets them.
import { type Front, refused, VoiceNode } from '@parley/core'
import type { Config } from '../../config/config.ts'
import type { Core } from '../../host.ts'
import { nodeOptions } from '../../node-options.ts'

/**
 * A voice node without lanes and channels: it sends Hello, counts unidentified connections, bans addresses and refuses clients
 * that no node of the cluster has.
 */
export const gatewayOf = (config: Config): VoiceNode =>
  new VoiceNode(nodeOptions(config, '', { lanes: { all: [] }, dtls: refused('a front has no media') }))

/** A front has no lanes. Each of the two ignores the connections of the other. */
export function coreOf(front: Front, gateway: VoiceNode | undefined): Core {
  return {
    connectionOpened(id, opening, now) {
      if (opening.protocol === 'gateway') gateway?.connectionOpened(id, opening, now)
      else front.connectionOpened(id, opening, now)
    },
    messageReceived(id, data, now) {
      front.messageReceived(id, data, now)
      gateway?.messageReceived(id, data, now)
    },
    connectionClosed(id, code, now) {
      front.connectionClosed(id, code, now)
      gateway?.connectionClosed(id, code, now)
    },
    laneEvent: () => {},
    laneLost: () => {},
    laneReplaced: () => {},
    tick(now) {
      try {
        front.tick(now)
      } finally {
        gateway?.tick(now)
      }
    },
    measured: () => {},
    drain: () => {},
    takeEffects: () => [...front.takeEffects(), ...(gateway?.takeEffects() ?? [])],
    get deadline() {
      return Math.min(front.deadline, gateway?.deadline ?? Infinity)
    },
  }
}
