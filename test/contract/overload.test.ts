// A lane on the ffi engine under overload: it drops the oldest packets first, video before audio, and queues nothing.
import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { PacketProtection } from '@parley/client'
import { type LaneCounters, type LaneEvent, LIMITS } from '@parley/core'
import { encodeDiscoveryRequest, encodeRtp, VoiceMode } from '@parley/protocol'
import { FfiEngine } from '../../packages/server/src/lane/engine/ffi-engine.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { LaneLoop } from '../../packages/server/src/lane/thread/lane-loop.ts'

const native = await Native.load()
const options = typeof native === 'string' ? { skip: native } : { timeout: 20_000 }
const AUDIO = 1000
const VIDEO = AUDIO + 1
const KEY = new Uint8Array(32).fill(7)
const mode = VoiceMode.AeadAes256GcmRtpsize

async function openSocket(context: TestContext): Promise<Socket> {
  const socket = createSocket('udp4')
  context.after(() => void socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

/** Yields to the event loop, so that sockets make progress, for this many milliseconds. */
async function pass(milliseconds: number): Promise<void> {
  for (const end = performance.now() + milliseconds; performance.now() < end; )
    await new Promise(resolve => setImmediate(resolve))
}

/** A lane that runs only on `work()`, a speaker with audio and video, and listeners. */
async function openLane(context: TestContext, listeners = 1) {
  const events: LaneEvent[] = []
  const onEvents = (taken: readonly LaneEvent[]) => void events.push(...taken)
  const engine = new FfiEngine(native as Native, { ip: '127.0.0.1', port: 0 })
  const loop = new LaneLoop(engine, { onEvents })
  context.after(() => loop.close())
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
    const reply = once(socket, 'message')
    await pass(1)
    work()
    await reply
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
  const say = (ssrc: number, count: number) => {
    for (let index = 0; index < count; index++) {
      const plain = encodeRtp({
        payloadType: 120,
        sequence: ++sequence,
        timestamp: 0,
        ssrc,
        payload: new Uint8Array(60),
      })
      speaker.send(protection.seal('rtp', plain)!, engine.socket.port, '127.0.0.1')
    }
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
    const { work, say, report } = await openLane(context)
    /** Sends old and new packets. Returns copies and drops, or undefined if the machine was too slow for the timing. */
    const attempt = async (wait: number, latest: number) => {
      const before = report()
      const start = performance.now()
      say(AUDIO, 50)
      say(VIDEO, 50)
      await pass(wait)
      const middle = performance.now()
      say(AUDIO, 20)
      say(VIDEO, 20)
      await pass(5)
      work()
      const end = performance.now()
      const { packetsOut, drops } = report()
      if (end - start > latest || end - middle > LIMITS.videoWait) return undefined
      return [packetsOut - before.packetsOut, drops.overload - before.drops.overload]
    }
    const inTime = async (...times: Parameters<typeof attempt>) => {
      for (;;) {
        const counts = await attempt(...times)
        if (counts !== undefined) return counts
      }
    }
    assert.deepEqual(await inTime((LIMITS.videoWait + LIMITS.audioWait) / 2, LIMITS.audioWait), [90, 50])
    assert.deepEqual(await inTime(LIMITS.audioWait + 20, Infinity), [40, 100])
  },
)

test('datagrams dropped by a full socket buffer are counted once the socket has room again', options, async context => {
  const { work, say, report } = await openLane(context)
  const sent = 60_000
  for (let count = 0; count < sent; count += 500) {
    say(AUDIO, 500)
    await pass(0)
  }
  await pass(20)
  work()
  say(AUDIO, 1)
  await pass(5)
  work()
  const { packetsOut, drops, datagramsIn } = report()
  assert.ok(drops.overload > 0, 'the socket buffer was full')
  assert.equal(packetsOut + drops.overload + drops.replayed, sent + 1)
  assert.ok(datagramsIn < sent)
})

test('a lane reports busy close to 1 before its first drop', options, async context => {
  const { loop, work, say, report } = await openLane(context)
  report()
  loop.wait(60)
  assert.ok(report().busy < 0.5, 'idle')
  for (const end = performance.now() + 60; performance.now() < end; ) {
    say(AUDIO, 5)
    await pass(1)
    work()
  }
  const { busy, drops } = report()
  assert.deepEqual([busy > 0.95, drops.overload], [true, 0])
})

test('a turn sends at most about a thousand copies, however many datagrams are waiting', options, async context => {
  const { loop, say, report } = await openLane(context, 40)
  const turns: number[] = []
  let copies = 0
  let done = 0
  for (let round = 1; round <= 3; round++) {
    say(AUDIO, 100)
    while (done < round * 100 * 40) {
      await pass(5)
      while (loop.turn()) {
        const { packetsOut, drops } = report()
        turns.push(packetsOut - copies)
        copies = packetsOut
        done = packetsOut + drops.overload * 40
      }
    }
  }
  assert.ok(Math.max(...turns) <= 1_000, turns.join(' '))
  assert.ok(
    turns.some(copies => copies >= 500),
    turns.join(' '),
  )
})
