// How the packets of a peer arrive, over its streams.
import type { PeerQuality } from '../lane/commands.ts'
import type { Peer } from './address/peers.ts'
import type { RouteTable } from './streams/route-table.ts'

export function peerQuality(peer: Peer, routes: RouteTable): PeerQuality {
  const quality = { peer: peer.id, packets: 0, lost: 0, jitter: 0 }
  for (const { received, isAudio, clockRate } of routes.streamsOf(peer)) {
    if (received === undefined) continue
    quality.packets += received.stats.count
    quality.lost += received.stats.lost
    if (isAudio) quality.jitter = received.stats.jitter / clockRate
  }
  return quality
}
