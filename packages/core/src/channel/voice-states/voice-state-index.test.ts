// The index against a list that is searched, for any order of additions, removals and changes of session ids.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Channel } from '../channel.ts'
import { VoiceState } from './voice-state.ts'
import { type Place, VoiceStateIndex } from './voice-state-index.ts'

const BACKENDS = ['a', 'b']
const SERVERS = ['100', '200', '300']
const USERS = ['1', '2', '3']
const SESSIONS = ['x', 'y']

const Step = fc.record({
  do: fc.constantFrom('add', 'remove', 'rename'),
  backend: fc.constantFrom(...BACKENDS),
  server: fc.constantFrom(...SERVERS),
  user: fc.constantFrom(...USERS),
  session: fc.constantFrom(...SESSIONS),
})

const sorted = (places: readonly Place[]) =>
  places.map(({ channel, state }) => `${channel.backend} ${channel.serverId} ${state.userId} ${state.sessionId}`).sort()

test('the index finds what a search over all voice states finds', () => {
  fc.assert(
    fc.property(fc.array(Step, { maxLength: 80 }), steps => {
      const index = new VoiceStateIndex()
      const model = new Map<string, Place>()
      for (const step of steps) {
        const key = `${step.backend} ${step.server} ${step.user}`
        const place = model.get(key)
        if (place !== undefined) {
          index.remove(place)
          model.delete(key)
        }
        if (step.do === 'remove' || (step.do === 'rename' && place === undefined)) continue
        const state = step.do === 'rename' && place !== undefined ? place.state : new VoiceState(step.user, '', 'token')
        state.sessionId = step.session
        const added = { channel: { backend: step.backend, serverId: step.server } as Channel, state }
        index.add(added)
        model.set(key, added)
      }
      const all = [...model.values()]
      assert.equal(index.size, all.length)
      for (const server of SERVERS)
        for (const user of USERS)
          assert.deepEqual(
            sorted(index.ofUser(server, user)),
            sorted(all.filter(({ channel, state }) => channel.serverId === server && state.userId === user)),
          )
      for (const backend of BACKENDS)
        for (const session of SESSIONS) {
          const same = all.filter(({ channel, state }) => channel.backend === backend && state.sessionId === session)
          assert.deepEqual(sorted(index.ofSession(backend, session)), sorted(same))
          for (const server of SERVERS) {
            const places = index.ofSession(backend, session, server)
            const found = places.filter(({ channel }) => channel.serverId === server)
            assert.deepEqual(sorted(found), sorted(same.filter(({ channel }) => channel.serverId === server)))
          }
        }
    }),
  )
})

test('removing a voice state that is not in the index changes nothing', () => {
  const index = new VoiceStateIndex()
  const channel = { backend: 'a', serverId: '100' } as Channel
  index.add({ channel, state: new VoiceState('1', 'x', 'token') })
  index.remove({ channel, state: new VoiceState('1', 'x', 'token') })
  assert.equal(index.size, 1)
  assert.equal(index.ofSession('a', 'x').length, 1)
})
