// Cases of a node: RESUME, and several connections of one backend.
import { LvspClose, LvspInfo } from '@parley/protocol'
import { applies, type CheckedCase, expect } from '../checked-case.ts'
import type { LvspProbe, Ready } from './lvsp-probe.ts'
import type { NodeUnderTest } from './node-under-test.ts'

/** A session with a number, and two voice states in one channel. */
async function session(node: NodeUnderTest): Promise<{ probe: LvspProbe; ready: Ready; users: string[] }> {
  const probe = await node.connect()
  const ready = await probe.identify([])
  applies(ready.session !== undefined && ready.seq !== undefined, 'READY has no session and seq: RESUME is not defined')
  const channel = node.channel()
  const users = [node.id(), node.id()]
  for (const user_id of users) await probe.granted({ user_id, ...channel })
  return { probe, ready, users }
}

export const RESUME_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  {
    number: 'resume-replay',
    meaning: 'RESUME with seq receives the missed INFO, unchanged, and then READY with "replay"',
    run: async node => {
      const { probe, ready, users } = await session(node)
      probe.socket.drop()
      const next = await node.connect()
      next.resume({ seq: ready.seq! + 1, session: ready.session })
      const { resumed, session: id } = await next.ready()
      expect(resumed === 'replay', `expected resumed "replay" in READY, found ${resumed}`)
      expect(id === ready.session, 'the id of the session has changed')
      const missed = next.socket.messages.filter(({ op }) => op === 6)
      expect(missed.length === 1, `expected the one INFO that was missed, received ${missed.length}`)
      const { s, data } = await next.event(LvspInfo.VoiceStateDone)
      expect(
        s === ready.seq! + 2 && data.user_id === users[1],
        `expected the INFO with s ${ready.seq! + 2}, found ${s}`,
      )
    },
  },
  {
    number: 'resume-state',
    meaning: 'RESUME without seq receives all voice states again, and then READY with "state"',
    run: async node => {
      const { probe, users } = await session(node)
      probe.socket.drop()
      const next = await node.connect()
      next.resume({})
      const { resumed } = await next.ready()
      expect(resumed === 'state', `expected resumed "state" in READY, found ${resumed}`)
      for (const user of users) await next.event(LvspInfo.VoiceStateDone, ({ user_id }) => user_id === user)
    },
  },
  {
    number: 'resume-unknown',
    meaning: 'RESUME of an unknown session receives the state',
    run: async node => {
      const { probe, users } = await session(node)
      probe.socket.drop()
      const next = await node.connect()
      next.resume({ seq: 1, session: '0'.repeat(32) })
      expect((await next.ready()).resumed === 'state', 'expected resumed "state" in READY')
      for (const user of users) await next.event(LvspInfo.VoiceStateDone, ({ user_id }) => user_id === user)
    },
  },
  {
    number: 'resume-closes',
    meaning: 'RESUME closes the older connection of the backend with 4000',
    run: async node => {
      const { probe, ready } = await session(node)
      const next = await node.connect()
      next.resume({ seq: ready.seq, session: ready.session })
      await next.ready()
      await probe.socket.closesWith([LvspClose.GeneralError], 'RESUME on another connection')
    },
  },
  {
    number: 'resume-works',
    meaning: 'after RESUME requests are answered, with numbers that continue',
    run: async node => {
      const { probe, ready } = await session(node)
      probe.socket.drop()
      const next = await node.connect()
      next.resume({ seq: ready.seq! + 2, session: ready.session })
      await next.ready()
      next.info(LvspInfo.VoiceStateCreate, { user_id: node.id(), ...node.channel() })
      const { s } = await next.event(LvspInfo.VoiceStateDone)
      expect(s === ready.seq! + 3, `expected s ${ready.seq! + 3}, found ${s}`)
    },
  },
  {
    number: 'resume-token',
    meaning: 'RESUME with the token of an earlier connection closes with 4001',
    run: async node => {
      const { probe, ready } = await session(node)
      const captured = probe.token()
      probe.socket.drop()
      const next = await node.connect()
      next.resume({ seq: ready.seq, session: ready.session }, captured)
      await next.socket.closesWith([LvspClose.AuthenticationFailed], 'the token of an earlier connection')
    },
  },
  {
    number: 'newest-receives',
    meaning: 'of two connections the newest receives the answers, and requests of both are executed',
    run: async node => {
      const [first, second] = [await node.ready(), await node.ready()]
      applies(first.hello.capabilities !== undefined, 'HELLO has no capabilities: several connections are not defined')
      const voiceState = { user_id: node.id(), ...node.channel() }
      first.info(LvspInfo.VoiceStateCreate, voiceState)
      await second.event(LvspInfo.VoiceStateDone, ({ user_id }) => user_id === voiceState.user_id)
    },
  },
]
