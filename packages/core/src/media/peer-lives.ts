// What commands change of peers: they are added, get their key, change their transport and are removed, with all that refers to them.
import { isSrtpProfile } from '@parley/protocol'
import type { LaneCommand, LaneEvent, PeerId } from '../lane/commands.ts'
import type { PacketIo } from '../lane/packet-io.ts'
import type { Peer, Peers } from './address/peers.ts'
import type { BitrateLimits } from './bitrate/bitrate-limits.ts'
import { hasCountedNonces } from './counted-nonces.ts'
import type { Talkspurts } from './forward/talkspurts.ts'
import type { KeyframeRequests } from './loss/keyframe-requests.ts'
import type { NackGenerator } from './loss/nack-generator.ts'
import type { NackResponder } from './loss/nack-responder.ts'
import { peerQuality } from './peer-quality.ts'
import { NonceWindow } from './receive/nonce-window.ts'
import type { ReceiverReports } from './rtcp/receiver-reports.ts'
import type { ReceiveStream } from './streams/receive-stream.ts'
import type { RouteTable } from './streams/route-table.ts'
import { DISCORD_MAPPING } from './streams/rtp-mapping.ts'
import type { SendStreams } from './streams/send-streams.ts'
import type { Viewers } from './viewers/viewers.ts'
import { mapSsrc, type WebrtcPeers } from './webrtc/webrtc-peers.ts'

export interface PeerLivesParts {
  readonly io: PacketIo
  readonly peers: Peers
  readonly routes: RouteTable
  readonly sendStreams: SendStreams
  readonly webrtcPeers: WebrtcPeers
  readonly viewers: Viewers
  readonly talkspurts: Talkspurts
  readonly keyframes: KeyframeRequests
  readonly nackGenerator: NackGenerator
  readonly nackResponder: NackResponder
  readonly reports: ReceiverReports
  readonly bitrates: BitrateLimits
  /** Where events are pushed. */
  readonly events: LaneEvent[]
}

type Command<Kind extends LaneCommand['kind']> = LaneCommand & { kind: Kind }

/** Commands that name a peer or SSRC that does not exist do nothing. Addresses that change are in `Peers.rebound` afterwards. */
export class PeerLives {
  readonly #parts: PeerLivesParts

  constructor(parts: PeerLivesParts) {
    this.#parts = parts
  }

  /** A session was opened. Its streams exist from now on, without a route. */
  add(command: Command<'addPeer'>): void {
    const { io, peers, routes } = this.#parts
    const peer = peers.add(command)
    if (peer === undefined) return
    routes.addPeer(peer)
    if (peer.lane === undefined) io.addPeer(peer.id)
  }

  /** The peer has a key: indexes, nonces and sequences of an earlier one mean nothing under it. */
  protect(command: Command<'protectPeer'>, now: number): void {
    const { io, peers, routes, sendStreams } = this.#parts
    const peer = peers.get(command.peer)
    const isSrtp = isSrtpProfile(command.protection)
    if (peer === undefined || (isSrtp && !peer.isWebrtc)) return
    if (peer.isWebrtc && !isSrtp) this.#becomeDiscordClient(peer, now)
    io.protectPeer(peer.id, command.protection, command.key, command.nonceStart)
    peer.nonces = hasCountedNonces(command.protection) ? new NonceWindow() : undefined
    sendStreams.receiverEnded(peer.id)
    for (const stream of routes.streamsOf(peer)) this.#resetStream(stream)
    peers.protect(peer, command.claimed, now)
  }

  /** A session selected WebRTC, or offered again. */
  addWebrtc(command: Command<'addWebrtcPeer'>, now: number): void {
    const { peers, routes, viewers, webrtcPeers } = this.#parts
    const peer = peers.get(command.peer)
    if (peer === undefined || !webrtcPeers.areServed) return
    const webrtcPeer = webrtcPeers.add(peer, command, now)
    routes.setRtpMapping(peer.id, webrtcPeer.mapping, true, now)
    viewers.remove(peer)
    if (webrtcPeer.mapping.stamp !== 0) viewers.add(peer)
  }

  /** A WebRTC client declared the SSRC of one of its streams. Returns whether it is mapped. */
  mapSsrc({ peer: id, clientSsrc, ssrc }: Command<'mapSsrc'>): boolean {
    const webrtcPeer = this.#parts.webrtcPeers.get(id)
    const stream = this.#parts.routes.stream(ssrc)
    if (webrtcPeer === undefined || stream?.owner.id !== id || !mapSsrc(webrtcPeer, clientSsrc, stream)) return false
    this.#resetStream(stream)
    return true
  }

  /** May suspend the peer's address, or resume it. */
  setSessionIp({ peer: id, ip }: Command<'setSessionIp'>, now: number): void {
    const peer = this.#parts.peers.get(id)
    if (peer !== undefined) this.#parts.peers.setSessionIp(peer, ip, now)
  }

  /** The peer, or its channel, may send more or less from now on. */
  limitBitrate(command: Command<'limitBitrate'>, now: number): void {
    const peer = this.#parts.peers.get(command.peer)
    if (peer !== undefined) this.#parts.bitrates.limit(peer, command, now)
  }

  /** Removes everything that refers to the peer, as sender and as receiver. */
  remove(id: PeerId): void {
    const { io, peers, routes, sendStreams, webrtcPeers, viewers, reports, bitrates, events } = this.#parts
    const peer = peers.get(id)
    if (peer === undefined) return
    if (peer.lane === undefined) events.push({ kind: 'peerEnded', quality: peerQuality(peer, routes) })
    reports.remove(peer)
    bitrates.forget(peer)
    webrtcPeers.remove(peer)
    viewers.remove(peer)
    sendStreams.receiverEnded(id)
    for (const stream of routes.streamsOf(peer)) {
      this.#resetStream(stream)
      sendStreams.streamEnded(stream)
    }
    routes.removePeer(peer)
    peers.remove(peer)
    io.removePeer(id)
  }

  /** Nothing of the video is requested or sent again. */
  forgetVideo(stream: ReceiveStream): void {
    const { keyframes, nackGenerator, nackResponder } = this.#parts
    keyframes.forget(stream)
    nackGenerator.forget(stream)
    nackResponder.forget(stream)
  }

  /** A session changed its transport from WebRTC to UDP. */
  #becomeDiscordClient(peer: Peer, now: number): void {
    const { routes, viewers, webrtcPeers } = this.#parts
    webrtcPeers.end(peer)
    peer.isWebrtc = false
    viewers.remove(peer)
    routes.setRtpMapping(peer.id, DISCORD_MAPPING, false, now)
  }

  /** Another source or key feeds the stream. */
  #resetStream(stream: ReceiveStream): void {
    this.#parts.talkspurts.forget(stream)
    this.forgetVideo(stream)
    stream.reset()
  }
}
