// Parley, Mumble's server, mediasoup and two C++ programs under the same paced load, in interleaved rounds; of video, Parley and mediasoup.
import { compileFloor, NativeFloor, type NativeVariant } from '../floor/native-floor.ts'
import { separateCores } from '../load/cores.ts'
import { Crowd } from '../load/crowd.ts'
import { type LoadFigures, type Measurement, measureLoad } from '../load/measure.ts'
import type { Plan } from '../load/plan.ts'
import { NodeProcess } from '../node/node-process.ts'
import { round } from '../report/rows.ts'
import { toBase } from '../report/turns.ts'
import { SCREENS, VIDEO_WARM_UP } from '../report/video-scenarios.ts'
import { findMediasoup, type Mediasoup } from './mediasoup/mediasoup-library.ts'
import { openMediasoup } from './mediasoup/mediasoup-members.ts'
import { openMumble } from './mumble/mumble-members.ts'
import { findMumble } from './mumble/mumble-server.ts'
import { PeerLoad, type PeerServer } from './peer-load.ts'

const PACE = { kind: 'paced', perSecond: 50 } as const
/** Seconds of warm-up before each turn after the first: the others ran since. */
const AGAIN = 0.5
const VARIANTS: readonly NativeVariant[] = ['sendto', 'sendmmsg']

export interface PeerExtent {
  rounds: number
  seconds: number
  /** Seconds before the first round: V8 compiles what is used often. */
  warmUp: number
  /** Numbers of rooms. */
  rooms: readonly number[]
}

export interface PeerRow extends LoadFigures {
  /** What all servers were sent. */
  load: string
  /** Rooms of an audio load. */
  rooms?: number
  server: string
  /** Parley's CPU per copy relative to this server's: the median of the rounds. */
  ratio: number
}

export interface Peers {
  rows: PeerRow[]
  /** Servers that were not measured, and why. */
  absent: { server: string; reason: string }[]
}

/** The servers beside Parley that this machine has. `refusal`: why there is no C++ floor. */
interface Found {
  readonly mumble: string | undefined
  readonly mediasoup: Mediasoup | undefined
  readonly refusal: string | undefined
}

interface Peer {
  readonly server: string
  readonly pid: number
  measure(measurement: Measurement): Promise<LoadFigures>
  close(): Promise<void>
}

export const SCREENS_LOAD = '4 screens × 20 viewers'
export const PARLEY = 'Parley'
export const MUMBLE = 'Mumble'
export const MEDIASOUP = 'mediasoup'
export const nameOfFloor = (variant: NativeVariant): string => `C++ floor, ${variant}`

export async function benchPeers(base: Plan, { rounds, seconds, warmUp, rooms }: PeerExtent): Promise<Peers> {
  const found = { mumble: findMumble(), mediasoup: await findMediasoup(), refusal: compileFloor() }
  const rows: PeerRow[] = []
  for (const channels of rooms) {
    const turns = { rounds, seconds, warmUp }
    const peers = await openAll({ ...base, channels }, found)
    for (const row of await inRounds(peers, `${channels} rooms`, turns)) rows.push({ rooms: channels, ...row })
  }
  // A viewer of video begins with a keyframe.
  const turns = { rounds, seconds, warmUp: Math.max(warmUp, VIDEO_WARM_UP) }
  rows.push(...(await inRounds(await openForVideo(SCREENS, found), SCREENS_LOAD, turns)))
  return { rows, absent: absences(found) }
}

/** Measures the peers in turns, and closes them. `warmUp`: seconds before the first turn. */
async function inRounds(
  peers: readonly Peer[],
  load: string,
  { rounds, seconds, warmUp }: Omit<PeerExtent, 'rooms'>,
): Promise<PeerRow[]> {
  const measurement = { pace: PACE, isProbing: false }
  const rejoin = separateCores(peers.map(({ pid }) => pid))
  for (const peer of peers) await peer.measure({ ...measurement, warmUp, seconds: 0.1 })
  const turns: LoadFigures[][] = []
  for (let turn = 0; turn < rounds; turn++) {
    const figures: LoadFigures[] = []
    for (const peer of peers) figures.push(await peer.measure({ ...measurement, warmUp: AGAIN, seconds }))
    turns.push(figures)
  }
  for (const peer of peers.toReversed()) await peer.close()
  rejoin()
  const whole = turns.filter((figures, turn) => isWhole(peers, figures, `${load}, round ${turn + 1}`))
  if (whole.length === 0) throw new Error(`${load}: no round in which all servers forwarded packets`)
  return peers.map(({ server }, index) => {
    const { ratio, ...figures } = toBase(whole, index)
    console.error(`  ${load}, ${server}: ${figures.microseconds.toFixed(1)} µs`)
    return { load, server, ratio: 1 / ratio, ...figures }
  })
}

/** Whether all servers forwarded packets. A round without is left out, visibly: it would count as infinite CPU of that server. */
function isWhole(peers: readonly Peer[], figures: readonly LoadFigures[], round: string): boolean {
  const silent = figures.findIndex(({ packetsPerSecond }) => packetsPerSecond === 0)
  if (silent < 0) return true
  const { sent, ended } = figures[silent]!
  console.error(
    `  ${round}: left out, ${peers[silent]!.server} forwarded nothing; the load sent ${sent} packets, ${ended} connections ended`,
  )
  return false
}

/** Parley, and the other servers that forward video. */
async function openForVideo(plan: Plan, { mediasoup }: Found): Promise<Peer[]> {
  const peers = [(await openParley(plan)).peer]
  if (mediasoup !== undefined)
    peers.push(await openPeer(MEDIASOUP, plan, ports => openMediasoup(mediasoup, plan, ports)))
  return peers
}

async function openParley(plan: Plan): Promise<{ crowd: Crowd; peer: Peer }> {
  const node = await NodeProcess.start(`capacity.sessions=${plan.channels * plan.members * 2}`)
  const crowd = await Crowd.open(node, plan)
  await crowd.join()
  const peer: Peer = {
    server: PARLEY,
    pid: node.pid,
    measure: measurement => measureLoad(crowd, measurement),
    close: async () => {
      await crowd.close()
      await node.stop()
    },
  }
  return { crowd, peer }
}

/** Parley comes first; the C++ programs serve its members with their keys. */
async function openAll(plan: Plan, { mumble, mediasoup, refusal }: Found): Promise<Peer[]> {
  const { crowd, peer } = await openParley(plan)
  const peers: Peer[] = [peer]
  if (mumble !== undefined) peers.push(await openPeer(MUMBLE, plan, () => openMumble(mumble, plan)))
  if (mediasoup !== undefined)
    peers.push(await openPeer(MEDIASOUP, plan, ports => openMediasoup(mediasoup, plan, ports)))
  for (const variant of refusal === undefined ? VARIANTS : []) {
    const floor = await NativeFloor.open(crowd, variant)
    const measure = (measurement: Measurement) => floor.measure(measurement)
    peers.push({ server: nameOfFloor(variant), pid: floor.pid, measure, close: async () => floor.close() })
  }
  return peers
}

async function openPeer(server: string, plan: Plan, open: (ports: readonly number[]) => Promise<PeerServer>) {
  const load = await PeerLoad.open(plan, open)
  const measure = (measurement: Measurement) => measureLoad(load, measurement)
  return { server, pid: load.node.pid, measure, close: () => load.close() }
}

function absences({ mumble, mediasoup, refusal }: Found): Peers['absent'] {
  const absent: Peers['absent'] = []
  if (mumble === undefined) absent.push({ server: MUMBLE, reason: 'mumble-server is not installed' })
  if (mediasoup === undefined) absent.push({ server: MEDIASOUP, reason: 'mediasoup is not installed' })
  if (refusal !== undefined) absent.push({ server: 'C++ floor', reason: refusal })
  return absent
}

export function printPeers({ rows, absent }: Peers): void {
  console.table(
    rows.map(({ load, server, microseconds, ratio, latency, loss, checked, wrong }) => ({
      load,
      server,
      'µs CPU per copy': round(microseconds, 1),
      'Parley to it': round(ratio, 2),
      'p50 µs': round(latency?.p50),
      'p99 µs': round(latency?.p99),
      'loss %': round(loss * 100, 2),
      checked,
      wrong,
    })),
  )
  for (const { server, reason } of absent) console.log(`${server}: not measured, ${reason}`)
}

/** Throws if a server's packets were wrong, or none arrived. */
export function checkPeers({ rows }: Peers): void {
  const bad = rows.find(({ wrong, checked }) => wrong > 0 || checked === 0)
  if (bad !== undefined) throw new Error(`wrong packets, or none, from ${bad.server}`)
}
