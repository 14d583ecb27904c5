// CPU cost of one join for a node, with all its steps: LVSP, gateway, and IP discovery or ICE, DTLS and SRTP keys.
import { VoiceMode } from '@parley/protocol'
import { Crowd } from '../load/crowd.ts'
import { measureLoad } from '../load/measure.ts'
import type { Plan } from '../load/plan.ts'
import { NodeProcess } from './node-process.ts'

export interface JoinCost {
  joins: number
  native: JoinTimes
  browser: JoinTimes
}

/** Milliseconds of the node's CPU per join, without its idle load. */
export interface JoinTimes {
  /** One join at a time. The node sleeps between the steps of a join, so waking up is a large part of the cost. */
  alone: number
  /** TOGETHER joins at a time. */
  together: number
}

const CHANNEL = 10
const TOGETHER = 16
const IDLE = 500
const MILLISECONDS = 1_000

/** The first `warmUp` joins are not measured, so that compilation does not count. */
export async function benchJoinCost(joins: number, warmUp: number): Promise<JoinCost> {
  const times = async (browsers: boolean): Promise<JoinTimes> => ({
    alone: await measure(joins, warmUp, browsers, 1),
    together: await measure(joins, warmUp, browsers, TOGETHER),
  })
  return { joins, native: await times(false), browser: await times(true) }
}

async function measure(joins: number, warmUp: number, browsers: boolean, atOnce: number): Promise<number> {
  const node = await NodeProcess.start()
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const channels = Math.ceil((warmUp + joins) / (CHANNEL - 1))
  const plan: Plan = { channels, members: CHANNEL, speakers: 1, visitors: 0, payload: 120, mode, browsers }
  const crowd = await Crowd.open(node, plan)
  try {
    return await joinAll(crowd, joins, warmUp, atOnce)
  } finally {
    await crowd.close()
    await node.stop()
  }
}

/** Speakers join first, over UDP; only joins of listeners are measured. */
async function joinAll(crowd: Crowd, joins: number, warmUp: number, atOnce: number): Promise<number> {
  const { members, node } = crowd
  const speakers = members.filter((_, index) => index % CHANNEL === 0)
  const listeners = members.filter((_, index) => index % CHANNEL !== 0)
  for (const speaker of speakers) await speaker.join()
  for (const listener of listeners.slice(0, warmUp)) await listener.join()
  const idle = await spent(node, () => new Promise(resolve => setTimeout(resolve, IDLE)))
  const measured = listeners.slice(warmUp, warmUp + joins)
  const busy = await spent(node, async () => {
    for (let first = 0; first < joins; first += atOnce)
      await Promise.all(measured.slice(first, first + atOnce).map(listener => listener.join()))
  })
  for (const listener of listeners.slice(warmUp + joins)) await listener.join()
  await checkHeard(crowd)
  return ((busy.cpu - (idle.cpu / idle.seconds) * busy.seconds) / joins) * MILLISECONDS
}

async function spent(node: NodeProcess, run: () => Promise<unknown>): Promise<{ cpu: number; seconds: number }> {
  const before = node.threadSeconds()
  const started = performance.now()
  await run()
  return { cpu: node.threadSeconds() - before, seconds: (performance.now() - started) / 1_000 }
}

/** Throws unless all members receive audio. */
async function checkHeard(crowd: Crowd): Promise<void> {
  await crowd.join(crowd.members.length, 0)
  const { checked, wrong } = await measureLoad(crowd, {
    pace: { kind: 'paced', perSecond: 50 },
    warmUp: 0.1,
    seconds: 0.5,
  })
  if (wrong > 0 || checked === 0) throw new Error(`${checked} right packets and ${wrong} wrong packets after the joins`)
}
