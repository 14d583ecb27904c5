// A test lane on the in-memory engine: connected WebRTC and Discord clients, their packets, and the packets sent.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import {
  ADDRESS_WORDS,
  type LaneCommand,
  type LaneEvent,
  Router,
  type RtpMappingDescription,
  type SocketAddress,
  writeAddress,
} from '@parley/core'
import { encodeDiscoveryRequest, encodeStunRequest, SrtpProfile, type StunMac } from '@parley/protocol'
import { addDatagram, makeBatch, PLAIN_NONCE, PLAIN_TAG, PlainIo, type Sent } from './plain-io.ts'

export const stunMac: StunMac = (key, bytes, length) =>
  createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
/** The node's ICE password for every WebRTC client. */
export const PASSWORD = new Uint8Array(24).fill(0x70)
export const TARGETS = 1

/** The first SSRC of a peer; the next two are its video and the RTX of that. */
export const ssrcOf = (peer: number): number => 1000 + peer * 8
export const home = (peer: number): string => `10.0.0.${peer} 5000`
/** A packet as a client with this number seals it. */
export const sealed = (peer: number, plain: Uint8Array): Uint8Array =>
  Uint8Array.from([...plain, ...new Array(PLAIN_TAG).fill(peer)])
/** The same with a nonce of its own, as clients send it: big-endian. */
export function sealedWith(nonce: number, peer: number, plain: Uint8Array): Uint8Array {
  const bytes = sealed(peer, plain)
  new DataView(bytes.buffer).setUint32(bytes.length - PLAIN_NONCE, nonce)
  return bytes
}
export const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')
export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
/** ICE credentials of `addWebrtcPeer`: the node's ufrag is `node<peer>`, the client's `cli<peer>`. */
export const iceOf = (peer: number) => ({
  localUfrag: `node${peer}`,
  remoteUfrag: `cli${peer}`,
  password: PASSWORD,
})
export const checkOf = (peer: number, useCandidate = true, key = PASSWORD): Uint8Array =>
  encodeStunRequest(
    { transaction: new Uint8Array(12).fill(peer), username: `node${peer}:cli${peer}`, useCandidate },
    key,
    stunMac,
  )

function socketAddress(text: string): SocketAddress {
  const [ip, port] = text.split(' ') as [string, string]
  return { ip, port: Number(port) }
}

/** Of whose session a peer is, and the address of its client as `ip port`, if not `home`. */
export interface PeerOrigin {
  backend?: string
  from?: string
}

/** A REMB of `bits` per second. */
export function rembOf(bits: number): Uint8Array {
  let exponent = 0
  for (; bits / 2 ** exponent > 0x3_ffff; ) exponent++
  const bytes = unhex('8fce0005 00000001 00000000 52454d42 01000000 00000001')
  const word = (1 << 24) | (exponent << 18) | Math.floor(bits / 2 ** exponent)
  new DataView(bytes.buffer).setUint32(16, word >>> 0)
  return bytes
}

/** Peers are bound to `home`; each key is the peer's number. Target list TARGETS is open. */
export class PlainLane {
  readonly io: PlainIo
  readonly router: Router
  now = 1_000

  constructor(router?: (io: PlainIo) => Router, io = new PlainIo()) {
    this.io = io
    this.router = router?.(this.io) ?? new Router(this.io, { stunMac })
    this.command({ kind: 'openTargets', targets: TARGETS })
  }

  /** Applies commands at the present time. */
  command(...commands: LaneCommand[]): void {
    for (const each of commands) this.router.command(each, this.now)
  }

  /** Receives datagrams of one batch from `ip port`. Returns the packets sent in response. */
  receive(from: string, ...datagrams: Uint8Array[]): Sent[] {
    const words = new Int32Array(ADDRESS_WORDS)
    const { ip, port } = socketAddress(from)
    assert.ok(writeAddress(words, 0, ip, port))
    const batch = makeBatch()
    for (const bytes of datagrams) addDatagram(batch, bytes, words)
    this.router.receive(batch, this.now)
    return this.io.take()
  }

  /** Receives packets of a peer, sealed with its key, from its home address. */
  packets(peer: number, ...plain: Uint8Array[]): Sent[] {
    return this.receive(home(peer), ...plain.map(bytes => sealed(peer, bytes)))
  }

  /** Advances the clock, ticks, and returns the packets sent. */
  wait(by: number): Sent[] {
    this.now += by
    this.router.tick(this.now)
    return this.io.take()
  }

  /** Events except counters since the last call. */
  events(): LaneEvent[] {
    return this.router.takeEvents().filter(event => event.kind !== 'counters')
  }

  /** Counts of drops so far by cause. Consumes the events. */
  drops(): Record<string, number> {
    this.router.takeEvents()
    this.command({ kind: 'report' })
    const event = this.router.takeEvents().find(each => each.kind === 'counters')
    const counted = Object.entries((event as LaneEvent & { kind: 'counters' }).counters.drops)
    return Object.fromEntries(counted.filter(([, count]) => count > 0))
  }

  /** Adds a peer with eight SSRCs, without key and address. */
  addPeer(peer: number, backend?: string): void {
    const ssrcs = Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index)
    this.command({ kind: 'addPeer', peer, ssrcs, backend })
  }

  /** Adds a WebRTC peer without a verified address and key. */
  addWebrtcPeer(peer: number, mapping: RtpMappingDescription, backend?: string): void {
    this.addPeer(peer, backend)
    const ssrc = ssrcOf(peer) + 1
    const rids = [
      { rid: 'h', ssrc, rtxSsrc: ssrc + 1 },
      { rid: 'l', ssrc: ssrc + 2, rtxSsrc: ssrc + 3 },
    ]
    this.command({ kind: 'addWebrtcPeer', peer, ice: iceOf(peer), mapping, rids })
  }

  /** An ICE check of a WebRTC client, nominating by default. */
  check(peer: number, from = home(peer), useCandidate = true): Sent[] {
    return this.receive(from, checkOf(peer, useCandidate))
  }

  protectWebrtcPeer(peer: number): void {
    const key = new Uint8Array(56).fill(peer)
    this.command({ kind: 'protectPeer', peer, protection: SrtpProfile.AeadAes128Gcm, key, nonceStart: 0 })
  }

  /** Adds a WebRTC peer with a verified address and key. */
  connectWebrtcPeer(peer: number, mapping: RtpMappingDescription, { backend, from }: PeerOrigin = {}): void {
    this.addWebrtcPeer(peer, mapping, backend)
    this.check(peer, from)
    this.protectWebrtcPeer(peer)
  }

  protectNative(peer: number, claimed?: string): void {
    this.command({
      kind: 'protectPeer',
      peer,
      protection: 'aead_aes256_gcm_rtpsize',
      key: new Uint8Array(32).fill(peer),
      nonceStart: 0,
      claimed: claimed === undefined ? undefined : socketAddress(claimed),
    })
  }

  /** Adds a Discord client with a bound address and key; with `mapping` it takes part in video. */
  connectNative(peer: number, mapping?: RtpMappingDescription): void {
    this.addPeer(peer)
    this.receive(home(peer), encodeDiscoveryRequest(ssrcOf(peer)))
    this.protectNative(peer)
    if (mapping !== undefined) this.command({ kind: 'setRtpMapping', peer, mapping })
  }

  /** Adds peers to the list TARGETS. */
  listen(...peers: number[]): void {
    for (const peer of peers) this.command({ kind: 'addTarget', targets: TARGETS, peer })
  }

  /** Routes the audio of peers to the list TARGETS. */
  routeAudio(...peers: number[]): void {
    for (const peer of peers)
      this.command({ kind: 'setRoute', ssrc: ssrcOf(peer), owner: peer, media: 'audio', targets: TARGETS })
  }

  /** Routes the camera of a peer; a WebRTC client sends it on `clientSsrc`, its RTX on `clientSsrc + 1`. */
  routeVideo(peer: number, clientSsrc?: number): void {
    const ssrc = ssrcOf(peer) + 1
    this.command({ kind: 'setRoute', ssrc, owner: peer, media: 'video', targets: TARGETS })
    if (clientSsrc === undefined) return
    this.command(
      { kind: 'mapSsrc', peer, clientSsrc, ssrc },
      { kind: 'mapSsrc', peer, clientSsrc: clientSsrc + 1, ssrc: ssrc + 1 },
    )
  }
}

/** A lane with Discord clients that all receive each other's audio. */
export function laneOf(...peers: number[]): PlainLane {
  const lane = new PlainLane(io => new Router(io))
  for (const peer of peers) {
    lane.connectNative(peer)
    lane.listen(peer)
    lane.routeAudio(peer)
  }
  lane.events()
  return lane
}
