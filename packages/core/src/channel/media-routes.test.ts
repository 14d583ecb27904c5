// Routes and targets against a model, for any order of changes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Deadlines } from '../deadlines.ts'
import { Effects } from '../effect.ts'
import type { LaneCommand, PeerId, TargetsId } from '../lane/commands.ts'
import type { Wants } from '../lane/wants.ts'
import { LIMITS } from '../limits.ts'
import { LaneHandle } from './lane-handle.ts'
import { MediaRoutes, type RouteSource } from './media-routes.ts'
import { SsrcAllocator } from './ssrc-allocator.ts'

const crypto = {
  randomBytes: (size: number) => new Uint8Array(size),
  randomToken: () => 't',
  randomHex: () => 'h',
  hmacSha256: () => new Uint8Array(32),
  equal: () => false,
  sha256: () => new Uint8Array(32),
  newSigner: () => ({ publicKey: new Uint8Array(65), sign: () => new Uint8Array() }),
  isPoint: () => false,
  verify: () => false,
}

/** The state of a lane after the commands: which peers receive which SSRC. */
class Routes {
  readonly targets = new Map<TargetsId, Set<PeerId>>()
  readonly routes = new Map<number, { owner: PeerId; targets: TargetsId }>()

  apply(command: LaneCommand): void {
    switch (command.kind) {
      case 'openTargets':
        assert.ok(!this.targets.has(command.targets))
        this.targets.set(command.targets, new Set(command.peers))
        return
      case 'closeTargets':
        assert.ok(this.targets.delete(command.targets))
        for (const route of this.routes.values())
          assert.notEqual(route.targets, command.targets, 'closed under a route')
        return
      case 'addTarget':
        this.targets.get(command.targets)!.add(command.peer)
        return
      case 'removeTarget':
        this.targets.get(command.targets)!.delete(command.peer)
        return
      case 'setRoute':
        assert.ok(this.targets.has(command.targets))
        this.routes.set(command.ssrc, command)
        return
      case 'removeRoute':
        assert.ok(this.routes.delete(command.ssrc))
        return
      default:
        assert.fail(command.kind)
    }
  }

  receivers(ssrc: number): PeerId[] {
    const route = this.routes.get(ssrc)
    if (route === undefined) return []
    return [...this.targets.get(route.targets)!].filter(peer => peer !== route.owner).sort((a, b) => a - b)
  }
}

class Person {
  readonly peer: PeerId
  readonly ssrc: number
  wants: Wants = wanting(100)
  /** Whether the source is a sound beside a voice, and whether the listener knows such sources. */
  isSound = false
  knowsSounds = false
  constructor(peer: PeerId) {
    this.peer = peer
    this.ssrc = peer * 8
  }
}

const wanting = (any: number, wants: readonly (readonly [of: RouteSource, want: number])[] = []): Wants => ({
  any,
  wants: new Map(wants.map(([{ ssrc }, want]) => [ssrc, want])),
  pixelCounts: new Map(),
})

function scene(count: number) {
  const effects = new Effects()
  const routes = new Routes()
  const deadlines = new Deadlines()
  const audio = new MediaRoutes(new LaneHandle({ id: 0, port: 1 }, new SsrcAllocator(crypto), effects), deadlines)
  let now = 0
  const people = Array.from({ length: count }, (_, index) => new Person(index + 1))
  const take = () => {
    const commands = effects.take().map(effect => (effect as { command: LaneCommand }).command)
    for (const command of commands) routes.apply(command)
    return commands
  }
  /** The commands of one slice. */
  const slice = () => {
    now += LIMITS.targetsInterval
    deadlines.tick(now)
    return take()
  }
  /** All commands that the changes so far result in. */
  const drain = () => {
    const commands = take()
    while (audio.deadline < Infinity) commands.push(...slice())
    return commands
  }
  return { audio, routes, people, take, slice, drain }
}

test('a change of sealedOnly is sent once for every existing route and applies to later ones', () => {
  const { audio, people, drain } = scene(3)
  const [ana, ben, cyn] = people
  audio.openSource(ana!)
  audio.openSource(ben!)
  const routes = () =>
    drain().flatMap(command => (command.kind === 'setRoute' ? [[command.ssrc, command.sealedOnly === true]] : []))
  assert.deepEqual(routes(), [
    [ana!.ssrc, false],
    [ben!.ssrc, false],
  ])
  audio.requireSealed(true)
  audio.requireSealed(true)
  audio.openSource(cyn!)
  assert.deepEqual(routes(), [
    [ana!.ssrc, true],
    [ben!.ssrc, true],
    [cyn!.ssrc, true],
  ])
  audio.requireSealed(false)
  assert.deepEqual(
    routes().map(([, isRequired]) => isRequired),
    [false, false, false],
  )
})

test('a join to a channel without individual wants takes one route and one target command', () => {
  const { audio, people, drain } = scene(50)
  for (const person of people) {
    audio.openSource(person)
    audio.addListener(person)
  }
  drain()
  const newcomer = new Person(1_000)
  audio.openSource(newcomer)
  audio.addListener(newcomer)
  assert.deepEqual(
    drain().map(command => command.kind),
    ['setRoute', 'addTarget'],
  )
})

test('the sound of a screen takes two commands, however many listeners know such sources', () => {
  const COUNT = 1_000
  const { audio, routes, people, drain } = scene(COUNT)
  for (const person of people) {
    person.knowsSounds = person.peer % 4 !== 0
    audio.addListener(person)
  }
  drain()
  const screen = { peer: 1, ssrc: 9_000, isSound: true }
  audio.openSource(screen)
  assert.deepEqual(
    drain().map(({ kind }) => kind),
    ['openTargets', 'setRoute'],
  )
  assert.equal(routes.receivers(screen.ssrc).length, COUNT * 0.75 - 1)
})

/** A channel whose members all receive each other; `want` returns the number of commands that a change of wants takes. */
function crowd(count: number) {
  const { audio, routes, people, take, slice, drain } = scene(count)
  for (const person of people) {
    audio.openSource(person)
    audio.addListener(person)
  }
  drain()
  const want = (person: Person, wants: Wants): number => {
    person.wants = wants
    audio.wantsChanged(person)
    return drain().length
  }
  const othersOf = (person: Person) => people.filter(other => other !== person)
  return { audio, routes, people, want, othersOf, take, slice, drain }
}

test('a listener that wants every source by SSRC needs no individual lists, whatever its default want', () => {
  const COUNT = 100
  const { routes, people, want, othersOf } = crowd(COUNT)
  for (const any of [100, 0])
    for (const person of people) {
      const named = othersOf(person).map(other => [other, 50] as const)
      assert.equal(want(person, wanting(any, named)), 0)
    }
  for (const person of people) assert.equal(routes.receivers(person.ssrc).length, COUNT - 1)
})

test('a newcomer takes one command per listener with default want 0', () => {
  const COUNT = 100
  const { audio, routes, people, want, othersOf, drain } = crowd(COUNT)
  for (const person of people)
    want(
      person,
      wanting(
        0,
        othersOf(person).map(other => [other, 100] as const),
      ),
    )
  const newcomer = new Person(1_000)
  audio.openSource(newcomer)
  audio.addListener(newcomer)
  let commands = drain().length
  assert.deepEqual(routes.receivers(newcomer.ssrc), [])
  for (const person of people)
    commands += want(
      person,
      wanting(
        0,
        [newcomer, ...othersOf(person)].map(other => [other, 100] as const),
      ),
    )
  assert.equal(routes.receivers(newcomer.ssrc).length, COUNT)
  assert.ok(commands <= COUNT + 10, `${commands} commands`)
})

test('a second wants message takes commands only for its differences from the first', () => {
  const COUNT = 100
  const { routes, people, want } = crowd(COUNT)
  const [loud, quiet, ...listeners] = people as [Person, Person, ...Person[]]
  const muting = (...muted: Person[]) =>
    wanting(
      100,
      people.map(person => [person, muted.includes(person) ? 0 : 100] as const),
    )
  const [first, second] = listeners as [Person, Person]
  assert.equal(want(first, muting(loud)), 2, 'the first listener to mute a speaker creates its target list')
  assert.equal(want(first, muting(loud)), 0)
  assert.equal(want(second, muting(loud)), 1)
  assert.equal(want(first, muting(loud, quiet)), 2)
  assert.equal(want(first, muting(quiet)), 1)
  assert.ok(want(first, muting()) <= 3, 'the list is closed when no listener mutes its speaker')
  assert.deepEqual(
    [loud, quiet].map(person => routes.receivers(person.ssrc).length),
    [COUNT - 2, COUNT - 1],
  )
})

test('one op 15 that asks for hundreds of lists is applied in slices', () => {
  const COUNT = 500
  const { audio, routes, people, take, slice } = crowd(COUNT)
  const [hostile, ...others] = people as [Person, ...Person[]]
  const muted = others.slice(0, 240)
  hostile.wants = wanting(
    100,
    muted.map(other => [other, 0] as const),
  )
  audio.wantsChanged(hostile)
  assert.deepEqual(take(), [])
  let slices = 0
  while (audio.deadline < Infinity) {
    const lists = slice().flatMap(command => (command.kind === 'openTargets' ? [command.peers!.length] : []))
    const targets = lists.reduce((sum, peers) => sum + peers, 0)
    assert.ok(targets <= LIMITS.targetsPerSlice + COUNT, `${targets} targets in one slice`)
    slices++
  }
  assert.equal(slices, Math.ceil((muted.length * COUNT) / LIMITS.targetsPerSlice))
  for (const { ssrc } of muted) assert.equal(routes.receivers(ssrc).length, COUNT - 2)
})

test('the list that one listener needs does not wait for the hundreds of another', () => {
  const COUNT = 500
  const { audio, routes, people, slice } = crowd(COUNT)
  const [hostile, member, ...others] = people as [Person, Person, ...Person[]]
  hostile.wants = wanting(
    100,
    others.slice(0, 240).map(other => [other, 0] as const),
  )
  audio.wantsChanged(hostile)
  const loud = others.at(-1)!
  member.wants = wanting(100, [[loud, 0]])
  audio.wantsChanged(member)
  slice()
  assert.equal(routes.receivers(loud.ssrc).length, COUNT - 2)
})

test('lists that are not needed any longer when their turn comes are not opened', () => {
  const { audio, people, want, drain } = crowd(50)
  const [fickle, speaker, leaving, ended] = people as [Person, Person, Person, Person]
  fickle.wants = wanting(100, [[speaker, 0]])
  audio.wantsChanged(fickle)
  assert.equal(want(fickle, wanting(100)), 0)
  leaving.wants = wanting(100, [[speaker, 0]])
  audio.wantsChanged(leaving)
  audio.removeListener(leaving)
  fickle.wants = wanting(100, [[ended, 0]])
  audio.wantsChanged(fickle)
  audio.closeSource(ended, false)
  assert.deepEqual(
    drain().map(({ kind }) => kind),
    ['removeTarget', 'removeRoute'],
  )
})

test('after any sequence of changes exactly the expected listeners are targets, and close releases everything', () => {
  const COUNT = 5
  const person = fc.nat(COUNT - 1)
  const want = fc.constantFrom(0, 0, 50, 100)
  const action = fc.oneof(
    fc.record({
      kind: fc.constantFrom('open' as const, 'close' as const, 'add' as const, 'remove' as const),
      person,
      /** Followed by the next before any slice. */
      isHurried: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('want' as const),
      person,
      isHurried: fc.boolean(),
      any: want,
      wants: fc.array(fc.tuple(person, want), { maxLength: 3 }),
    }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), actions => {
      const { audio, routes, people, drain } = scene(COUNT)
      people[4]!.isSound = true
      for (const place of [0, 1, 4]) people[place]!.knowsSounds = true
      const sources = new Set<Person>()
      const listeners = new Set<Person>()
      for (const action of actions) {
        const member = people[action.person]!
        if (action.kind === 'want') {
          member.wants = wanting(
            action.any,
            action.wants.map(([of, value]) => [people[of]!, value]),
          )
          audio.wantsChanged(member)
        } else if (action.kind === 'open') sources.add(member) && audio.openSource(member)
        else if (action.kind === 'close') sources.delete(member) && audio.closeSource(member, true)
        else if (action.kind === 'add') listeners.add(member) && audio.addListener(member)
        else listeners.delete(member) && audio.removeListener(member)
        if (action.isHurried) continue
        drain()
        for (const source of people) {
          const expected = [...listeners].filter(
            listener =>
              sources.has(source) &&
              listener !== source &&
              (listener.knowsSounds || !source.isSound) &&
              (listener.wants.wants.get(source.ssrc) ?? listener.wants.any) > 0,
          )
          assert.deepEqual(
            routes.receivers(source.ssrc),
            expected.map(({ peer }) => peer).sort((a, b) => a - b),
          )
        }
      }
      audio.close()
      drain()
      assert.equal(routes.routes.size, 0)
      assert.equal(routes.targets.size, 0)
    }),
    { numRuns: 200 },
  )
})
