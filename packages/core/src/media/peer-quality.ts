// How the packets of a peer arrive, over its streams.
import type { PeerQuality } from '../lane/commands.ts'
import type { Peer, Peers } from './address/peers.ts'
import type { RouteTable } from './streams/route-table.ts'

export function peerQuality(peer: Peer, routes: RouteTable): PeerQuality {
  const { reportedLoss: loss, reportedRoundTrip } = peer
  const roundTrip = reportedRoundTrip < 0 ? undefined : reportedRoundTrip
  const reported = loss < 0 ? undefined : { loss, roundTrip }
  const quality = { peer: peer.id, packets: 0, lost: 0, jitter: 0, reported }
  for (const { received, isAudio, clockRate } of routes.streamsOf(peer)) {
    if (received === undefined) continue
    quality.packets += received.stats.count
    quality.lost += received.stats.lost
    if (isAudio) quality.jitter = received.stats.jitter / clockRate
  }
  return quality
}

/** Of all peers that sent media or reports. */
export function qualitiesOf(peers: Peers, routes: RouteTable): PeerQuality[] {
  const all = peers.ids().map(id => peers.get(id)!)
  return all
    .filter(({ lane }) => lane === undefined)
    .map(peer => peerQuality(peer, routes))
    .filter(({ packets, reported }) => packets > 0 || reported !== undefined)
}
