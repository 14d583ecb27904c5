// Parley, Mumble's server and two C++ programs under the same paced load, in interleaved rounds.
import { compileFloor, NativeFloor, type NativeVariant } from '../floor/native-floor.ts'
import { Crowd } from '../load/crowd.ts'
import { type LoadFigures, type Measurement, measureLoad } from '../load/measure.ts'
import type { Plan } from '../load/plan.ts'
import { NodeProcess } from '../node/node-process.ts'
import { round } from '../report/rows.ts'
import { toBase } from '../report/turns.ts'
import { MumbleLoad } from './mumble/mumble-load.ts'
import { findMumble } from './mumble/mumble-server.ts'

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

interface Peer {
  readonly server: string
  measure(measurement: Measurement): Promise<LoadFigures>
  close(): Promise<void>
}

export const PARLEY = 'Parley'
export const MUMBLE = 'Mumble'
export const nameOfFloor = (variant: NativeVariant): string => `C++ floor, ${variant}`

export async function benchPeers(base: Plan, { rounds, seconds, warmUp, rooms }: PeerExtent): Promise<Peers> {
  const program = findMumble()
  const refusal = compileFloor()
  const rows: PeerRow[] = []
  for (const channels of rooms) {
    const peers = await openAll({ ...base, channels }, program, refusal)
    const pace = { kind: 'paced', perSecond: PACKETS_PER_SECOND } as const
    for (const peer of peers) await peer.measure({ pace, warmUp, seconds: 0.1, isProbing: false })
    const found: LoadFigures[][] = []
    for (let turn = 0; turn < rounds; turn++) {
      const figures: LoadFigures[] = []
      for (const peer of peers) figures.push(await peer.measure({ pace, warmUp: 0.5, seconds, isProbing: false }))
      found.push(figures)
    }
    for (const [index, { server }] of peers.entries()) {
      const { ratio, ...figures } = toBase(found, index)
      rows.push({ rooms: channels, server, ratio: 1 / ratio, ...figures })
      console.error(`  ${channels} rooms, ${server}: ${figures.microseconds.toFixed(1)} µs`)
    }
    for (const peer of peers.toReversed()) await peer.close()
  }
  return { rows, absent: absences(program, refusal) }
}

/** Parley comes first; the C++ programs serve its members with their keys. */
async function openAll(plan: Plan, program: string | undefined, refusal: string | undefined): Promise<Peer[]> {
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
  if (program !== undefined) {
    const load = await MumbleLoad.open(program, plan)
    peers.push({ server: MUMBLE, measure: measurement => measureLoad(load, measurement), close: () => load.close() })
  }
  for (const variant of refusal === undefined ? VARIANTS : []) {
    const floor = await NativeFloor.open(crowd, variant)
    const measure = (measurement: Measurement) => floor.measure(measurement)
    peers.push({ server: nameOfFloor(variant), measure, close: async () => floor.close() })
  }
  return peers
}

function absences(program: string | undefined, refusal: string | undefined): Peers['absent'] {
  const absent: Peers['absent'] = []
  if (program === undefined) absent.push({ server: MUMBLE, reason: 'mumble-server is not installed' })
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
