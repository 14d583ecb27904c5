// Lanes that share a channel, on threads, over real loopback sockets: packets cross through rings of shared memory.
import assert from 'node:assert/strict'
import type { Socket } from 'node:dgram'
import { type TestContext, test } from 'node:test'
import { PacketProtection } from '@parley/client'
import type { LaneCommand, LaneCounters, LaneEvent } from '@parley/core'
import { decodeRtp, encodeDiscoveryRequest, encodeRtp, VoiceMode } from '@parley/protocol'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { Lanes } from '../../packages/server/src/lane/thread/lanes.ts'
import { SERVER_LIMITS } from '../../packages/server/src/limits.ts'
import { ask, openSocket } from '../../packages/server/src/testing/udp-socket.ts'

const MODE = VoiceMode.AeadAes256GcmRtpsize
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
const TARGETS = 1
const ssrcOf = (peer: number): number => 1_000 + peer * 16
/** Remote peers have other ids than local ones. */
const REMOTE = 100

const native = await Native.load()

/** Lanes, and members as control would open them. Peers are unique over all lanes here. */
class Scene {
  readonly lanes: Lanes
  readonly lost: number[] = []
  readonly replaced: number[] = []
  readonly #context: TestContext
  readonly #events: { lane: number; event: LaneEvent }[] = []
  readonly #waiting = new Set<() => void>()
  readonly #sockets = new Map<number, { socket: Socket; lane: number; received: string[] }>()
  readonly #protection = new PacketProtection(MODE, KEY)

  static async open(context: TestContext, engine: 'ffi' | 'portable', count: number): Promise<Scene> {
    let scene: Scene | undefined
    const lanes = await Lanes.open(
      { engine, count, ip: '127.0.0.1', port: 0 },
      {
        laneEvents: (lane, events) => scene?.tell(() => scene!.#events.push(...events.map(event => ({ lane, event })))),
        laneLost: lane => scene?.tell(() => scene!.lost.push(lane)),
        laneReplaced: lane => scene?.tell(() => scene!.replaced.push(lane)),
        laneMissing: (_, reason) => assert.fail(reason),
      },
    )
    context.after(() => lanes.close())
    scene = new Scene(context, lanes)
    for (const { id } of lanes.all) scene.order(id, { kind: 'openTargets', targets: TARGETS })
    return scene
  }

  private constructor(context: TestContext, lanes: Lanes) {
    this.#context = context
    this.lanes = lanes
  }

  order(lane: number, ...commands: LaneCommand[]): void {
    for (const command of commands) this.lanes.command(lane, command)
    this.lanes.flush()
  }

  /** A member that receives, with a bound address. */
  async join(lane: number, peer: number): Promise<void> {
    const socket = await openSocket(this.#context)
    const ssrcs = Int32Array.from({ length: 12 }, (_, index) => ssrcOf(peer) + index)
    this.order(lane, { kind: 'addPeer', peer, ssrcs })
    await ask(socket, this.lanes.all[lane]!.port, encodeDiscoveryRequest(ssrcOf(peer)))
    this.order(
      lane,
      { kind: 'protectPeer', peer, protection: MODE, key: KEY, nonceStart: 0 },
      { kind: 'addTarget', targets: TARGETS, peer },
    )
    const received: string[] = []
    this.#sockets.set(peer, { socket, lane, received })
    socket.on('message', bytes =>
      this.tell(() => {
        const plain = this.#protection.open('rtp', bytes)
        const packet = plain && decodeRtp(plain)
        if (packet !== undefined) received.push(`${packet.ssrc} ${packet.sequence} ${packet.payload.join(' ')}`)
      }),
    )
  }

  /** The member may send: it has a route on its own lane and, as a remote peer, on `others`. */
  route(peer: number, others: readonly number[]): void {
    const ssrc = ssrcOf(peer)
    const route = { kind: 'setRoute', ssrc, media: 'audio', targets: TARGETS } as const
    const { lane } = this.#sockets.get(peer)!
    for (const other of others) {
      const ssrcs = Int32Array.from({ length: 12 }, (_, index) => ssrc + index)
      this.order(other, { kind: 'addPeer', peer: REMOTE + peer, ssrcs, lane })
      this.order(other, { ...route, owner: REMOTE + peer })
    }
    this.order(lane, { ...route, owner: peer, lanes: others })
  }

  say(peer: number, sequence: number): void {
    const { socket, lane } = this.#sockets.get(peer)!
    const packet = { payloadType: 120, sequence, timestamp: sequence * 960, ssrc: ssrcOf(peer) }
    const sealed = this.#protection.seal('rtp', encodeRtp({ ...packet, payload: Uint8Array.of(sequence & 0xff, 7) }))
    socket.send(sealed!, this.lanes.all[lane]!.port, '127.0.0.1')
  }

  /** Packets that the member has received. */
  received(peer: number): readonly string[] {
    return this.#sockets.get(peer)!.received
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>(resolve => this.#waiting.add(resolve))
  }

  async counters(lane: number): Promise<LaneCounters> {
    const before = this.#events.length
    this.order(lane, { kind: 'report' })
    const find = () => this.#events.slice(before).find(each => each.lane === lane && each.event.kind === 'counters')
    await this.until(() => find() !== undefined)
    return (find()!.event as LaneEvent & { kind: 'counters' }).counters
  }

  tell(happened: () => unknown): void {
    happened()
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

for (const engine of native.ok ? (['portable', 'ffi'] as const) : (['portable'] as const)) {
  test(`${engine}: a packet reaches the listeners of each lane once, whichever lane its sender is on`, {
    timeout: 120_000,
  }, async context => {
    const scene = await Scene.open(context, engine, 3)
    for (const peer of [1, 2, 3, 4, 5, 6]) await scene.join((peer - 1) % 3, peer)
    scene.route(1, [1, 2])
    scene.route(2, [0, 2])
    await Promise.all([0, 1, 2].map(lane => scene.counters(lane)))
    // One at a time: each finds the other lanes asleep.
    for (let sequence = 0; sequence < 40; sequence++) {
      scene.say(1, sequence)
      scene.say(2, sequence)
      await scene.until(() =>
        [1, 2, 3, 4, 5, 6].every(peer => scene.received(peer).length === (sequence + 1) * (peer < 3 ? 1 : 2)),
      )
    }
    const expected = (ssrc: number) => Array.from({ length: 40 }, (_, sequence) => `${ssrc} ${sequence} ${sequence} 7`)
    for (const peer of [3, 4, 5, 6])
      for (const ssrc of [ssrcOf(1), ssrcOf(2)])
        assert.deepEqual(
          scene.received(peer).filter(text => text.startsWith(`${ssrc} `)),
          expected(ssrc),
        )
    assert.deepEqual(scene.received(1), expected(ssrcOf(2)))
    assert.deepEqual(scene.received(2), expected(ssrcOf(1)))
    const crossed = await Promise.all([0, 1, 2].map(lane => scene.counters(lane)))
    assert.deepEqual(
      crossed.map(({ crossedIn, crossedOut }) => [crossedIn, crossedOut]),
      [
        [40, 80],
        [40, 80],
        [80, 0],
      ],
    )
  })

  test(`${engine}: while a lane hangs the other serves its own listeners, and the replacement is connected again`, {
    timeout: 120_000,
  }, async context => {
    const scene = await Scene.open(context, engine, 2)
    await scene.join(0, 1)
    await scene.join(0, 2)
    await scene.join(1, 3)
    scene.route(1, [1])
    scene.say(1, 0)
    await scene.until(() => scene.received(3).length === 1)
    // A command that takes minutes: an array of 2^32 holes.
    const ssrcs = new Array<number>(2 ** 32 - 1) as unknown as Int32Array
    scene.order(1, { kind: 'addPeer', peer: 50, ssrcs })
    for (let sequence = 1; sequence <= 600; sequence++) {
      scene.say(1, sequence)
      if (sequence % 20 === 0) await scene.until(() => scene.received(2).length >= sequence + 1)
    }
    const { drops, crossedOut } = await scene.counters(0)
    // The lane that hangs may have read packets before the command.
    assert.ok(drops.ringFull > 0 && drops.ringFull + crossedOut === 601, `${drops.ringFull} and ${crossedOut}`)
    for (let missing = 0; missing < SERVER_LIMITS.maxMissedReports; missing++) scene.order(1, { kind: 'report' })
    await scene.until(() => scene.replaced.length === 1)
    assert.deepEqual(scene.lost, [1])
    scene.order(1, { kind: 'openTargets', targets: TARGETS })
    await scene.join(1, 4)
    scene.route(1, [1])
    await Promise.all([0, 1].map(lane => scene.counters(lane)))
    scene.say(1, 601)
    await scene.until(() => scene.received(4).length === 1)
    assert.deepEqual(scene.received(4), [`${ssrcOf(1)} 601 89 7`])
  })
}
