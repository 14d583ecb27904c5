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
  const qualities: PeerQuality[] = []
  for (const peer of peers.all()) {
    // In a large call most have sent nothing.
    if (peer.lane !== undefined || (peer.reportedLoss < 0 && !routes.hasReceived(peer))) continue
    const quality = peerQuality(peer, routes)
    if (quality.packets > 0 || quality.reported !== undefined) qualities.push(quality)
  }
  return qualities
}
