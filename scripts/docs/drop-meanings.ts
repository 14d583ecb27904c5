// What each cause of `parley_drops_total` means to an operator. docs/operating.md lists this table.
import type { DropCause } from '@parley/core'

/** What each cause means, and what it usually points to. */
export const DROP_MEANINGS = {
  unclassified: [
    'no known kind of datagram',
    'Strangers scan the port, or the node serves no WebRTC and a browser tries.',
  ],
  oversize: ['longer than a slot', 'A client with too large packets.'],
  unknownSender: [
    'neither its address nor its SSRC belongs to a peer',
    'After a session ended its client still sends for a moment; many are a flood.',
  ],
  unprotected: ['media before Select Protocol', 'A client that sends before it has its key.'],
  authentication: ['the tag did not verify', 'A client with a wrong key, or a forged source.'],
  replayed: [
    'received before, or older than the replay window and not requested',
    'The network duplicates packets, or delays them for seconds.',
  ],
  malformed: ['header, extension or padding exceed the packet, or an unknown payload type', 'A faulty client.'],
  foreignSsrc: ['an SSRC that does not belong to the sender', 'A faulty client, or one that forges.'],
  noRoute: [
    'muted, suppressed, video not wanted, or no receiver',
    'Normal; counted as parley_unforwarded_packets_total.',
  ],
  ignoredAddress: ['from an IP with too many failures', 'A flood; see authentication.'],
  addressInUse: [
    'an ICE check from the address of another peer',
    'Two browsers behind one changing NAT, or a forged source.',
  ],
  rateLimited: ['discovery, ping, check or DTLS above its rate', 'A flood, or hundreds of clients behind one address.'],
  sendFailed: ['the socket refused', 'The machine’s own network: no route, a firewall, full buffers.'],
  noAddress: [
    'the receiver has no proved address, or its proof expired',
    'Clients that never sent a packet: their firewall blocks UDP.',
  ],
  overload: [
    'faster than the lane could work: too old when it was read, or no room in the socket',
    'Add lanes or nodes, or raise net.core.rmem_max.',
  ],
  sealed: [
    'a frame that DAVE has sealed, for a client that cannot open it',
    'For a moment while a call changes its encryption.',
  ],
  unsealed: [
    'audio that DAVE has not sealed, in a channel that requires it',
    'A client that does not encrypt although the channel requires it.',
  ],
  paced: [
    'video that would have waited too long to leave to a viewer with little bandwidth',
    'A viewer with too little bandwidth.',
  ],
  ringFull: [
    'for another lane that is overloaded, hangs or was lost: no room in the ring to it',
    'Add lanes; see lane.lost in the log.',
  ],
  overBitrate: [
    'above the bit rate that the member, or its channel, may send; video before audio',
    'A client that sends more than `max_member_kbit`, `max_channel_kbit` or its backend permits; see voice.over_bitrate in the log.',
  ],
} as const satisfies Record<DropCause, readonly [meaning: string, points: string]>
