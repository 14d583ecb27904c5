// What members of a call see of browsers that are muted, leave, reload their page, or come in a crowd.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { numberedFrames } from './opus-frames.ts'
import { count, talk } from './talking.ts'
import { until, untilFits } from './until.ts'
import { AUDIBLE, hears, type WebMember, type WebStats } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
const ANA = '81384788765712384'
const BEN = '81384788765712385'
const CYD = '81384788765712386'
/** Clients in one tab: two cores mix some 150 voices in time, and not 300. */
const TABBED = 8
const NATIVE = 12
const [FRAME] = numberedFrames(1, 1)

/** Packets of one source that a browser receives within a third of a second. */
async function arriving(member: WebMember, ssrc: number): Promise<number> {
  const read = async () => (await member.stats()).inbound.find(rtp => rtp.ssrc === ssrc)?.packetsReceived ?? 0
  const before = await read()
  await new Promise(resolve => setTimeout(resolve, 333))
  return (await read()) - before
}

/** Two browsers and a native client that hear each other. */
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

test('who mutes is silent for everybody and shown so, and goes on where they were', OPTIONS, async context => {
  const { scene, ana, ben, cyd } = await call(context)
  const ssrc = audioSsrc(scene, ANA)
  const hearsAna = count(ben, ANA)
  const isFlowing = (packets: number) => packets > 5
  for (const flags of [0, 1]) {
    const told = new Promise(resolve => {
      ben.on('speaking', ({ userId, speaking }) => userId === ANA && speaking === flags && resolve(undefined))
    })
    await ana.evaluate(`client.mute(${flags === 0})`)
    await told
    await cyd.untilTrue('word of it', `client.speaking[${JSON.stringify(ANA)}] === ${flags}`)
    await untilFits('it to be heard', () => arriving(cyd, ssrc), flags === 0 ? packets => packets === 0 : isFlowing)
    const heard = hearsAna()
    if (flags === 1) await until('frames, natively', () => hearsAna() > heard + 20)
  }
  assert.equal(audioSsrc(scene, ANA), ssrc)
})

test('who leaves is gone for everybody', OPTIONS, async context => {
  const { scene, ana, ben, cyd } = await call(context)
  const left = new Promise(resolve => ben.on('userDisconnected', ({ userId }) => userId === CYD && resolve(undefined)))
  await cyd.evaluate('client.close()')
  await left
  await ana.untilTrue('word of it', `!client.users.has(${JSON.stringify(CYD)})`)
  assert.equal(scene.session(CYD), undefined)
  await ana.untilTrue('one voice less', 'client.remotes.size === 1')
})

test('who reloads the page leaves, and comes back as somebody new', OPTIONS, async context => {
  const { scene, ana, ben, cyd } = await call(context)
  const ssrc = audioSsrc(scene, CYD)
  await cyd.page.reload()
  await ana.untilTrue('word of it', `!client.users.has(${JSON.stringify(CYD)})`)
  await until('word of it, natively', () => ben.members.get(CYD) === undefined)
  const hearsCyd = count(ben, CYD)
  const again = await scene.joinFrom(cyd.page, CYD)
  await again.until('both voices', hears(2))
  await until('their voice, natively', () => hearsCyd() > 20)
  assert.notEqual(audioSsrc(scene, CYD), ssrc)
  await untilFits(
    'their voice',
    () => arriving(ana, audioSsrc(scene, CYD)),
    packets => packets > 5,
  )
  assert.equal(await ana.evaluate('client.remotes.size'), 2)
})

test(`${TABBED + NATIVE} clients that join at once all hear each other`, OPTIONS, async context => {
  const notes: string[] = []
  const scene = await BrowserScene.open(context, { log: line => void notes.push(line) })
  const page = await scene.openPage()
  const users = Array.from({ length: TABBED + NATIVE }, (_, index) => String(BigInt(ANA) + BigInt(index)))
  const speaks = (user: string) => users.indexOf(user) < 2
  // Two that speak are enough: hundreds of voices to decode would be a test of the machine.
  const how = (user: string) => ({ packetTime: 60, patience: 500, speaks: speaks(user) })
  const [members, natives] = await Promise.all([
    Promise.all(users.slice(0, TABBED).map(user => scene.joinFrom(page, user, how(user)))),
    Promise.all(users.slice(TABBED).map(user => whisper(context, scene, user))),
  ])
  const ssrcs = new Map(users.map(user => [user, audioSsrc(scene, user)]))
  const nobody = (missing: readonly string[]) => missing.length === 0
  for (const member of members) {
    const others = users.filter(user => user !== member.userId)
    const missing = ({ inbound }: WebStats) =>
      others.filter(user => {
        const { packetsReceived = 0, totalAudioEnergy = 0 } = inbound.find(({ ssrc }) => ssrc === ssrcs.get(user)) ?? {}
        return packetsReceived < 3 || (speaks(user) && totalAudioEnergy < AUDIBLE)
      })
    await untilFits('everybody to be heard', async () => missing(await member.stats()), nobody, 40_000)
    assert.equal((await member.stats()).inbound.length, others.length)
  }
  for (const [index, heard] of natives.entries()) {
    const others = users.filter(user => user !== users[TABBED + index])
    await untilFits('everybody to be heard natively', () => others.filter(user => !heard.has(user)), nobody)
  }
  assert.deepEqual(scene.drops, {})
  assert.deepEqual(
    notes.filter(line => /"level":"(warn|error)"/.test(line)),
    [],
  )
})

/** A native client that sends a frame now and then; whom it has heard. */
async function whisper(context: TestContext, scene: BrowserScene, userId: string): Promise<Set<string>> {
  const client = await scene.joinNative(userId)
  const heard = new Set<string>()
  client.on('frame', frame => frame.userId !== undefined && heard.add(frame.userId))
  const timer = setInterval(() => client.sendFrame(FRAME!), 200)
  context.after(() => clearInterval(timer))
  return heard
}
