// Browsers that mute, leave, reload their page or join all at once, as the other members see them.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { numberedFrames } from './opus-frames.ts'
import { count, talk } from './talking.ts'
import { until, untilFits } from './until.ts'
import { ANA, BEN, CYD } from './users.ts'
import { AUDIBLE, hears, type WebMember, type WebStats } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
/** Clients in one tab. Two cores mix about 150 voices in real time, but not 300. */
const TABBED = 8
const NATIVE = 12
const [FRAME] = numberedFrames(1, 1)

/** Packets of one source that a browser receives in a third of a second. */
async function arriving(member: WebMember, ssrc: number): Promise<number> {
  const read = async () => (await member.stats()).inbound.find(rtp => rtp.ssrc === ssrc)?.packetsReceived ?? 0
  const before = await read()
  await new Promise(resolve => setTimeout(resolve, 333))
  return (await read()) - before
}

/** A call of two browsers and a Discord client that receive each other. */
async function call(context: TestContext) {
  const scene = await BrowserScene.open(context)
  const ben = await scene.joinNative(BEN)
  talk(context, ben)
  const [ana, cyd] = [await scene.joinWeb(ANA), await scene.joinWeb(CYD)]
  await ana.until('both voices', hears(2))
  await cyd.until('both voices', hears(2))
  return { scene, ana, ben, cyd }
}

const audioSsrc = (scene: BrowserScene, userId: string) => (scene.session(userId) as { audioSsrc: number }).audioSsrc

test(
  'a member that mutes is silent and shown as muted; unmuted, it continues with the same SSRC',
  OPTIONS,
  async context => {
    const { scene, ana, ben, cyd } = await call(context)
    const ssrc = audioSsrc(scene, ANA)
    const hearsAna = count(ben, ANA)
    const isFlowing = (packets: number) => packets > 5
    for (const flags of [0, 1]) {
      const notified = new Promise(resolve => {
        ben.on('speaking', ({ userId, speaking }) => userId === ANA && speaking === flags && resolve(undefined))
      })
      await ana.evaluate(`client.mute(${flags === 0})`)
      await notified
      await cyd.untilTrue('the speaking event', `client.speaking[${JSON.stringify(ANA)}] === ${flags}`)
      await untilFits(
        'the change in its packets',
        () => arriving(cyd, ssrc),
        flags === 0 ? packets => packets === 0 : isFlowing,
      )
      const heard = hearsAna()
      if (flags === 1) await until('frames at the Discord client', () => hearsAna() > heard + 20)
    }
    assert.equal(audioSsrc(scene, ANA), ssrc)
  },
)

test('a member that leaves disappears for all members', OPTIONS, async context => {
  const { scene, ana, ben, cyd } = await call(context)
  const left = new Promise(resolve => ben.on('userDisconnected', ({ userId }) => userId === CYD && resolve(undefined)))
  await cyd.evaluate('client.close()')
  await left
  await ana.untilTrue('the departure', `!client.users.has(${JSON.stringify(CYD)})`)
  assert.equal(scene.session(CYD), undefined)
  await ana.untilTrue('the removal of the track', 'client.remotes.size === 1')
})

test('a member that reloads the page leaves, and joins again with a new SSRC', OPTIONS, async context => {
  const { scene, ana, ben, cyd } = await call(context)
  const ssrc = audioSsrc(scene, CYD)
  await cyd.page.reload()
  await ana.untilTrue('the departure', `!client.users.has(${JSON.stringify(CYD)})`)
  await until('the departure at the Discord client', () => ben.members.get(CYD) === undefined)
  const hearsCyd = count(ben, CYD)
  const again = await scene.joinFrom(cyd.page, CYD)
  await again.until('both voices', hears(2))
  await until('the voice at the Discord client', () => hearsCyd() > 20)
  assert.notEqual(audioSsrc(scene, CYD), ssrc)
  await untilFits(
    'the voice',
    () => arriving(ana, audioSsrc(scene, CYD)),
    packets => packets > 5,
  )
  assert.equal(await ana.evaluate('client.remotes.size'), 2)
})

test(`${TABBED + NATIVE} clients that join at once all receive each other`, OPTIONS, async context => {
  const notes: string[] = []
  const scene = await BrowserScene.open(context, { log: line => void notes.push(line) })
  const page = await scene.openPage()
  const users = Array.from({ length: TABBED + NATIVE }, (_, index) => String(BigInt(ANA) + BigInt(index)))
  const speaks = (user: string) => users.indexOf(user) < 2
  // Two speakers are enough: decoding hundreds of voices would test the machine.
  const how = (user: string) => ({ packetTime: 60, patience: 500, speaks: speaks(user) })
  const [members, natives] = await Promise.all([
    Promise.all(users.slice(0, TABBED).map(user => scene.joinFrom(page, user, how(user)))),
    Promise.all(users.slice(TABBED).map(user => whisper(context, scene, user))),
  ])
  const ssrcs = new Map(users.map(user => [user, audioSsrc(scene, user)]))
  const isEmpty = (missing: readonly string[]) => missing.length === 0
  for (const member of members) {
    const others = users.filter(user => user !== member.userId)
    const missing = ({ inbound }: WebStats) =>
      others.filter(user => {
        const { packetsReceived = 0, totalAudioEnergy = 0 } = inbound.find(({ ssrc }) => ssrc === ssrcs.get(user)) ?? {}
        return packetsReceived < 3 || (speaks(user) && totalAudioEnergy < AUDIBLE)
      })
    await untilFits('packets of all members', async () => missing(await member.stats()), isEmpty)
    assert.equal((await member.stats()).inbound.length, others.length)
  }
  for (const [index, heard] of natives.entries()) {
    const others = users.filter(user => user !== users[TABBED + index])
    await untilFits('frames of all members at a Discord client', () => others.filter(user => !heard.has(user)), isEmpty)
  }
  assert.deepEqual(scene.drops, {})
  assert.deepEqual(
    notes.filter(line => /"level":"(warn|error)"/.test(line)),
    [],
  )
})

/** Joins with a Discord client that sends five frames per second. Returns the users from which it receives frames. */
async function whisper(context: TestContext, scene: BrowserScene, userId: string): Promise<Set<string>> {
  const client = await scene.joinNative(userId)
  const heard = new Set<string>()
  client.on('frame', frame => frame.userId !== undefined && heard.add(frame.userId))
  const timer = setInterval(() => client.sendFrame(FRAME!), 200)
  context.after(() => clearInterval(timer))
  return heard
}
