// Parley, Mumble's server, mediasoup and two C++ programs under the same paced load, in interleaved rounds.
import { compileFloor, NativeFloor, type NativeVariant } from '../floor/native-floor.ts'
import { Crowd } from '../load/crowd.ts'
import { type LoadFigures, type Measurement, measureLoad } from '../load/measure.ts'
import type { Plan } from '../load/plan.ts'
import { NodeProcess } from '../node/node-process.ts'
import { round } from '../report/rows.ts'
import { toBase } from '../report/turns.ts'
import { findMediasoup, type Mediasoup } from './mediasoup/mediasoup-library.ts'
import { openMediasoup } from './mediasoup/mediasoup-members.ts'
import { openMumble } from './mumble/mumble-members.ts'
import { findMumble } from './mumble/mumble-server.ts'
import { PeerLoad, type PeerServer } from './peer-load.ts'

const PACKETS_PER_SECOND = 50
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
  rooms: number
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
  measure(measurement: Measurement): Promise<LoadFigures>
  close(): Promise<void>
}

export const PARLEY = 'Parley'
export const MUMBLE = 'Mumble'
export const MEDIASOUP = 'mediasoup'
export const nameOfFloor = (variant: NativeVariant): string => `C++ floor, ${variant}`

export async function benchPeers(base: Plan, { rounds, seconds, warmUp, rooms }: PeerExtent): Promise<Peers> {
  const found = { mumble: findMumble(), mediasoup: await findMediasoup(), refusal: compileFloor() }
  const rows: PeerRow[] = []
  for (const channels of rooms) {
    const peers = await openAll({ ...base, channels }, found)
    const pace = { kind: 'paced', perSecond: PACKETS_PER_SECOND } as const
    for (const peer of peers) await peer.measure({ pace, warmUp, seconds: 0.1, isProbing: false })
    const turns: LoadFigures[][] = []
    for (let turn = 0; turn < rounds; turn++) {
      const figures: LoadFigures[] = []
      for (const peer of peers) figures.push(await peer.measure({ pace, warmUp: 0.5, seconds, isProbing: false }))
      turns.push(figures)
    }
    for (const [index, { server }] of peers.entries()) {
      const { ratio, ...figures } = toBase(turns, index)
      rows.push({ rooms: channels, server, ratio: 1 / ratio, ...figures })
      console.error(`  ${channels} rooms, ${server}: ${figures.microseconds.toFixed(1)} µs`)
    }
    for (const peer of peers.toReversed()) await peer.close()
  }
  return { rows, absent: absences(found) }
}

/** Parley comes first; the C++ programs serve its members with their keys. */
async function openAll(plan: Plan, { mumble, mediasoup, refusal }: Found): Promise<Peer[]> {
  const node = await NodeProcess.start(`capacity.sessions=${plan.channels * plan.members * 2}`)
  const crowd = await Crowd.open(node, plan)
  await crowd.join()
  const peers: Peer[] = [
    {
      server: PARLEY,
      measure: measurement => measureLoad(crowd, measurement),
      close: async () => {
        await crowd.close()
        await node.stop()
      },
    },
  ]
  if (mumble !== undefined) peers.push(await openPeer(MUMBLE, plan, () => openMumble(mumble, plan)))
  if (mediasoup !== undefined)
    peers.push(await openPeer(MEDIASOUP, plan, ports => openMediasoup(mediasoup, plan, ports)))
  for (const variant of refusal === undefined ? VARIANTS : []) {
    const floor = await NativeFloor.open(crowd, variant)
    const measure = (measurement: Measurement) => floor.measure(measurement)
    peers.push({ server: nameOfFloor(variant), measure, close: async () => floor.close() })
  }
  return peers
}

async function openPeer(server: string, plan: Plan, open: (ports: readonly number[]) => Promise<PeerServer>) {
  const load = await PeerLoad.open(plan, open)
  return { server, measure: (measurement: Measurement) => measureLoad(load, measurement), close: () => load.close() }
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
    rows.map(({ rooms, server, microseconds, ratio, latency, loss, checked, wrong }) => ({
      rooms,
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
