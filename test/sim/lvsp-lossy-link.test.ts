// The LVSP client session and the node over a link that fails at arbitrary points: no request is lost or undone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspInfo } from '@parley/protocol'
import fc from 'fast-check'
import { LvspBench, SECRET } from '../../packages/core/src/testing/lvsp-bench.ts'
import { SimBackend } from './sim-backend.ts'

const small = (max: number) => fc.integer({ min: 1, max }).map(String)
const Step = fc.oneof(
  fc.record({ do: fc.constant('request' as const), channel: small(4), user: small(3) }),
  fc.record({ do: fc.constant('join' as const), channel: small(4), user: small(3) }),
  fc.record({ do: fc.constant('leave' as const), channel: small(4), user: small(3) }),
  fc.record({ do: fc.constant('destroy' as const), channel: small(4), user: small(3) }),
  fc.record({ do: fc.constantFrom('hold', 'mute', 'cut', 'event', 'wait'), channel: small(4), user: small(3) }),
)

/** The expected state: channels and their users. */
class Belief {
  readonly channels = new Map<string, Set<string>>()
  join(channel: string, user?: string) {
    const users = this.channels.get(channel) ?? new Set()
    this.channels.set(channel, users)
    if (user !== undefined) users.add(user)
  }
  get sorted() {
    return [...this.channels].map(([id, users]) => `${id}: ${[...users].sort()}`).sort()
  }
}

test('the node reaches the requested state and answers every request, whenever the link fails', () => {
  fc.assert(
    fc.property(fc.array(Step, { maxLength: 50 }), steps => {
      const bench = new LvspBench()
      const backend = new SimBackend(bench, () => bench.open(), SECRET)
      const belief = new Belief()
      const requests: number[] = []
      for (const step of steps) {
        const channel = { channel_id: step.channel }
        const user = { ...channel, user_id: step.user }
        switch (step.do) {
          case 'request':
            belief.join(step.channel)
            requests.push(backend.request(LvspInfo.ChannelRequest, channel))
            break
          case 'join':
            belief.join(step.channel, step.user)
            requests.push(backend.request(LvspInfo.VoiceStateCreate, user))
            break
          case 'leave':
            belief.channels.get(step.channel)?.delete(step.user)
            backend.command(LvspInfo.VoiceStateDestroy, user)
            break
          case 'destroy':
            belief.channels.delete(step.channel)
            backend.command(LvspInfo.ChannelDestroy, channel)
            break
          case 'hold':
            backend.isHeld = true
            break
          case 'mute':
            backend.isMute = true
            break
          case 'cut':
            backend.cut()
            break
          case 'event':
            bench.lvsp.speaking('main', { userId: step.user, channelId: step.channel, speaking: 1, video: false })
            bench.settle()
            backend.pump()
            break
          case 'wait':
            backend.advance(1_000)
        }
      }
      backend.cut()
      backend.advance(9_000)
      const { channels, voiceStates } = bench.snapshot('main')
      const found = new Belief()
      for (const { channelId } of channels) found.join(channelId)
      for (const { channelId, userId } of voiceStates) found.join(channelId, userId)
      assert.deepEqual(found.sorted, belief.sorted)
      assert.deepEqual(
        backend
          .of('answered')
          .map(({ request }) => request)
          .sort((a, b) => a - b),
        requests,
      )
      assert.equal(backend.session.unsettled, 0)
    }),
  )
})

test('every event reaches the backend exactly once and in order, whenever the link fails', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('event', 'event', 'hold', 'cut', 'wait'), { maxLength: 60 }), steps => {
      const bench = new LvspBench()
      const backend = new SimBackend(bench, () => bench.open(), SECRET)
      let count = 0
      for (const step of steps) {
        if (step === 'event')
          bench.lvsp.speaking('main', { userId: String(++count), channelId: '5', speaking: 1, video: false })
        if (step === 'hold') backend.isHeld = true
        if (step === 'cut') backend.cut()
        if (step === 'wait') backend.advance(1_000)
        bench.settle()
        backend.pump()
      }
      backend.cut()
      backend.advance(9_000)
      const received = backend.of('speaking').map(({ event }) => Number(event.userId))
      assert.deepEqual(
        received,
        Array.from({ length: count }, (_, i) => i + 1),
      )
    }),
  )
})

test('ten thousand concurrent requests are all answered', () => {
  const bench = new LvspBench()
  const backend = new SimBackend(bench, () => bench.open(), SECRET)
  backend.cut()
  for (let i = 0; i < 10_000; i++)
    backend.session.request(LvspInfo.VoiceStateCreate, { user_id: String(i), channel_id: String(i % 100) }, bench.now)
  backend.advance(2_000)
  assert.equal(backend.of('answered').length, 10_000)
  assert.equal(backend.of('disconnected').length, 1)
})
