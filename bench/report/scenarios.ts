// The scenarios of the forwarding table: by channel size, encryption mode, lanes, pace, transport of listeners and channel count.
import { type SrtpProfile, VoiceMode } from '@parley/protocol'
import { Floor } from '../floor/floor.ts'
import { separateCores } from '../load/cores.ts'
import { Crowd } from '../load/crowd.ts'
import { type LoadFigures, type Measurement, measureLoad } from '../load/measure.ts'
import type { Plan } from '../load/plan.ts'
import { WEBRTC_PROFILE } from '../load/webrtc/webrtc-client.ts'
import { benchPacketEngines } from '../micro/packet-engines.ts'
import { NodeProcess } from '../node/node-process.ts'
import type { Row } from './rows.ts'
import { inTurns, type Outcome, toBase } from './turns.ts'

type Engine = 'ffi' | 'portable'

export interface Extent {
  rounds: number
  /** Seconds per turn. */
  seconds: number
  /** Members of all channels together, in scenarios that vary the channel size. */
  allMembers: number
  members: readonly number[]
  /** Channel sizes for the comparison with the C++ floor. */
  native: readonly number[]
  /** Channel sizes for a lane without a node. */
  alone: readonly number[]
  /** Engines for a lane without a node. */
  engines: readonly Engine[]
  modes: readonly VoiceMode[]
  profiles: readonly SrtpProfile[]
  /** Listeners in the channel of the scenario `browsers`. */
  listeners: number
  lanes: readonly number[]
  channels: readonly number[]
  /** Joins per second, with as many leaves. */
  churn: number
}

const ENGINES: readonly Engine[] = ['ffi', 'portable']
export const GCM = VoiceMode.AeadAes256GcmRtpsize
/** One speaker per channel. */
export const BASE: Plan = { channels: 1, members: 25, speakers: 1, visitors: 0, payload: 120, mode: GCM }
/** Channel size for the comparison of modes and lanes. */
const MEMBERS = 25
const GROWTH_MEMBERS = 5
/** Packets per second of all speakers. */
const GROWTH_RATE = 5_000

/** Starts a node and joins all members of a plan. Several nodes may be filled concurrently, before anything is measured. */
export async function fill(engine: Engine, plan: Plan, lanes = 1): Promise<Crowd> {
  const settings = ['voice.legacy_modes=true', `media.engine=${engine}`, `media.lanes=${lanes}`]
  const capacity = `capacity.sessions=${plan.channels * plan.members * 2}`
  const node = await NodeProcess.start(capacity, ...settings)
  const crowd = await Crowd.open(node, plan)
  await crowd.join()
  return crowd
}

export async function empty(crowds: readonly Crowd[]): Promise<void> {
  for (const crowd of crowds) {
    await crowd.close()
    await crowd.node.stop()
  }
}

const row = (id: string, load: string, engine: Engine, outcome: Outcome, rest: Partial<Row> = {}): Row => ({
  id: `${id}/${engine}`,
  load,
  engine,
  mode: GCM,
  lanes: 1,
  base: 'floor',
  ...outcome,
  ...rest,
})

export const saturated = ({ seconds }: Extent): Measurement => ({
  pace: { kind: 'saturated' },
  warmUp: seconds / 3,
  seconds,
})

/** Saturated, by channel size; for one size also by encryption mode. */
export async function* byMembers(extent: Extent): AsyncGenerator<Row> {
  for (const members of extent.members) {
    const plan = { ...BASE, members, channels: Math.max(1, Math.floor(extent.allMembers / members)) }
    const crowds = await Promise.all(ENGINES.map(engine => fill(engine, plan)))
    const floor = await Floor.open(crowds[0]!)
    const load = `${plan.channels} × ${members}, saturated`
    const turns = { rounds: extent.rounds, floorSeconds: extent.seconds, measurement: saturated(extent) }
    await floor.measure(extent.seconds / 3)
    const found = await inTurns(crowds, turns, floor)
    const id = `members/${members}`
    const rest = { mode: GCM, lanes: 1, ratio: 1, base: 'floor', microseconds: found.floor ?? Number.NaN }
    yield { id: `${id}/floor`, load, engine: 'floor', ...rest }
    for (const [index, engine] of ENGINES.entries()) yield row(id, load, engine, found.outcomes[index]!)
    if (members === MEMBERS) yield* byMode(extent, crowds, load)
    floor.close()
    await empty(crowds)
  }
}

/** Each mode relative to AES-GCM on the same node, interleaved with it. */
async function* byMode(extent: Extent, crowds: readonly Crowd[], load: string): AsyncGenerator<Row> {
  const modes = [GCM, ...extent.modes.filter(mode => mode !== GCM)]
  for (const [engine, crowd] of ENGINES.map((engine, index) => [engine, crowds[index]!] as const)) {
    const rounds = await collectRounds(extent.rounds, modes, async mode => {
      await crowd.changeMode(mode)
      return measureLoad(crowd, saturated(extent))
    })
    for (const [index, mode] of modes.entries())
      if (mode !== GCM) yield row(`mode/${mode}`, load, engine, toBase(rounds, index), { mode, base: 'AES-GCM' })
  }
}

/** Measures all items once per round. */
async function collectRounds<T>(
  rounds: number,
  all: readonly T[],
  measure: (one: T) => Promise<LoadFigures>,
): Promise<LoadFigures[][]> {
  const collected: LoadFigures[][] = []
  for (let round = 0; round < rounds; round++) {
    const figures: LoadFigures[] = []
    for (const one of all) figures.push(await measure(one))
    collected.push(figures)
  }
  return collected
}

/** Saturated, by number of lanes. Ratios are relative to one lane. */
export async function* byLanes(extent: Extent): AsyncGenerator<Row> {
  const plan = { ...BASE, members: MEMBERS, channels: Math.max(4, Math.floor(extent.allMembers / MEMBERS)) }
  const crowds = await Promise.all(extent.lanes.map(lanes => fill('ffi', plan, lanes)))
  const turns = { rounds: extent.rounds, floorSeconds: 0, measurement: saturated(extent) }
  const { outcomes } = await inTurns(crowds, turns)
  const load = `${plan.channels} × ${MEMBERS}, saturated`
  for (const [index, lanes] of extent.lanes.entries())
    yield row(`lanes/${lanes}`, load, 'ffi', outcomes[index]!, { lanes, base: '1 lane' })
  await empty(crowds)
}

/** Typical load: twenty calls of 25 with one speaker each, with and without churn. Ratios are relative to the portable engine. */
export async function* paced(extent: Extent): AsyncGenerator<Row> {
  const plan = { ...BASE, channels: 20, visitors: 5 }
  const seconds = extent.seconds * 3
  const measurement: Measurement = { pace: { kind: 'paced', perSecond: 50 }, warmUp: seconds / 4, seconds }
  const engines = ENGINES.toReversed()
  const crowds = await Promise.all(engines.map(engine => fill(engine, plan)))
  const rejoin = separateCores(crowds.map(({ node }) => node.pid))
  const turns = { rounds: extent.rounds, floorSeconds: 0, measurement }
  const calm = await inTurns(crowds, turns)
  const base = 'portable'
  for (const [index, engine] of engines.entries())
    yield row('paced', '20 × 25, 50/s each', engine, calm.outcomes[index]!, { base })
  const busy = await inTurns(crowds, { ...turns, measurement: { ...measurement, churn: extent.churn } })
  const load = `20 × 25, ${extent.churn} joins and leaves/s`
  rejoin()
  for (const [index, engine] of engines.entries()) yield row('churn', load, engine, busy.outcomes[index]!, { base })
  await empty(crowds)
}

/** A saturated lane without gateway, channels and metrics. Listeners are Discord clients or WebRTC clients. */
export async function* alone(extent: Extent): AsyncGenerator<Row> {
  const protections = [GCM, ...extent.profiles]
  const { seconds, alone: members, engines } = extent
  const found = await benchPacketEngines({ seconds, members, protections, engines })
  for (const { engine, protection, members, ratio, toFirst, microseconds, opened, wrong } of found) {
    const isBase = protection === GCM
    const load = `${members} members, lane only`
    const figures = { ratio: isBase ? ratio : toFirst, microseconds, checked: opened, wrong }
    const id = isBase ? `alone/${members}/${engine}` : `alone/${members}/${protection}/${engine}`
    yield { id, load, engine, mode: protection, lanes: 1, base: isBase ? 'floor' : 'AES-GCM', ...figures }
  }
}

/** A channel whose listeners are WebRTC clients, relative to a channel whose listeners are Discord clients. */
export async function* browsers(extent: Extent): AsyncGenerator<Row> {
  const plan = { ...BASE, members: extent.listeners + 1 }
  const crowds = [await fill('ffi', plan), await fill('ffi', { ...plan, browsers: true })]
  const seconds = extent.seconds * 2
  const paces: [load: string, measurement: Measurement][] = [
    ['saturated', saturated(extent)],
    ['paced', { pace: { kind: 'paced', perSecond: 50 }, warmUp: seconds / 4, seconds }],
  ]
  for (const [pace, measurement] of paces) {
    const { outcomes } = await inTurns(crowds, { rounds: extent.rounds, floorSeconds: 0, measurement })
    for (const [index, kind] of (['Discord', 'WebRTC'] as const).entries()) {
      const mode = kind === 'Discord' ? GCM : WEBRTC_PROFILE
      const load = `1 × ${extent.listeners} ${kind} listeners, ${pace}`
      yield row(`browsers/${pace}/${kind}`, load, 'ffi', outcomes[index]!, { mode, base: 'Discord' })
    }
  }
  await empty(crowds)
}

/** The same packet rate from more and more channels. Ratios are relative to the fewest channels. */
export async function* byChannels(extent: Extent): AsyncGenerator<Row> {
  const engine = ENGINES[0]!
  const crowds = await Promise.all(
    extent.channels.map(channels => fill(engine, { ...BASE, members: GROWTH_MEMBERS, channels })),
  )
  const rejoin = separateCores(crowds.map(({ node }) => node.pid))
  const seconds = extent.seconds * 2
  const rounds = await collectRounds(extent.rounds, crowds, crowd => {
    const perSecond = GROWTH_RATE / crowd.plan.channels
    return measureLoad(crowd, { pace: { kind: 'paced', perSecond }, warmUp: seconds / 4, seconds })
  })
  rejoin()
  const base = `${extent.channels[0]} channels`
  for (const [index, channels] of extent.channels.entries())
    yield row(`channels/${channels}`, `${channels} × 5, ${GROWTH_RATE}/s in total`, engine, toBase(rounds, index), {
      base,
    })
  await empty(crowds)
}
