// Random sequences of commands and datagrams: the lane never throws and keeps no state of removed peers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeDiscoveryRequest, encodeRtp } from '@parley/protocol'
import fc from 'fast-check'
import type { LaneCommand } from '../lane/commands.ts'
import { addDatagram, makeBatch, PLAIN_TAG, PlainIo } from '../testing/plain-io.ts'
import { Router } from './router.ts'

type Step =
  | { kind: 'command'; command: LaneCommand }
  | { kind: 'discover' | 'talk'; peer: number; from: number; sequence: number }
  | { kind: 'wait'; by: number }

const peer = fc.integer({ min: 1, max: 5 })
const targets = fc.integer({ min: 1, max: 3 })
const ssrcOf = (of: number) => 1000 + of * 8
const ssrc = peer.chain(of => fc.nat(2).map(index => ssrcOf(of) + index))
const port = fc.nat(4)
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model)

const command: fc.Arbitrary<LaneCommand> = fc.oneof(
  peer.map(
    (of): LaneCommand => ({
      kind: 'addPeer',
      peer: of,
      ssrcs: Int32Array.of(ssrcOf(of), ssrcOf(of) + 1, ssrcOf(of) + 2),
    }),
  ),
  fc.tuple(peer, port).map(
    ([of, at]): LaneCommand => ({
      kind: 'protectPeer',
      peer: of,
      protection: 'aead_aes256_gcm_rtpsize',
      key: new Uint8Array(32).fill(of),
      nonceStart: 0,
      claimed: { ip: '10.0.0.1', port: at },
    }),
  ),
  record<LaneCommand & { kind: 'removePeer' }>({ kind: fc.constant('removePeer'), peer }),
  record<LaneCommand & { kind: 'setSessionIp' }>({
    kind: fc.constant('setSessionIp'),
    peer,
    ip: fc.constantFrom('10.0.0.1', '203.0.113.5', '2001:db8::1', 'none'),
  }),
  record<LaneCommand & { kind: 'openTargets' }>({
    kind: fc.constant('openTargets'),
    targets,
    peers: fc.option(
      fc.array(peer, { maxLength: 4 }).map(peers => Int32Array.from(peers)),
      { nil: undefined },
    ),
  }),
  record<LaneCommand & { kind: 'addTarget' }>({ kind: fc.constant('addTarget'), targets, peer }),
  record<LaneCommand & { kind: 'addTarget' }>({ kind: fc.constant('addTarget'), targets, peer }),
  record<LaneCommand & { kind: 'removeTarget' }>({ kind: fc.constant('removeTarget'), targets, peer }),
  record<LaneCommand & { kind: 'closeTargets' }>({ kind: fc.constant('closeTargets'), targets }),
  record<LaneCommand & { kind: 'setRoute' }>({
    kind: fc.constant('setRoute'),
    ssrc,
    owner: peer,
    media: fc.constantFrom('audio', 'video'),
    targets,
  }),
  record<LaneCommand & { kind: 'removeRoute' }>({ kind: fc.constant('removeRoute'), ssrc, silence: fc.boolean() }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: command.map((each): Step => ({ kind: 'command', command: each })) },
  {
    weight: 5,
    arbitrary: record<Extract<Step, { peer: number }>>({
      kind: fc.constantFrom('discover', 'talk', 'talk'),
      peer,
      from: port,
      sequence: fc.nat(200),
    }),
  },
  { weight: 1, arbitrary: record<Step & { kind: 'wait' }>({ kind: fc.constant('wait'), by: fc.nat(40_000) }) },
)

/** The lane and a simple model of its peers and target lists. */
class Lane {
  readonly io = new PlainIo()
  readonly router = new Router(this.io)
  readonly peers = new Set<number>()
  readonly lists = new Map<number, Set<number>>()
  #now = 0

  apply(each: Step): void {
    if (each.kind === 'wait') this.#wait(each.by)
    else if (each.kind === 'command') this.#command(each.command)
    else this.#datagram(each)
    this.#check()
  }

  #wait(by: number): void {
    this.#now += by
    this.router.tick(this.#now)
    this.io.take()
  }

  #command(command: LaneCommand): void {
    this.router.command(command, this.#now)
    if (command.kind === 'addPeer') this.peers.add(command.peer)
    if (command.kind === 'openTargets' && !this.lists.has(command.targets))
      this.lists.set(command.targets, new Set([...(command.peers ?? [])].filter(each => this.peers.has(each))))
    if (command.kind === 'closeTargets') this.lists.delete(command.targets)
    if (command.kind === 'addTarget' && this.peers.has(command.peer)) this.lists.get(command.targets)?.add(command.peer)
    if (command.kind === 'removeTarget') this.lists.get(command.targets)?.delete(command.peer)
    if (command.kind !== 'removePeer') return
    this.peers.delete(command.peer)
    for (const list of this.lists.values()) list.delete(command.peer)
  }

  #datagram({ kind, peer, from, sequence }: Extract<Step, { peer: number }>): void {
    const plain = { payloadType: 120, sequence, timestamp: sequence, ssrc: ssrcOf(peer), payload: Uint8Array.of(1) }
    const tag = new Uint8Array(PLAIN_TAG).fill(peer)
    const batch = makeBatch()
    const bytes = kind === 'talk' ? [...encodeRtp(plain), ...tag] : encodeDiscoveryRequest(ssrcOf(peer))
    addDatagram(batch, Uint8Array.from(bytes), [0, 0, 0xffff, 0x0a00_0001, from])
    this.router.receive(batch, this.#now)
    for (const { peer: to } of this.io.take())
      assert.ok(to === 0 || (this.peers.has(to) && to !== peer), `sent to ${to} for ${peer}`)
  }

  #check(): void {
    const { peers, targetLists, targets, ssrcs, addresses, reports, routes } = this.router.inspect()
    assert.equal(peers, this.peers.size)
    assert.equal(this.io.peers, this.peers.size)
    assert.equal(ssrcs, this.peers.size * 3)
    assert.equal(targetLists, this.lists.size)
    assert.equal(
      targets,
      [...this.lists.values()].reduce((sum, list) => sum + list.size, 0),
    )
    assert.ok(addresses <= peers && reports <= peers && routes <= ssrcs && routes >= 0)
  }
}

test('a removed peer leaves no state behind after any sequence of commands and datagrams', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), steps => {
      const lane = new Lane()
      for (const each of steps) lane.apply(each)
      for (const each of [1, 2, 3, 4, 5]) lane.apply({ kind: 'command', command: { kind: 'removePeer', peer: each } })
      const { targetLists, ...left } = lane.router.inspect()
      assert.ok(
        Object.values(left).every(count => count === 0),
        JSON.stringify(left),
      )
      lane.router.close()
      assert.equal(lane.router.inspect().targetLists, 0)
      assert.equal(lane.router.deadline, Infinity)
    }),
    { numRuns: 300 },
  )
})
