// A lane on the ffi engine under overload: it drops the oldest packets first, video before audio, and queues nothing.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { PacketProtection } from '@parley/client'
import { type LaneCounters, type LaneEvent, LIMITS } from '@parley/core'
import { encodeDiscoveryRequest, encodeRtp, VoiceMode } from '@parley/protocol'
import { FfiEngine } from '../../packages/server/src/lane/engine/ffi-engine.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { LaneLoop } from '../../packages/server/src/lane/thread/lane-loop.ts'
import { openSocket } from '../../packages/server/src/testing/udp-socket.ts'

const native = await Native.load()
const options = native.ok ? { timeout: 120_000 } : { skip: native.reason }
const AUDIO = 1000
const VIDEO = AUDIO + 1
const KEY = new Uint8Array(32).fill(7)
const mode = VoiceMode.AeadAes256GcmRtpsize

/** Yields to the event loop until the condition holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}

/** Repeats a measurement until the machine was fast enough for it to count. */
async function measured<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const result = await attempt()
    if (result !== undefined) return result
  }
}

/** The time at which the lane reads its socket, in milliseconds since 1970; the system's while undefined. */
let readAt: number | undefined
if (native.ok) {
  const { value } = native
  const readClock = value.readClock.bind(value)
  value.readClock = (memory, place) => {
    readClock(memory, place)
    if (readAt === undefined) return
    memory.view.setBigInt64(place, BigInt(Math.trunc(readAt / 1e3)), true)
    memory.view.setBigInt64(place + 8, BigInt((readAt % 1e3) * 1e6), true)
  }
}

/** A lane that runs only on `work()`, a speaker with audio and video, and listeners. */
async function openLane(context: TestContext, listeners = 1, clock = () => performance.now()) {
  const events: LaneEvent[] = []
  const onEvents = (taken: readonly LaneEvent[]) => void events.push(...taken)
  assert.ok(native.ok)
  const engine = new FfiEngine(native.value, { ip: '127.0.0.1', port: 0 })
  const loop = new LaneLoop(engine, { onEvents, clock })
  context.after(() => {
    readAt = undefined
    loop.close()
  })
  const sockets = await Promise.all(Array.from({ length: listeners + 1 }, () => openSocket(context)))
  const speaker = sockets[0]!
  const work = () => {
    while (loop.turn());
  }
  for (const [index, socket] of sockets.entries()) {
    const peer = index + 1
    const first = AUDIO + (peer - 1) * 8
    loop.command({ kind: 'addPeer', peer, ssrcs: Int32Array.from({ length: 8 }, (_, index) => first + index) })
    socket.send(encodeDiscoveryRequest(first), engine.socket.port, '127.0.0.1')
    let isAnswered = false
    socket.once('message', () => {
      isAnswered = true
    })
    await until(() => {
      work()
      return isAnswered
    })
  }
  loop.command({ kind: 'openTargets', targets: 1 })
  for (let peer = 1; peer <= sockets.length; peer++) {
    loop.command({ kind: 'protectPeer', peer, protection: mode, key: KEY, nonceStart: 0 })
    loop.command({ kind: 'addTarget', targets: 1, peer })
  }
  loop.command({ kind: 'setRoute', ssrc: AUDIO, owner: 1, media: 'audio', targets: 1 })
  loop.command({ kind: 'setRoute', ssrc: VIDEO, owner: 1, media: 'video', targets: 1 })
  const protection = new PacketProtection(mode, KEY)
  let sequence = 0
  const seal = (ssrc: number) => {
    const payload = new Uint8Array(60)
    return protection.seal('rtp', encodeRtp({ payloadType: 120, sequence: ++sequence, timestamp: 0, ssrc, payload }))!
  }
  /** Sends packets; resolves when the lane's socket has them. */
  const say = async (ssrc: number, count: number) => {
    const packets = Array.from({ length: count }, () => seal(ssrc))
    const send = (packet: Uint8Array) =>
      new Promise<unknown>(resolve => speaker.send(packet, engine.socket.port, '127.0.0.1', resolve))
    await Promise.all(packets.map(send))
  }
  const report = (): LaneCounters => {
    loop.command({ kind: 'report' })
    const event = events.findLast(each => each.kind === 'counters')
    assert.ok(event?.kind === 'counters')
    return event.counters
  }
  return { loop, work, say, report }
}

test(
  'packets that waited too long are dropped, video sooner than audio, and new ones are forwarded',
  options,
  async context => {
    let now = 0
    const { work, say, report } = await openLane(context, 1, () => now)
    /** Reads old packets at every turn, as a lane that cannot keep up does. */
    const fallBehind = async () => {
      for (let worked = 0; worked <= LIMITS.backlogWork; worked += LIMITS.longestTurn) {
        await say(AUDIO, 1)
        readAt = Date.now() + 2 * LIMITS.caughtUp
        now += LIMITS.longestTurn
        work()
      }
    }
    /**
     * Sends packets, the same number again later, and reads them when the first have waited between `shortest` and `longest` ms.
     * Returns copies and drops; undefined if sending took so long that the first waited longer.
     */
    const attempt = async (shortest: number, longest: number) => {
      await fallBehind()
      const before = report()
      const start = Date.now()
      await say(AUDIO, 20)
      await say(VIDEO, 20)
      const end = Date.now()
      const time = end + shortest
      await until(() => Date.now() > time)
      await say(AUDIO, 10)
      await say(VIDEO, 10)
      readAt = time
      work()
      const { packetsOut, drops } = report()
      if (time - start > longest) return undefined
      return [packetsOut - before.packetsOut, drops.overload - before.drops.overload]
    }
    const { videoWait, audioWait, longestWait } = LIMITS
    assert.deepEqual(await measured(() => attempt(videoWait + 5, audioWait - 5)), [40, 20])
    assert.deepEqual(await measured(() => attempt(audioWait + 5, longestWait)), [20, 40])
  },
)

test('a lane that did not run drops nothing that receivers can use', options, async context => {
  let now = 0
  const { work, say, report } = await openLane(context, 1, () => now)
  for (const [waited, expected] of [
    [LIMITS.longestWait - 50, [100, 0]],
    [LIMITS.longestWait + 50, [0, 100]],
  ] as const) {
    const before = report()
    await say(AUDIO, 50)
    await say(VIDEO, 50)
    readAt = Date.now() + waited
    now += waited
    work()
    const { packetsOut, drops } = report()
    assert.deepEqual([packetsOut - before.packetsOut, drops.overload - before.drops.overload], expected)
  }
})

test('datagrams dropped by a full socket buffer are counted once the socket has room again', options, async context => {
  const { work, say, report } = await openLane(context)
  const sent = 60_000
  for (let count = 0; count < sent; count += 500) await say(AUDIO, 500)
  work()
  await say(AUDIO, 1)
  work()
  const { packetsOut, drops, datagramsIn } = report()
  assert.ok(drops.overload > 0, 'the socket buffer was full')
  assert.equal(packetsOut + drops.overload + drops.replayed, sent + 1)
  assert.ok(datagramsIn < sent)
})

test('a lane reports busy close to 1 before its first drop', options, async context => {
  const { loop, work, say, report } = await openLane(context)
  report()
  loop.wait(300)
  assert.ok(report().busy < 0.5, 'idle')
  const [isBusy, dropped] = await measured(async () => {
    const before = report().drops.overload
    let longest = 0
    for (const end = performance.now() + 60; performance.now() < end; ) {
      const start = performance.now()
      await say(AUDIO, 5)
      work()
      longest = Math.max(longest, performance.now() - start)
    }
    const { busy, drops } = report()
    // A process that was suspended for longer drops packets although it was not overloaded.
    return longest < LIMITS.audioWait ? [busy > 0.95, drops.overload - before] : undefined
  })
  assert.deepEqual([isBusy, dropped], [true, 0])
})

test('a turn sends at most about a thousand copies, however many datagrams are waiting', options, async context => {
  const { loop, say, report } = await openLane(context, 40)
  readAt = Date.now()
  const turns: number[] = []
  for (let round = 1; round <= 3; round++) {
    await say(AUDIO, 100)
    for (let { packetsOut: before } = report(); loop.turn(); ) {
      const { packetsOut } = report()
      turns.push(packetsOut - before)
      before = packetsOut
    }
  }
  assert.equal(report().packetsOut, 3 * 100 * 40)
  assert.ok(Math.max(...turns) <= 1_000, turns.join(' '))
  assert.ok(
    turns.some(copies => copies >= 500),
    turns.join(' '),
  )
})
