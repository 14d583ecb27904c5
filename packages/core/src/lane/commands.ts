// Messages between control and a lane: commands to the lane, events from it. Both are plain data that survives structured clone.
import type { SrtpProfile, VoiceMode } from '@parley/protocol'
import type { DropCause } from './drop-causes.ts'
import type { LatencyCounts } from './latency.ts'
import type { LayerReport, ViewCounts } from './layer-report.ts'

/** A lane, numbered from 0 by the host. */
export type LaneId = number
/** 1, 2, 3 … per lane, chosen by control, never reused while the lane runs. */
export type PeerId = number
/** Names a list of target peers that routes share. Chosen by control, per lane. */
export type TargetsId = number
/** Names the peers of one channel that share a limit of bit rate. Chosen by control, per lane. */
export type GroupId = number

/** Transport encryption of a peer: a mode of Discord's, or a profile of SRTP. */
export type Protection = VoiceMode | SrtpProfile

export interface SocketAddress {
  /** IPv4 dotted or IPv6 text, without brackets; IPv4-mapped IPv6 is written as IPv4. */
  ip: string
  port: number
}

/** The client's numbers for what the node forwards, from its offer or codec list. */
export interface RtpMappingDescription {
  /** Pairs of payload types. */
  payloadTypes: readonly (readonly [node: number, client: number])[]
  /** Ids of header extensions; those that the client does not know are absent. */
  extensions: {
    audioLevel?: number | undefined
    videoOrientation?: number | undefined
    playoutDelay?: number | undefined
    /** Discord's extension for the kind of speech (microphone, screen audio, priority). */
    speaker?: number | undefined
    transportSequence?: number | undefined
    /** The rid of a simulcast layer, and in its retransmissions (RFC 8852 §3). */
    rid?: number | undefined
    repairedRid?: number | undefined
    /** The dependency descriptor of AV1. It is read, and not forwarded. */
    dependencyDescriptor?: number | undefined
  }
}

/** One simulcast layer of a source of video. */
export interface LayerDescription {
  ssrc: number
  /** 0 to 100. */
  quality: number
  /** The sender declared that it sends it. */
  isActive: boolean
}

export type LaneCommand =
  /** A session has SSRCs. From now on discovery requests for `ssrcs[0]` are answered; nothing else is sent to the peer. */
  | {
      kind: 'addPeer'
      peer: PeerId
      ssrcs: Int32Array
      /** The backend of its session: what the lane holds for peers is bounded by shares per backend. Peers without one share one. */
      backend?: string | undefined
      /**
       * Of a remote peer, which is on that lane, in a channel that has members on this lane too. It has routes here as it has there,
       * but another id, no key and no address: its packets arrive through the ring from that lane.
       */
      lane?: LaneId | undefined
    }
  /**
   * The peer has a key (Select Protocol, or DTLS). `claimed` is the address in Select Protocol; it is used only if a discovery
   * request was sent from it. Repeated, it sets another key and resets counters and replay windows.
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
   * The peer is a WebRTC client (Select Protocol): ICE checks for it are answered from now on, and prove its address. `password`
   * is the node's, in ASCII. Repeated, it replaces the negotiation before. The key follows with `protectPeer`.
   */
  | {
      kind: 'addWebrtcPeer'
      peer: PeerId
      ice: { localUfrag: string; remoteUfrag: string; password: Uint8Array }
      mapping: RtpMappingDescription
      /** Layers that the client may send without having declared their SSRCs: its packets name their rids. */
      rids?: readonly { rid: string; ssrc: number; rtxSsrc: number }[] | undefined
    }
  /** The numbers of a client over UDP that takes part in video. */
  | { kind: 'setRtpMapping'; peer: PeerId; mapping: RtpMappingDescription }
  /** The WebRTC client closed its end: checks are no longer answered, and nothing is sent. Its routes stay. */
  | { kind: 'removeWebrtcPeer'; peer: PeerId }
  /** A WebRTC client sends the node's `ssrc` as `clientSsrc`. */
  | { kind: 'mapSsrc'; peer: PeerId; clientSsrc: number; ssrc: number }
  /** Sends bytes as they are, if the peer has an address. */
  | { kind: 'sendDatagram'; peer: PeerId; bytes: Uint8Array }
  | { kind: 'removePeer'; peer: PeerId }
  /** The session's WebSocket comes from this IP. A peer whose UDP address is elsewhere must keep proving that it receives there. */
  | { kind: 'setSessionIp'; peer: PeerId; ip: string }
  /** From now on frames that DAVE has sealed are not forwarded to the peer: its client cannot open them. */
  | { kind: 'refuseSealed'; peer: PeerId }
  /**
   * Creates a list of targets with these peers; without, an empty one. A packet is never forwarded to its own sender, whether or not
   * it is in the list.
   */
  | { kind: 'openTargets'; targets: TargetsId; peers?: Int32Array | undefined }
  | { kind: 'addTarget'; targets: TargetsId; peer: PeerId }
  | { kind: 'removeTarget'; targets: TargetsId; peer: PeerId }
  | { kind: 'closeTargets'; targets: TargetsId }
  /**
   * Forwards packets of `ssrc`, if it belongs to `owner`, to `targets`. Replaces the route of that SSRC. With `sealedOnly`, audio
   * that DAVE has not sealed is dropped, except silence, which DAVE never seals.
   */
  | {
      kind: 'setRoute'
      ssrc: number
      owner: PeerId
      media: 'audio' | 'video'
      targets: TargetsId
      /** Packets also go to these lanes, each of which has a route for the SSRC. Ignored for a remote peer. */
      lanes?: readonly LaneId[] | undefined
      sealedOnly?: boolean | undefined
      /** Of video; absent for a camera. */
      source?: 'camera' | 'screen' | undefined
      /** Of video with several layers: all of them, that of `ssrc` included. Each viewer is sent one. */
      layers?: readonly LayerDescription[] | undefined
      /** The best quality of a layer that viewers are sent; 100 if absent. */
      highest?: number | undefined
    }
  /**
   * Drops packets of `ssrc` from now on. With `silence`, the next five packets of a sender that continues are forwarded with the
   * Opus silence frame as payload, so that listeners detect the end of speech instead of loss.
   */
  | { kind: 'removeRoute'; ssrc: number; silence: boolean }
  /** What a viewer wants of the video of others (op 15): by SSRC, and for all others. */
  | {
      kind: 'setWants'
      peer: PeerId
      any: number
      wants: readonly (readonly [ssrc: number, want: number])[]
      pixelCounts: readonly (readonly [ssrc: number, pixels: number])[]
    }
  /**
   * A viewer was added to the video with this SSRC: requests a keyframe, unless one was requested a moment ago. With `isLayer` a
   * viewer on another lane needs one of exactly this layer.
   */
  | { kind: 'askKeyframe'; ssrc: number; isLayer?: boolean | undefined }
  /**
   * Bounds the media of a peer, in bits per second, 0 for no bound: `member` by itself, `channel` together with the other peers of
   * the group, for all of which the last command counts. Traffic above the limit is not forwarded, video first.
   */
  | { kind: 'limitBitrate'; peer: PeerId; group: GroupId; member: number; channel: number }
  /** Requests a `qualities` event. */
  | { kind: 'reportPeers' }
  /** Requests a `counters` event. */
  | { kind: 'report' }

export type LaneEvent =
  /** Media for the peer is now sent to this address. */
  | { kind: 'addressBound'; peer: PeerId; address: SocketAddress }
  /** The first packet of a routed SSRC arrived. */
  | { kind: 'firstPacket'; peer: PeerId; ssrc: number }
  /**
   * Of what the peer views: sources whose layers, or the reasons for them, changed, and after `report` some that did not. `ended`
   * are sources that it no longer views, by the SSRC of their first layer.
   */
  | { kind: 'layers'; peer: PeerId; layers: readonly LayerReport[]; ended: readonly number[] }
  /** A keyframe of this layer of a remote peer is needed; `lane` is that of the peer. */
  | { kind: 'keyframeNeeded'; lane: LaneId; ssrc: number }
  /** Packets of the peer above the limit of the member, and of the channel, since the last `report`. */
  | { kind: 'overBitrate'; peer: PeerId; member: number; channel: number }
  /** The peer's nonces are used up; nothing is sent to it until it has a new key. */
  | { kind: 'nonceExhausted'; peer: PeerId }
  /** A DTLS datagram from an address that a WebRTC client has proved. */
  | { kind: 'datagram'; peer: PeerId; bytes: Uint8Array }
  /** The consent of a WebRTC client expired: nothing is sent to it until the next ICE check. */
  | { kind: 'consentLost'; peer: PeerId }
  | { kind: 'counters'; counters: LaneCounters }
  /** How packets of each peer arrive; peers that sent none are left out. */
  | { kind: 'qualities'; qualities: readonly PeerQuality[] }
  /** The last quality of a peer that is removed. */
  | { kind: 'peerEnded'; quality: PeerQuality }

/** How the packets of a peer arrived, since its present key. */
export interface PeerQuality {
  peer: PeerId
  /** Of all of its streams, without duplicates. */
  packets: number
  lost: number
  /** Milliseconds, of its audio (RFC 3550 §6.4.1). */
  jitter: number
  /** What the peer reports of the packets that it receives; undefined before its first report. */
  reported: ReportedReception | undefined
}

/** Of the packets that a peer receives, by its own reports (RFC 3550 §6.4). */
export interface ReportedReception {
  /** Share that did not arrive, averaged over the latest reports. */
  loss: number
  /** Milliseconds to the peer and back; undefined for peers that are sent no sender reports. */
  roundTrip: number | undefined
}

/** Totals since the lane started, except `busy`. */
export interface LaneCounters {
  datagramsIn: number
  bytesIn: number
  packetsIn: number
  packetsOut: number
  /** Packets that arrived from other lanes, and those handed to other lanes, one per lane. */
  crossedIn: number
  crossedOut: number
  bytesOut: number
  discoveries: number
  pings: number
  /** ICE checks answered. */
  checks: number
  keepalives: number
  /** Share of the time since the last report that the lane worked, 0 to 1. Near 1 the lane is overloaded. */
  busy: number
  /** From the arrival of a packet to the sending of its copies, of a sample of the packets. */
  latency: LatencyCounts
  /** Drops by cause; a datagram is counted once. */
  drops: Record<DropCause, number>
  /** Viewers of video at present, each counted per source. */
  views: ViewCounts
}
