// A lane over the engine in memory, for tests: browsers and native clients who are connected, their packets, and what it sends.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import {
  type LaneCommand,
  type LaneEvent,
  Router,
  type RtpMappingDescription,
  type SocketAddress,
  writeAddress,
} from '@parley/core'
import { encodeDiscoveryRequest, encodeStunRequest, SrtpProfile, type StunMac } from '@parley/protocol'
import { addDatagram, makeBatch, PLAIN_TAG, PlainIo, type Sent } from './plain-io.ts'

export const stunMac: StunMac = (key, bytes, length) =>
  createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
/** Of the node's half of ICE, for every browser. */
export const PASSWORD = new Uint8Array(24).fill(0x70)
export const TARGETS = 1

/** The first SSRC of a peer; the next are its video and the retransmissions of that. */
export const ssrcOf = (peer: number): number => 1000 + peer * 8
export const home = (peer: number): string => `10.0.0.${peer} 5000`
export const sealed = (peer: number, plain: Uint8Array): Uint8Array =>
  Uint8Array.from([...plain, ...new Array(PLAIN_TAG).fill(peer)])
export const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')
export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
/** What `addWebrtcPeer` agrees on: the node's name is `node<peer>`, the browser's `cli<peer>`. */
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

/** Peers are bound at `home`, with a key of their own number. Target list TARGETS is open. */
export class PlainLane {
  readonly io: PlainIo
  readonly router: Router
  now = 1_000

  constructor(router?: (io: PlainIo) => Router, io = new PlainIo()) {
    this.io = io
    this.router = router?.(this.io) ?? new Router(this.io, { stunMac })
    this.command({ kind: 'openTargets', targets: TARGETS })
  }

  command(...commands: LaneCommand[]): void {
    for (const each of commands) this.router.command(each, this.now)
  }

  /** Datagrams of one batch, from `ip port`. Returns what is sent for them. */
  receive(from: string, ...datagrams: Uint8Array[]): Sent[] {
    const words = new Int32Array(5)
    const { ip, port } = socketAddress(from)
    assert.ok(writeAddress(words, 0, ip, port))
    const batch = makeBatch()
    for (const bytes of datagrams) addDatagram(batch, bytes, words)
    this.router.receive(batch, this.now)
    return this.io.take()
  }

  /** Plain packets of a peer, sealed with its key, from its home. */
  packets(peer: number, ...plain: Uint8Array[]): Sent[] {
    return this.receive(home(peer), ...plain.map(bytes => sealed(peer, bytes)))
  }

  wait(by: number): Sent[] {
    this.now += by
    this.router.tick(this.now)
    return this.io.take()
  }

  /** All but counters, since the last call. */
  events(): LaneEvent[] {
    return this.router.takeEvents().filter(event => event.kind !== 'counters')
  }

  /** The causes of drops so far, with their counts. Takes the events. */
  drops(): Record<string, number> {
    this.router.takeEvents()
    this.command({ kind: 'report' })
    const event = this.router.takeEvents().find(each => each.kind === 'counters')
    const counted = Object.entries((event as LaneEvent & { kind: 'counters' }).counters.drops)
    return Object.fromEntries(counted.filter(([, count]) => count > 0))
  }

  addPeer(peer: number): void {
    const ssrcs = Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index)
    this.command({ kind: 'addPeer', peer, ssrcs })
  }

  /** It has proved nothing yet, and has no key. */
  addWebrtcPeer(peer: number, mapping: RtpMappingDescription): void {
    this.addPeer(peer)
    this.command({ kind: 'addWebrtcPeer', peer, ice: iceOf(peer), mapping })
  }

  check(peer: number, from = home(peer), useCandidate = true): Sent[] {
    return this.receive(from, checkOf(peer, useCandidate))
  }

  protectWebrtcPeer(peer: number): void {
    const key = new Uint8Array(56).fill(peer)
    this.command({ kind: 'protectPeer', peer, protection: SrtpProfile.AeadAes128Gcm, key, nonceStart: 0 })
  }

  /** A browser whose media may flow. */
  connectWebrtcPeer(peer: number, mapping: RtpMappingDescription): void {
    this.addWebrtcPeer(peer, mapping)
    this.check(peer)
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

  /** A native client whose media may flow; with a form it takes part in video. */
  connectNative(peer: number, mapping?: RtpMappingDescription): void {
    this.addPeer(peer)
    this.receive(home(peer), encodeDiscoveryRequest(ssrcOf(peer)))
    this.protectNative(peer)
    if (mapping !== undefined) this.command({ kind: 'setRtpMapping', peer, mapping })
  }

  listen(...peers: number[]): void {
    for (const peer of peers) this.command({ kind: 'addTarget', targets: TARGETS, peer })
  }

  routeAudio(...peers: number[]): void {
    for (const peer of peers)
      this.command({ kind: 'setRoute', ssrc: ssrcOf(peer), owner: peer, media: 'audio', targets: TARGETS })
  }

  /** What the peer sends of its camera; a browser calls it `own`, and its retransmissions `own + 1`. */
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
