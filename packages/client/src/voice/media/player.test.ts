// Playing frames on a virtual clock, into calls whose encryption is being set up or changed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './pacer.ts'
import { type CallReadiness, type PlayedCall, Player } from './player.ts'

const FRAME = Uint8Array.of(0x78, 1)

/** Time advances in `sleep` only, which also runs scheduled actions. */
class VirtualClock implements Clock {
  time = 0
  readonly #scheduled: { at: number; run: () => void }[] = []

  now() {
    return this.time
  }
  at(time: number, run: () => void) {
    this.#scheduled.push({ at: time, run })
  }
  async sleep(time: number, signal?: AbortSignal) {
    const end = this.time + time
    while (signal?.aborted !== true) {
      const next = this.#scheduled.findIndex(({ at }) => at <= end)
      if (next < 0) break
      const [{ at, run }] = this.#scheduled.splice(next, 1) as [{ at: number; run: () => void }]
      this.time = Math.max(this.time, at)
      run()
    }
    if (signal?.aborted !== true) this.time = end
  }
}

class Call implements PlayedCall {
  readiness: CallReadiness = 'settled'
  isAlone = false
  isClosed = false
  stopped = 0
  /** Times at which frames were sent. */
  readonly sent: number[] = []
  readonly clock = new VirtualClock()
  readonly player = new Player(this, this.clock)

  sendFrame() {
    this.sent.push(this.clock.time)
  }
  stopSpeaking() {
    this.stopped++
  }
  /** Changes the call at a time, and reports it. */
  at(time: number, change: () => void) {
    this.clock.at(time, () => {
      change()
      this.player.callChanged()
    })
  }
  play(count: number, signal?: AbortSignal) {
    return this.player.play(
      Array.from({ length: count }, () => FRAME),
      { signal },
    )
  }
}

test('frames are sent at their own pace, then speaking stops', async () => {
  const call = new Call()
  await call.play(4)
  assert.deepEqual(call.sent, [0, 20, 40, 60])
  assert.deepEqual([call.stopped, call.clock.time], [1, 80])
})

test('the first frame waits exactly until the encryption is set up', async () => {
  const call = new Call()
  call.readiness = 'setup'
  call.at(700, () => {})
  call.at(1_234, () => {
    call.readiness = 'settled'
  })
  await call.play(2)
  assert.deepEqual(call.sent, [1_234, 1_254])
})

test('playing starts after five seconds even if the encryption is not set up', async () => {
  const call = new Call()
  call.readiness = 'setup'
  await call.play(1)
  assert.deepEqual(call.sent, [5_000])
})

test('a client that is alone waits 200 ms for other members, and longer while their encryption is being set up', async () => {
  const alone = new Call()
  alone.readiness = 'setup'
  alone.isAlone = true
  await alone.play(1)
  assert.deepEqual(alone.sent, [200])

  const joined = new Call()
  joined.readiness = 'setup'
  joined.isAlone = true
  joined.at(100, () => {
    joined.isAlone = false
  })
  joined.at(900, () => {
    joined.readiness = 'settled'
  })
  await joined.play(1)
  assert.deepEqual(joined.sent, [900])
})

test('a change of keys pauses playing until its end, at most once for 150 ms', async () => {
  const call = new Call()
  call.at(30, () => {
    call.readiness = 'changing'
  })
  call.at(90, () => {
    call.readiness = 'settled'
  })
  await call.play(4)
  assert.deepEqual(call.sent.slice(0, 3), [0, 20, 90])

  const slow = new Call()
  slow.at(30, () => {
    slow.readiness = 'changing'
  })
  await slow.play(5)
  assert.deepEqual(slow.sent, [0, 20, 190, 190, 190])
})

test('playing ends early when it is aborted, or the client is closed', async () => {
  const aborted = new Call()
  const controller = new AbortController()
  aborted.readiness = 'setup'
  aborted.at(300, () => controller.abort())
  await aborted.play(3, controller.signal)
  assert.deepEqual([aborted.sent.length, aborted.stopped, aborted.clock.time], [0, 1, 300])

  const closed = new Call()
  closed.readiness = 'setup'
  closed.at(400, () => {
    closed.isClosed = true
  })
  await closed.play(3)
  assert.deepEqual([closed.sent.length, closed.stopped], [0, 1])
})

test('playing ends while its source waits for the next frame, which is not waited for', {
  timeout: 5_000,
}, async () => {
  async function* live() {
    yield FRAME
    await new Promise(() => {})
    yield FRAME
  }
  const aborted = new Call()
  const controller = new AbortController()
  const playing = aborted.player.play(live(), { signal: controller.signal })
  await new Promise(resolve => setImmediate(resolve))
  controller.abort()
  await playing
  assert.deepEqual([aborted.sent.length, aborted.stopped], [1, 1])
  await aborted.play(1)

  const closed = new Call()
  const heard = closed.player.play(live())
  await new Promise(resolve => setImmediate(resolve))
  closed.isClosed = true
  closed.player.callChanged()
  await heard
  assert.deepEqual([closed.sent.length, closed.stopped], [1, 1])
})

test('a source that fails fails the play, and one that is not needed any longer is returned', async () => {
  const call = new Call()
  let returned = 0
  function* frames() {
    try {
      for (;;) yield FRAME
    } finally {
      returned++
    }
  }
  const controller = new AbortController()
  call.at(50, () => controller.abort())
  await call.player.play(frames(), { signal: controller.signal })
  assert.deepEqual([call.sent.length, returned], [3, 1])
  // biome-ignore lint/correctness/useYield: a source that fails at once
  async function* broken() {
    throw new Error('the file is gone')
  }
  await assert.rejects(call.player.play(broken()), /the file is gone/)
  assert.equal(call.stopped, 2)
})

test('only one source can be played at a time', async () => {
  const call = new Call()
  const first = call.play(1)
  await assert.rejects(call.play(1), /another play is in progress/)
  await first
  await call.play(1)
  assert.equal(call.sent.length, 2)
})
