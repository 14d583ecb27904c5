// Performance aims and the measured values.
import { type ClusterFigures, perMessage } from '../cluster/cluster-figures.ts'
import type { DaveRow } from '../dave/group.ts'
import { addedByRekey, type RekeyFigures } from '../dave/rekey.ts'
import type { MessageCost } from '../node/message-cost.ts'
import type { NodeFigures } from '../node/node-figures.ts'
import type { StartFigure } from '../node/process-start.ts'
import { MEDIASOUP, MUMBLE, nameOfFloor, type Peers, SCREENS_LOAD } from '../peers/peers.ts'
import type { BridgeReport } from '../spacebar/bridge-figures.ts'
import type { BandwidthFigures } from '../video/bandwidth.ts'
import type { Row } from './rows.ts'

export interface Aim {
  aim: string
  wanted: string
  /** The measured value; undefined if this run did not measure it. */
  found: number | undefined
  isReached: boolean | undefined
}

/** Results of a run; parts that it did not measure are absent. */
export interface Found {
  /** With few members and joins V8 has compiled little, and the heap's steps are larger than what members need. */
  isReduced: boolean
  peers: Peers | undefined
  rows: readonly Row[]
  node: NodeFigures | undefined
  start: readonly StartFigure[] | undefined
  messages: readonly MessageCost[] | undefined
  dave: { groups: readonly DaveRow[]; rekey: RekeyFigures } | undefined
  video: BandwidthFigures | undefined
  bridge: BridgeReport | undefined
  cluster: ClusterFigures | undefined
}

const KILOBYTE = 1_000
/** Call size of the aims for encryption. */
const CALL = 100

export const aimsOf = ({
  isReduced,
  peers,
  rows,
  node,
  start,
  messages,
  dave,
  video,
  bridge,
  cluster,
}: Found): Aim[] => [
  ...(peers === undefined ? [] : peerAims(peers)),
  ...forwardingAims(rows),
  ...(isReduced ? [] : nodeAims(node)),
  ...(start === undefined ? [] : startAims(start)),
  aim(`LVSP or gateway message, ${most(sizes(messages)) ?? 'many'} channels, median, ms`, 0.1, slowest(messages)),
  aim(`CPU to accept a commit, ${CALL} members, ms`, 2, longestCommit(dave?.groups ?? [])),
  ...(isReduced ? [] : [aim(`added delay while ${CALL} members change keys, ms`, 5, dave && addedByRekey(dave.rekey))]),
  ...(video === undefined ? [] : videoAims(video)),
  ...(bridge === undefined ? [] : bridgeAims(bridge)),
  ...(cluster === undefined ? [] : clusterAims(cluster)),
]

const nodeAims = (node: NodeFigures | undefined): Aim[] => [
  aim(`memory per member, ${node?.memory.members ?? 'many'} members, kB`, 30, kilobytes(node?.memory.bytesPerMember)),
  aim('memory per WebRTC member, kB', 45, kilobytes(node?.browserMemory.bytesPerMember)),
  aim('CPU of a WebRTC client’s join, ms', 3, node?.cost.browser.together),
]

const startAims = (figures: readonly StartFigure[]): Aim[] => {
  const of = (what: string) => figures.find(figure => figure.what.startsWith(what))?.cpu
  return [
    aim('CPU until parley dev is ready, as installed, ms', 300, of('parley dev, as installed')),
    aim('CPU of the first createTestServer of a process, ms', 50, of('createTestServer, the first')),
  ]
}

/** Parts of 1 are printed as what is missing, so that every aim is an upper bound. */
const videoAims = ({
  estimates,
  steps,
  reported,
  changing,
  flapping,
  starts,
  crowd,
  independence,
}: BandwidthFigures): Aim[] => [
  aim('time outside 0.7–1.05 of the link, worst link, %', 5, most(estimates.map(({ inside }) => 100 * (1 - inside)))),
  aim('time outside 0.7–1.05 of random links that change, %', 5, 100 * (1 - changing.inside)),
  aim('audio packets lost to video, worst link, %', 0, most(estimates.map(({ audioLost }) => 100 * audioLost))),
  aim('packets to the viewers of a call of 25 that a full queue drops', 0, most(crowd.map(({ dropped }) => dropped))),
  aim('changes of layer per minute, varying camera, worst link', 3, most(flapping.map(({ switches }) => switches))),
  aim('packets of the first three seconds that a full queue drops', 0, most(starts.map(({ dropped }) => dropped))),
  aim('lower layer after the link fell, worst median, ms', 500, most(medians(steps, (from, to) => to < from))),
  aim('better layer after the link rose, worst median, ms', 1_000, most(medians(steps, (from, to) => to > from))),
  aim(
    'packets to a Discord client that a full queue drops, worst link, %',
    5,
    most(reported.map(({ dropped }) => 100 * dropped)),
  ),
  aim('change for a viewer beside weak ones in a call of 25, %', 1, 100 * Math.abs(1 - independence)),
]
const medians = (steps: BandwidthFigures['steps'], isChosen: (from: number, to: number) => boolean) =>
  steps.filter(({ from, to }) => isChosen(from, to)).map(({ p50 }) => p50)

/** Rates as times: a second of 200 joins, and of 50,000 messages. */
const bridgeAims = ({ discard, joins, checkedJoins, delay }: BridgeReport): Aim[] => [
  aim('a join through the bridge to Spacebar, many at once, ms', 5, 1_000 / (checkedJoins ?? joins).perSecond),
  aim('delay that the bridge to Spacebar adds to a join, median, ms', 20, delay.added),
  aim('a foreign message on the bus of Spacebar, µs', 20, 1e6 / discard.perSecond),
]

/** A rate as a time: a second of 1,000 placements. */
const clusterAims = ({ placement, message, forwarding }: ClusterFigures): Aim[] => [
  aim('a placement in a cluster, many at once, ms', 1, 1_000 / placement.perSecond),
  aim('CPU of a front per LVSP message, relative to a node', 2, perMessage(message)),
  aim(
    `CPU per copy on ${forwarding.at(-1)?.nodes} nodes, relative to one`,
    1.15,
    (forwarding.at(-1)?.microseconds ?? Number.NaN) / (forwarding[0]?.microseconds ?? Number.NaN),
  ),
]

/** Rooms of the aim for the median latency. */
const ROOMS = 20

function peerAims({ rows }: Peers): Aim[] {
  const of = (server: string, rooms: number) => rows.find(row => row.server === server && row.rooms === rooms)
  const screens = (server: string) => rows.find(row => row.server === server && row.load === SCREENS_LOAD)
  const [parley, mumble] = [rows.find(({ rooms }) => rooms === ROOMS), of(MUMBLE, ROOMS)]
  const share = (which: 'p50' | 'p99') =>
    parley?.latency && mumble?.latency && parley.latency[which] / mumble.latency[which]
  return [
    aim('paced, 4 rooms of 25, relative to Mumble', 1, of(MUMBLE, 4)?.ratio),
    aim('paced, 10 rooms of 25, relative to Mumble', 1, of(MUMBLE, 10)?.ratio),
    aim('paced, 20 rooms of 25, relative to Mumble', 0.87, of(MUMBLE, ROOMS)?.ratio),
    aim('paced, 20 rooms of 25, relative to mediasoup', 0.7, of(MEDIASOUP, ROOMS)?.ratio),
    aim('paced, 20 rooms of 25, relative to the C++ floor with sendto', 1.15, of(nameOfFloor('sendto'), ROOMS)?.ratio),
    aim('video, four screens for 20 viewers, relative to mediasoup', 0.5, screens(MEDIASOUP)?.ratio),
    aim('median latency, 20 rooms, relative to Mumble', 1, share('p50')),
    aim('latency, p99, 20 rooms, relative to Mumble', 2, share('p99')),
  ]
}

function forwardingAims(rows: readonly Row[]): Aim[] {
  const of = (id: string) => rows.find(row => row.id === id)
  const growth = rows.filter(({ id }) => id.startsWith('channels/'))
  const acks = rows.flatMap(({ load, engine, heartbeat }) =>
    load.endsWith('saturated') && engine === 'ffi' && heartbeat !== undefined ? [heartbeat.p99] : [],
  )
  const srtp = rows.filter(({ id, engine, mode }) => isAlone(id) && engine === 'ffi' && isSrtpGcm(mode))
  return [
    aim('saturated, 100 members, relative to the floor', 1.2, of('members/100/ffi')?.ratio),
    aim('saturated, 10 members, relative to the floor', 1.35, of('members/10/ffi')?.ratio),
    aim('saturated, 25 members, relative to the C++ floor', 1.2, of('native/25/ffi')?.ratio),
    aim('saturated, one channel of 500, relative to the C++ floor', 1.2, of('native/500/ffi')?.ratio),
    aim('saturated, one channel of 1,000, relative to the C++ floor', 1.2, of('native/1000/ffi')?.ratio),
    aim('paced, relative to the portable engine', 0.45, of('paced/ffi')?.ratio),
    aim('XChaCha20, relative to AES-GCM', 1.35, of('mode/aead_xchacha20_poly1305_rtpsize/ffi')?.ratio),
    aim('SRTP with AES-GCM, relative to Discord’s AES-GCM', 1.1, most(srtp.map(({ ratio }) => ratio))),
    aim(`${growth.at(-1)?.load ?? 'many channels'}, relative to the fewest channels`, 1.15, growth.at(-1)?.ratio),
    aim('added latency, paced, median, ms', 0.2, milliseconds(of('paced/ffi')?.latency?.p50)),
    aim('heartbeat acknowledgement while saturated, p99, ms', 100, most(acks)),
  ]
}

const isAlone = (id: string) => id.startsWith('alone/')
const isSrtpGcm = (mode: string) => mode.startsWith('SRTP_AEAD')
const most = (values: readonly number[]) => (values.length > 0 ? Math.max(...values) : undefined)
const longestCommit = (groups: readonly DaveRow[]) =>
  most(groups.filter(({ members }) => members === CALL).map(({ accept }) => accept))
const sizes = (messages: readonly MessageCost[] = []) => messages.map(({ channels }) => channels)
/** The median of the most expensive message. A turn of a sliced operation is not a message. */
const slowest = (messages: readonly MessageCost[] = []) =>
  milliseconds(most(messages.filter(({ message }) => !message.endsWith('turn')).map(each => each.median)))
const milliseconds = (microseconds: number | undefined) => microseconds && microseconds / 1_000
const kilobytes = (bytes: number | undefined) => bytes && bytes / KILOBYTE

const aim = (name: string, limit: number, found: number | undefined): Aim => ({
  aim: name,
  wanted: `≤ ${limit}`,
  found,
  isReached: found === undefined ? undefined : found <= limit,
})
