// What a node is meant to reach, and what was found.
import type { DaveRow } from '../dave/group.ts'
import { addedByRekey, type RekeyFigures } from '../dave/rekey.ts'
import type { NodeFigures } from '../node/node-figures.ts'
import type { Row } from './rows.ts'

export interface Aim {
  aim: string
  wanted: string
  /** Undefined if this run did not measure it. */
  found: number | undefined
  isReached: boolean | undefined
}

/** What a run found; what it did not measure is absent. */
export interface Found {
  rows: readonly Row[]
  node: NodeFigures | undefined
  dave: { groups: readonly DaveRow[]; rekey: RekeyFigures } | undefined
}

const KILOBYTE = 1_000
/** The size of call for which encryption has aims. */
const CALL = 100

export const aimsOf = ({ rows, node, dave }: Found): Aim[] => [
  ...forwardingAims(rows),
  aim(`memory per member, ${node?.memory.members ?? 'many'} of them, kB`, 40, kilobytes(node?.memory.bytesPerMember)),
  aim('CPU of a browser’s join, ms', 3, node?.cost.browser.together),
  aim(`a commit accepted, ${CALL} members, ms`, 2, longestCommit(dave?.groups ?? [])),
  aim(`packets later while ${dave?.rekey.members ?? CALL} change keys, ms`, 5, dave && addedByRekey(dave.rekey)),
]

function forwardingAims(rows: readonly Row[]): Aim[] {
  const of = (id: string) => rows.find(row => row.id === id)
  const growth = rows.filter(({ id }) => id.startsWith('channels/'))
  const acks = rows.flatMap(({ load, engine, heartbeat }) =>
    load.endsWith('saturated') && engine === 'ffi' && heartbeat !== undefined ? [heartbeat.p99] : [],
  )
  const srtp = rows.filter(({ id, engine, mode }) => isAlone(id) && engine === 'ffi' && isSrtpGcm(mode))
  return [
    aim('saturated, 100 members, to the floor', 1.2, of('members/100/ffi')?.ratio),
    aim('saturated, 10 members, to the floor', 1.35, of('members/10/ffi')?.ratio),
    aim('paced, to the portable engine', 0.45, of('paced/ffi')?.ratio),
    aim('XChaCha20, to AES-GCM', 1.35, of('mode/aead_xchacha20_poly1305_rtpsize/ffi')?.ratio),
    aim('SRTP with AES-GCM, to Discord’s', 1.1, most(srtp.map(({ ratio }) => ratio))),
    aim(`${growth.at(-1)?.load ?? 'many channels'}, to the fewest channels`, 1.15, growth.at(-1)?.ratio),
    aim('added latency, paced, median, ms', 0.2, milliseconds(of('paced/ffi')?.latency?.p50)),
    aim('answer to a heartbeat while saturated, p99, ms', 100, most(acks)),
  ]
}

const isAlone = (id: string) => id.startsWith('alone/')
const isSrtpGcm = (mode: string) => mode.startsWith('SRTP_AEAD')
const most = (values: readonly number[]) => (values.length > 0 ? Math.max(...values) : undefined)
const longestCommit = (groups: readonly DaveRow[]) =>
  most(groups.filter(({ members }) => members === CALL).map(({ accept }) => accept))
const milliseconds = (microseconds: number | undefined) => microseconds && microseconds / 1_000
const kilobytes = (bytes: number | undefined) => bytes && bytes / KILOBYTE

const aim = (name: string, limit: number, found: number | undefined): Aim => ({
  aim: name,
  wanted: `≤ ${limit}`,
  found,
  isReached: found === undefined ? undefined : found <= limit,
})
