// Video through a whole node: four screens that 20 members watch, and a call in which all have cameras with two layers.
import { Crowd } from '../load/crowd.ts'
import type { Measurement } from '../load/measure.ts'
import type { Plan } from '../load/plan.ts'
import { NodeProcess } from '../node/node-process.ts'
import type { Row } from './rows.ts'
import { BASE, type Extent, empty, GCM } from './scenarios.ts'
import { inTurns } from './turns.ts'

const SILENT: Plan = { ...BASE, speakers: 0 }
/** 1080p at 60 frames a second. */
const SCREEN = { framesPerSecond: 60, bitsPerSecond: 8e6 }
const SCREEN_SENDERS = 4
const SCREEN_VIEWERS = 20
/** Four screens at 1080p60 that 20 others watch: 74,000 copies a second. */
export const SCREENS: Plan = {
  ...SILENT,
  members: SCREEN_SENDERS + SCREEN_VIEWERS,
  video: { kind: 'screen', senders: SCREEN_SENDERS, viewers: SCREEN_VIEWERS, layers: [SCREEN] },
}
/** What Discord clients send of a camera: 720p at 30 frames a second, and a small picture. */
const CAMERA = [
  { framesPerSecond: 30, bitsPerSecond: 150e3 },
  { framesPerSecond: 30, bitsPerSecond: 2.5e6 },
]
/** Each member has one of the others large and 23 small. */
const CAMERAS: Plan = { ...SILENT, video: { kind: 'camera', senders: 25, viewers: 25, layers: CAMERA } }

/** Longer than the time between two keyframes, with which a viewer begins. */
export const VIDEO_WARM_UP = 4
/** The pace of audio, of which there is none. */
export const VIDEO_PACE = { kind: 'paced', perSecond: 50 } as const

const LOADS: readonly [id: string, load: string, plan: Plan][] = [
  ['screens', '4 screens at 1080p60, 20 viewers', SCREENS],
  ['cameras', '25 cameras in two layers', CAMERAS],
]

/** Starts a node on one lane, where the channel is, and joins all members of a plan. */
async function fill(plan: Plan): Promise<Crowd> {
  const crowd = await Crowd.open(await NodeProcess.start('media.engine=ffi', 'media.lanes=1'), plan)
  await crowd.join()
  return crowd
}

/** Paced as encoders send. The loads take turns; ratios are relative to the first. */
export async function* byVideo({ rounds, seconds }: Extent): AsyncGenerator<Row> {
  const measurement: Measurement = { pace: VIDEO_PACE, warmUp: VIDEO_WARM_UP, seconds: seconds * 4 }
  const crowds: Crowd[] = []
  for (const [, , plan] of LOADS) crowds.push(await fill(plan))
  const { outcomes } = await inTurns(crowds, { rounds, floorSeconds: 0, measurement })
  for (const [index, [id, load]] of LOADS.entries())
    yield { id: `video/${id}`, load, engine: 'ffi', mode: GCM, lanes: 1, base: 'screens', ...outcomes[index]! }
  await empty(crowds)
}
