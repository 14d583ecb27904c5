// The plain data between control and packets: commands down to a lane, events up from it. Both survive structured clone.
import type { SrtpProfile, VoiceMode } from '@parley/protocol'

/** A row of the packet engine: 1, 2, 3 … per lane, chosen by control, never reused while the lane lives. */
export type PeerId = number
/** A list of target peers that routes share: chosen by control, per lane. */
export type TargetsId = number

/** How a peer's packets are sealed and opened: a mode of Discord's, or a profile of SRTP. */
export type Protection = VoiceMode | SrtpProfile

export interface SocketAddress {
  /** IPv4 dotted or IPv6 text, without brackets; IPv4-mapped IPv6 is given as IPv4. */
  ip: string
  port: number
}

/** What a client offered: its own numbers for what the node passes on. */
export interface RtpMappingDescription {
  /** The node's own payload type, the browser's. */
  payloadTypes: readonly (readonly [ours: number, theirs: number])[]
  /** Ids of header extensions; those it does not know are absent. */
  extensions: {
    audioLevel?: number | undefined
    videoOrientation?: number | undefined
    playoutDelay?: number | undefined
    /** Discord's own: native clients tell each other what kind of speech it is. */
    speaker?: number | undefined
    transportSequence?: number | undefined
  }
}

export type LaneCommand =
  /** A session was given SSRCs: from now on discovery requests for `ssrcs[0]` are answered. Nothing else is sent to it. */
  | { kind: 'addPeer'; peer: PeerId; ssrcs: Int32Array }
  /**
   * The peer's media may flow (Select Protocol). `claimed` is the address the client says it has; it is used only if a
   * discovery request came from it. Repeating it gives the peer a new key and forgets counters and replay windows.
   */
  | {
      kind: 'protectPeer'
      peer: PeerId
      protection: Protection
      key: Uint8Array
      nonceStart: number
      claimed?: SocketAddress | undefined
    }
  /**
   * The peer is a browser (Select Protocol): ICE checks for it are answered from now on, and prove its address. `password` is
   * the node's, as ASCII. Repeating it replaces what was agreed on before; the peer is protected by another command.
   */
  | {
      kind: 'addWebrtcPeer'
      peer: PeerId
      ice: { localUfrag: string; remoteUfrag: string; password: Uint8Array }
      mapping: RtpMappingDescription
    }
  /** The numbers of a native client that takes part in video. */
  | { kind: 'setRtpMapping'; peer: PeerId; mapping: RtpMappingDescription }
  /** The browser closed its end: its checks are not answered any more, and nothing is sent. Its routes stay. */
  | { kind: 'removeWebrtcPeer'; peer: PeerId }
  /** The browser's own SSRC that stands for one of the peer's. */
  | { kind: 'mapSsrc'; peer: PeerId; clientSsrc: number; ssrc: number }
  /** Bytes for the peer as they are, if it has an address. */
  | { kind: 'sendDatagram'; peer: PeerId; bytes: Uint8Array }
  | { kind: 'removePeer'; peer: PeerId }
  /** Frames that DAVE has sealed are kept from the peer from now on: its client cannot open them. */
  | { kind: 'refuseSealed'; peer: PeerId }
  /** An empty list of targets. A packet is never forwarded to its own sender, whether or not it is in the list. */
  | { kind: 'openTargets'; targets: TargetsId }
  | { kind: 'addTarget'; targets: TargetsId; peer: PeerId }
  | { kind: 'removeTarget'; targets: TargetsId; peer: PeerId }
  | { kind: 'closeTargets'; targets: TargetsId }
  /**
   * Packets of `ssrc`, if they are `owner`'s, go to `targets`. Replaces an earlier route of that SSRC. With `sealedOnly`, audio
   * that DAVE has not sealed is dropped, but for silence, which it never seals.
   */
  | {
      kind: 'setRoute'
      ssrc: number
      owner: PeerId
      media: 'audio' | 'video'
      targets: TargetsId
      sealedOnly?: boolean | undefined
    }
  /**
   * Packets of `ssrc` are dropped from now on. With `silence`, the next five packets of a sender who goes on talking are
   * forwarded with the Opus silence frame as payload, so that listeners hear an end and not a hole.
   */
  | { kind: 'removeRoute'; ssrc: number; silence: boolean }
  /** Somebody has begun to look at the video with this SSRC: its source is asked for a keyframe, unless it was a moment ago. */
  | { kind: 'askKeyframe'; ssrc: number }
  /** Send a `counters` event now. */
  | { kind: 'report' }

export type LaneEvent =
  /** A packet of the peer verified from a new address, or a discovery reply was confirmed: media now goes there. */
  | { kind: 'addressBound'; peer: PeerId; address: SocketAddress }
  /** The first packet of a routed SSRC arrived. */
  | { kind: 'firstPacket'; peer: PeerId; ssrc: number }
  /** The peer's nonces are used up; it needs a new key. Nothing more is sent to it. */
  | { kind: 'nonceExhausted'; peer: PeerId }
  /** A DTLS datagram from an address that a browser has proved. */
  | { kind: 'datagram'; peer: PeerId; bytes: Uint8Array }
  /** A browser gave no sign for so long that nothing is sent to it, until the next ICE check. */
  | { kind: 'consentLost'; peer: PeerId }
  | { kind: 'counters'; counters: LaneCounters }

/** Totals since the lane started, but for `busy`. */
export interface LaneCounters {
  datagramsIn: number
  bytesIn: number
  packetsIn: number
  packetsOut: number
  bytesOut: number
  discoveries: number
  pings: number
  /** ICE checks answered. */
  checks: number
  keepalives: number
  /** Share of the time since the last report that the lane worked, 0 to 1. Near 1 it can hardly keep up. */
  busy: number
  /** Drops by cause; a datagram is counted once. */
  drops: Record<DropCause, number>
}

export const DROP_CAUSES = [
  'unclassified', // no kind of datagram we know
  'oversize', // longer than a slot
  'unknownSender', // neither its address nor its SSRC belongs to a peer
  'unprotected', // media before Select Protocol
  'authentication', // the tag did not verify
  'replayed', // its sequence was seen, or is older than the window
  'malformed', // header, extension or padding reach beyond the packet
  'foreignSsrc', // an SSRC that is not the sender's own
  'noRoute', // muted, suppressed, video not wanted, or nobody to hear it
  'ignoredAddress', // a source with too many failures
  'rateLimited', // discovery or ping above its rate
  'sendFailed', // the socket refused
  'noAddress', // the target has proved no address yet
  'overload', // it came faster than the lane could work: too old when it was read, or no room in the socket
  'sealed', // a frame that DAVE has sealed, for a client that cannot open it
  'unsealed', // audio that DAVE has not sealed, in a channel that requires it
] as const
export type DropCause = (typeof DROP_CAUSES)[number]
