// A channel on several lanes under random changes, against a model of who receives whom.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'
import { CHANNEL, GUILD, Stage, type StageMember } from './stage.ts'

const SEEDS = 12
const STEPS = 120
const MOST = 14

/** A member as the model knows it. */
interface Known {
  readonly member: StageMember
  suppress: boolean
  deaf: boolean
  /** The want of others that it does not name, and those that it named with the other want. */
  any: number
  readonly named: Set<StageMember>
  sequence: number
}

class Model {
  readonly stage: Stage
  readonly known: Known[] = []
  readonly #random: () => number
  #lastUser = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.stage = new Stage(2 + (seed % 3), 1 + (seed % 4))
  }

  step(): void {
    const choice = this.#random()
    const one = this.#pick()
    if (one === undefined || (choice < 0.2 && this.known.length < MOST)) return this.#join()
    if (choice < 0.3) return this.#leave(one)
    if (choice < 0.45) return this.#restrict(one)
    if (choice < 0.55) return this.#want(one)
    if (choice < 0.57) return this.#crash()
    this.#speak(one)
  }

  leaveAll(): void {
    for (const one of [...this.known]) this.#leave(one)
  }

  #pick(): Known | undefined {
    return this.known[Math.floor(this.#random() * this.known.length)]
  }

  #join(): void {
    const suppress = this.#random() < 0.5
    const member = this.stage.join(String(++this.#lastUser), { suppress })
    const sequence = Math.floor(this.#random() * 65_536)
    this.known.push({ member, suppress, deaf: false, any: 100, named: new Set(), sequence })
    this.#fillLists()
  }

  #leave(one: Known): void {
    this.known.splice(this.known.indexOf(one), 1)
    if (this.#random() < 0.5) one.member.socket.drop(1000)
    else this.stage.backend.info(5, { user_id: one.member.userId, channel_id: CHANNEL, guild_id: GUILD })
    this.stage.settle()
  }

  #restrict(one: Known): void {
    if (this.#random() < 0.5) one.suppress = !one.suppress
    else one.deaf = !one.deaf
    this.stage.restrict(one.member.userId, { suppress: one.suppress, deaf: one.deaf })
    // The silence that ends the speech of a suppressed member is over.
    this.stage.advance(LIMITS.silenceWindow + 200)
    this.#fillLists()
  }

  #want(one: Known): void {
    one.any = this.#random() < 0.5 ? 0 : 100
    one.named.clear()
    for (const { member } of this.known) if (this.#random() < 0.3) one.named.add(member)
    const named = Object.fromEntries([...one.named].map(({ ssrc }) => [ssrc, 100 - one.any]))
    one.member.socket.send(15, { any: one.any, ...named })
    this.#fillLists()
  }

  /** Lists for single sources are filled in slices. Clients send heartbeats. */
  #fillLists(): void {
    this.stage.advance(2 * LIMITS.targetsInterval)
    for (const { member } of this.known) member.socket.send(3, { t: 1, seq_ack: -1 })
  }

  /** The members identify again when they like; here, none does. */
  #crash(): void {
    const lane = Math.floor(this.#random() * this.stage.inspect().length)
    this.stage.loseLane(lane)
    for (const { member } of this.known)
      assert.equal(
        member.socket.closeCode,
        member.lane === lane ? 4015 : undefined,
        `${member.userId} on ${member.lane}`,
      )
    const left = this.known.filter(({ member }) => member.lane !== lane)
    this.known.splice(0, this.known.length, ...left)
    this.#fillLists()
  }

  #speak(one: Known): void {
    this.stage.advance(20)
    this.stage.take()
    one.sequence = (one.sequence + 1) & 0xffff
    const copies = this.stage.say(one.member, one.sequence, [one.sequence & 0xff, 1])
    const wants = ({ any, named }: Known) => (named.has(one.member) ? 100 - any : any) > 0
    const expected = one.suppress ? [] : this.known.filter(other => other !== one && !other.deaf && wants(other))
    assert.deepEqual(
      copies.map(({ to }) => to.userId).sort(),
      expected.map(({ member }) => member.userId).sort(),
      `of ${one.member.userId} on lane ${one.member.lane}`,
    )
  }
}

test('under any joins, departures, restrictions, wants and crashes, each packet reaches the members that may and want to receive it', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const model = new Model(seed)
    try {
      for (let step = 0; step < STEPS; step++) model.step()
      model.leaveAll()
      model.stage.backend.info(2, { channel_id: CHANNEL, guild_id: GUILD })
      model.stage.advance(60_000)
      for (const { peers, routes, targetLists, targets, ssrcs } of model.stage.inspect())
        assert.deepEqual(
          { peers, routes, targetLists, targets, ssrcs },
          { peers: 0, routes: 0, targetLists: 0, targets: 0, ssrcs: 0 },
        )
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})
