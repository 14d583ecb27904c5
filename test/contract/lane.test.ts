// The contract of every lane, for each thread and engine, over real loopback sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { LaneCommand, LaneEvent, PeerId } from '@parley/core'
import { decodeDiscoveryResponse, encodeDiscoveryRequest, VoiceMode } from '@parley/protocol'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import type { Lane } from '../../packages/server/src/lane/thread/lane.ts'
import { InlineLane } from '../../packages/server/src/lane/thread/lane-inline.ts'
import { ThreadLane } from '../../packages/server/src/lane/thread/lane-thread.ts'
import { Lanes } from '../../packages/server/src/lane/thread/lanes.ts'
import { SERVER_LIMITS } from '../../packages/server/src/limits.ts'
import { ask, openSocket } from '../../packages/server/src/testing/udp-socket.ts'

/** The published GCM packet of SSRC 12345 under KEY; its trailer is 1. */
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
const OPUS = Buffer.from('807812340001020300003039bcc93334137f899b5f1e2e463bd73ba62215f700000001', 'hex')
const SSRC = 12345

interface LaneOptions {
  ip?: string
  port: number
  onEvents(events: readonly LaneEvent[]): void
  onLost(reason: string): void
}
type OpenLane = (options: LaneOptions) => Promise<Lane>

const native = await Native.load()
const LANES: Record<string, OpenLane> = {
  'inline lane': options => InlineLane.open({ id: 0, ...options }),
  'portable thread': options => ThreadLane.open({ id: 0, engine: 'portable', ...options }),
  ...(!native.ok ? {} : { 'ffi thread': options => ThreadLane.open({ id: 0, engine: 'ffi', ...options }) }),
}

class Watcher {
  readonly events: LaneEvent[] = []
  readonly lost: string[] = []
  readonly #waiting = new Set<() => void>()

  readonly onEvents = (events: readonly LaneEvent[]) => {
    this.events.push(...events)
    this.#tell()
  }
  readonly onLost = (reason: string) => {
    this.lost.push(reason)
    this.#tell()
  }
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>(resolve => this.#waiting.add(resolve))
  }
  #tell(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

function order(lane: Lane, command: LaneCommand): void {
  lane.command(command)
  lane.flush()
}
function join(lane: Lane, peer: PeerId, ssrc: number): void {
  order(lane, { kind: 'addPeer', peer, ssrcs: Int32Array.from({ length: 8 }, (_, index) => ssrc + index) })
}
/** A command that a thread takes minutes to execute, as a loop that does not end would: an array of 2^32 holes. */
function hang(lane: Pick<Lane, 'command' | 'flush'>): void {
  const ssrcs = new Array<number>(2 ** 32 - 1) as unknown as Int32Array
  order(lane as Lane, { kind: 'addPeer', peer: 1, ssrcs })
}
function protect(lane: Lane, peer: PeerId): void {
  order(lane, { kind: 'protectPeer', peer, protection: VoiceMode.AeadAes256GcmRtpsize, key: KEY, nonceStart: 0 })
}

for (const [name, open] of Object.entries(LANES)) {
  const laneTest = (sentence: string, run: (lane: Lane, watcher: Watcher, context: TestContext) => unknown) =>
    test(`${name}: ${sentence}`, { timeout: 120_000 }, async context => {
      const watcher = new Watcher()
      const lane = await open({ ...watcher, ip: '127.0.0.1', port: 0 })
      context.after(() => lane.close())
      await run(lane, watcher, context)
    })

  laneTest('answers discovery, binds client addresses and forwards a packet', async (lane, watcher, context) => {
    const [ana, bo] = await Promise.all([openSocket(context), openSocket(context)])
    join(lane, 1, SSRC)
    join(lane, 2, SSRC + 8)
    order(lane, { kind: 'openTargets', targets: 1 })
    order(lane, { kind: 'report' })
    await watcher.until(() => watcher.events.length === 1)
    const reply = await ask(ana, lane.port, encodeDiscoveryRequest(SSRC))
    assert.deepEqual(decodeDiscoveryResponse(reply), { ssrc: SSRC, ip: '127.0.0.1', port: ana.address().port })
    await ask(bo, lane.port, encodeDiscoveryRequest(SSRC + 8))
    for (const peer of [1, 2]) {
      protect(lane, peer)
      order(lane, { kind: 'addTarget', targets: 1, peer })
    }
    order(lane, { kind: 'setRoute', ssrc: SSRC, owner: 1, media: 'audio', targets: 1 })
    await watcher.until(() => watcher.events.length === 3)
    const received = await Promise.all([once(bo, 'message'), ana.send(OPUS, lane.port, '127.0.0.1')])
    const [packet] = received[0] as [Buffer]
    assert.equal(packet.toString('hex', 0, 12), OPUS.toString('hex', 0, 12))
    assert.equal(packet.toString('hex', packet.length - 4), '80000080')
    order(lane, { kind: 'report' })
    await watcher.until(() => watcher.events.length === 5)
    assert.deepEqual(watcher.events.slice(1, 4), [
      { kind: 'addressBound', peer: 1, address: { ip: '127.0.0.1', port: ana.address().port } },
      { kind: 'addressBound', peer: 2, address: { ip: '127.0.0.1', port: bo.address().port } },
      { kind: 'firstPacket', peer: 1, ssrc: SSRC },
    ])
    const last = watcher.events[4]!
    assert.ok(last.kind === 'counters')
    assert.deepEqual([last.counters.packetsIn, last.counters.packetsOut, last.counters.discoveries], [1, 1, 2])
    assert.ok(last.counters.busy >= 0 && last.counters.busy <= 1)
  })

  laneTest('answers a discovery request sent right after the SSRC is assigned', async (lane, _watcher, context) => {
    const socket = await openSocket(context)
    // Within the rate limit of one address.
    for (let peer = 1; peer <= 15; peer++) {
      const ssrc = SSRC + peer * 8
      join(lane, peer, ssrc)
      const reply = await ask(socket, lane.port, encodeDiscoveryRequest(ssrc))
      assert.equal(decodeDiscoveryResponse(reply)?.ssrc, ssrc)
    }
  })

  laneTest('a port in use is rejected with the system error', async (lane, watcher) => {
    await assert.rejects(open({ ...watcher, ip: '127.0.0.1', port: lane.port }), { code: 'EADDRINUSE' })
    await assert.rejects(open({ ...watcher, ip: '192.0.2.1', port: 0 }), { code: 'EADDRNOTAVAIL' })
  })

  laneTest('a closed lane frees its port, ignores commands and is not lost', async (lane, watcher) => {
    join(lane, 1, SSRC)
    await Promise.all([lane.close(), lane.close()])
    join(lane, 2, SSRC)
    const again = await open({ ...watcher, ip: '127.0.0.1', port: lane.port })
    await again.close()
    assert.deepEqual(watcher.lost, [])
  })

  if (name.endsWith('thread'))
    laneTest('a crash is reported with its reason and frees the port', async (lane, watcher) => {
      join(lane, 1, SSRC)
      const protection = 'no such mode' as VoiceMode
      order(lane, { kind: 'protectPeer', peer: 1, protection, key: KEY, nonceStart: 0 })
      await watcher.until(() => watcher.lost.length > 0)
      assert.match(watcher.lost[0]!, /TypeError/)
      const again = await open({ ...watcher, ip: '127.0.0.1', port: lane.port })
      await again.close()
      await lane.close()
    })

  if (name.endsWith('thread')) {
    laneTest('a thread that hangs is ended when reports are missing, and frees the port', async (lane, watcher) => {
      hang(lane)
      for (let missing = 0; missing < SERVER_LIMITS.maxMissedReports; missing++) order(lane, { kind: 'report' })
      await watcher.until(() => watcher.lost.length > 0)
      assert.match(watcher.lost[0]!, /does not respond/)
      const again = await open({ ...watcher, ip: '127.0.0.1', port: lane.port })
      await again.close()
    })

    laneTest(
      'a thread that is only late is not terminated: it executes what was sent, then ends',
      async (lane, watcher) => {
        for (let missing = 0; missing < SERVER_LIMITS.maxMissedReports; missing++) order(lane, { kind: 'report' })
        await watcher.until(() => watcher.lost.length > 0)
        assert.match(watcher.lost[0]!, /does not respond/)
        assert.equal(watcher.events.length, SERVER_LIMITS.maxMissedReports)
        const again = await open({ ...watcher, ip: '127.0.0.1', port: lane.port })
        await again.close()
      },
    )

    laneTest('a thread that answers late is not ended', async (lane, watcher) => {
      for (let round = 0; round < 3; round++) {
        const before = watcher.events.length
        for (let asked = 1; asked < SERVER_LIMITS.maxMissedReports; asked++) order(lane, { kind: 'report' })
        await watcher.until(() => watcher.events.length === before + SERVER_LIMITS.maxMissedReports - 1)
      }
      assert.deepEqual(watcher.lost, [])
    })

    laneTest(
      'a thread that hangs does not keep a stopping node: it is ended, and frees the port',
      async (lane, watcher) => {
        hang(lane)
        await lane.close()
        const again = await open({ ...watcher, ip: '127.0.0.1', port: lane.port })
        await again.close()
        assert.deepEqual(watcher.lost, [])
      },
    )
  }
}

for (const engine of native.ok ? (['portable', 'ffi'] as const) : (['portable'] as const))
  test(`${engine}: a lane that hangs is replaced on the same port, and the replacement works`, {
    timeout: 120_000,
  }, async context => {
    const watcher = new Watcher()
    let replaced: number | undefined
    const lanes = await Lanes.open(
      { engine, count: 1, ip: '127.0.0.1', port: 0 },
      {
        laneEvents: (_, events) => watcher.onEvents(events),
        laneLost: (_, reason) => watcher.onLost(reason),
        laneMissing: (_, reason) => assert.fail(reason),
        laneReplaced: (_, port) => {
          replaced = port
          watcher.onEvents([])
        },
      },
    )
    context.after(() => lanes.close())
    const { port } = lanes.all[0]!
    const lane = { command: (command: LaneCommand) => lanes.command(0, command), flush: () => lanes.flush() }
    hang(lane)
    for (let missing = 0; missing < SERVER_LIMITS.maxMissedReports; missing++) order(lane as Lane, { kind: 'report' })
    await watcher.until(() => replaced !== undefined)
    assert.equal(replaced, port)
    assert.equal(watcher.lost.length, 1)
    join(lane as Lane, 2, SSRC)
    const socket = await openSocket(context)
    const reply = await ask(socket, port, encodeDiscoveryRequest(SSRC))
    assert.equal(decodeDiscoveryResponse(reply)?.ssrc, SSRC)
  })
