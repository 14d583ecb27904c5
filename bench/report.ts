// `npm run bench`: measures everything in one run and prints tables. Fails on wrong packets, never because of a duration.
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, platform, release } from 'node:os'
import { parseArgs } from 'node:util'
import { SrtpProfile, VoiceMode } from '@parley/protocol'
import { hasNats } from './cluster/bench-cluster.ts'
import { type ClusterExtent, checkCluster, measureCluster, printCluster } from './cluster/cluster-figures.ts'
import { benchDave, printDave } from './dave/group.ts'
import { benchRekey, checkRekey, printRekey } from './dave/rekey.ts'
import { benchMessageCost, printMessageCost } from './node/message-cost.ts'
import { measureNode, type NodeExtent, printNode } from './node/node-figures.ts'
import { benchStart, printStart } from './node/process-start.ts'
import { benchPeers, checkPeers, type PeerExtent, printPeers } from './peers/peers.ts'
import { aimsOf } from './report/aims.ts'
import { byNativeFloor } from './report/native-floors.ts'
import { checkRows, printRows, type Row, readRows, round } from './report/rows.ts'
import { alone, BASE, browsers, byChannels, byLanes, byMembers, type Extent, paced } from './report/scenarios.ts'
import { byVideo } from './report/video-scenarios.ts'
import { type BridgeExtent, measureBridge, printBridge } from './spacebar/bridge-figures.ts'
import { type BandwidthExtent, benchBandwidth, printBandwidth } from './video/bandwidth.ts'
import { benchScreens, printScreens } from './video/screens.ts'

const SCENARIOS = {
  alone,
  members: byMembers,
  native: byNativeFloor,
  lanes: byLanes,
  paced,
  channels: byChannels,
  browsers,
  screens: byVideo,
}
/** Parts that are not in the forwarding table. */
const OTHERS = ['peers', 'node', 'start', 'messages', 'dave', 'video', 'spacebar', 'cluster']
const PARTS = [...Object.keys(SCENARIOS), ...OTHERS]

const HELP = `npm run bench -- [--short] [--only PARTS] [--json FILE] [--compare FILE]

  --short         a reduced run of two to four minutes without other servers, for CI
  --only PARTS    comma-separated parts of ${PARTS.join(', ')}
  --json FILE     also writes the figures to a file
  --compare FILE  prints the figures of an earlier run beside those of this one`

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    compare: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const { short } = values

const FULL: Extent = {
  rounds: 3,
  seconds: 1.5,
  allMembers: 1_000,
  members: [10, 25, 100, 1_000],
  native: [25, 500, 1_000],
  alone: [10, 100],
  engines: ['ffi', 'portable'],
  modes: Object.values(VoiceMode),
  profiles: Object.values(SrtpProfile),
  listeners: 200,
  lanes: [1, 2, 3, 4],
  channels: [10, 100, 1_000],
  churn: 20,
}
const SHORT: Extent = {
  rounds: 1,
  seconds: 0.5,
  allMembers: 200,
  members: [25, 100],
  native: [25],
  alone: [100],
  engines: ['ffi'],
  modes: [VoiceMode.AeadXchacha20Poly1305Rtpsize],
  profiles: [SrtpProfile.AeadAes256Gcm],
  listeners: 50,
  lanes: [1, 2],
  channels: [10, 50],
  churn: 20,
}

/** Prints progress to standard error. After a failure, prints the rows that were measured before it. */
async function collect(scenarios: readonly AsyncGenerator<Row>[]): Promise<Row[]> {
  const rows: Row[] = []
  try {
    for (const scenario of scenarios)
      for await (const row of scenario) {
        rows.push(row)
        const seconds = (performance.now() / 1_000).toFixed(0)
        console.error(`  ${seconds} s: ${row.load}, ${row.engine}, ${row.mode}: ${row.ratio.toFixed(2)} to ${row.base}`)
      }
  } catch (error) {
    printRows(rows, before)
    throw error
  }
  return rows
}

/** Sizes of the measurements of a node process, of DAVE groups, and of the call whose keys change. */
interface OtherExtent {
  peers: PeerExtent
  node: NodeExtent
  /** Rounds. */
  start: number
  messages: { channels: number[]; rounds: number }
  dave: { sizes: number[]; rounds: number; members: number; changes: number }
  video: BandwidthExtent
  spacebar: BridgeExtent
  cluster: ClusterExtent
}
const FULL_OTHERS: OtherExtent = {
  peers: { rounds: 5, seconds: 6, warmUp: 12, rooms: [4, 10, 20] },
  node: {
    joins: 200,
    requests: 20_000,
    members: 5_000,
    browsers: 5_000,
    settle: 3_000,
    browserSettle: 38_000,
    costs: 400,
    warmUp: 500,
  },
  start: 9,
  messages: { channels: [1_000, 10_000, 100_000], rounds: 500 },
  dave: { sizes: [10, 50, 100, 250], rounds: 12, members: 100, changes: 24 },
  video: { estimates: 10, seconds: 600, steps: 100, crowdSeconds: 60 },
  spacebar: { messages: 500_000, joins: 1_000, delays: 100, users: 10_000 },
  cluster: { placements: 5_000, requests: 6_000, rounds: 5, nodes: [1, 2, 4], channels: 8, seconds: 4 },
}
const SHORT_OTHERS: OtherExtent = {
  peers: { rounds: 1, seconds: 1, warmUp: 1, rooms: [4] },
  node: {
    joins: 20,
    requests: 2_000,
    members: 250,
    browsers: 50,
    settle: 1_000,
    browserSettle: 1_000,
    costs: 40,
    warmUp: 15,
  },
  start: 3,
  messages: { channels: [100, 1_000], rounds: 50 },
  dave: { sizes: [10, 100], rounds: 4, members: 20, changes: 4 },
  video: { estimates: 2, seconds: 30, steps: 5, crowdSeconds: 5 },
  spacebar: { messages: 50_000, joins: 300, delays: 20, users: 1_000 },
  cluster: { placements: 500, requests: 1_000, rounds: 1, nodes: [1, 2], channels: 2, seconds: 1 },
}

async function measureDave({ sizes, rounds, members, changes }: OtherExtent['dave']) {
  const groups = benchDave(sizes, rounds)
  return { groups, rekey: await benchRekey(members, changes) }
}

const before = values.compare === undefined ? new Map<string, Row>() : readRows(values.compare)
const extent = short ? SHORT : FULL
const others = short ? SHORT_OTHERS : FULL_OTHERS
// Other servers may be installed on a machine that runs this in CI: their faults are not ours.
const chosen = values.only?.split(',') ?? PARTS.filter(name => !short || name !== 'peers')
const unknown = chosen.find(name => !PARTS.includes(name))
if (unknown !== undefined) throw new Error(`expected parts of ${PARTS.join(', ')}, found ${unknown}`)
const rows = await collect(
  Object.entries(SCENARIOS).flatMap(([name, scenario]) => (chosen.includes(name) ? [scenario(extent)] : [])),
)
const peers = chosen.includes('peers') ? await benchPeers(BASE, others.peers) : undefined
const node = chosen.includes('node') ? await measureNode(others.node) : undefined
const start = chosen.includes('start') ? await benchStart(others.start) : undefined
const { channels, rounds } = others.messages
const messages = chosen.includes('messages') ? benchMessageCost(channels, rounds) : undefined
const dave = chosen.includes('dave') ? await measureDave(others.dave) : undefined
const video = chosen.includes('video') ? benchBandwidth(others.video) : undefined
const screens = chosen.includes('video') ? benchScreens() : undefined
const bridge = chosen.includes('spacebar') ? await measureBridge(others.spacebar) : undefined
const isClusterChosen = chosen.includes('cluster')
if (isClusterChosen && !hasNats()) console.error('  cluster: left out, because nats-server is not installed')
const cluster = isClusterChosen && hasNats() ? await measureCluster(others.cluster) : undefined
const aims = aimsOf({ isReduced: short, peers, rows, node, start, messages, dave, video, bridge, cluster })

if (peers !== undefined) {
  console.log(
    'Servers under the same load: rooms of 25, one speaker each, 50 packets of 120 bytes a second; and screens\n',
  )
  printPeers(peers)
}
if (rows.length > 0) {
  console.log('Forwarding: 120-byte frames over loopback, one speaker per channel; CPU is that of the node’s process\n')
  printRows(rows, before)
}
if (node !== undefined) {
  console.log('\nNode process\n')
  printNode(node)
}
if (start !== undefined) {
  console.log('\nStart\n')
  printStart(start)
}
if (messages !== undefined) {
  console.log('\nMessages, by the channels of one guild\n')
  printMessageCost(messages)
}
if (dave !== undefined) {
  console.log('\nEncrypted calls: one member joins or leaves\n')
  printDave(dave.groups)
  printRekey(dave.rekey)
}
if (video !== undefined) {
  console.log('\nBandwidth of viewers, on emulated links of 100 ms each way\n')
  printBandwidth(video)
  if (screens !== undefined) printScreens(screens)
}
if (bridge !== undefined) {
  console.log('\nBridge to Spacebar\n')
  printBridge(bridge)
}
if (cluster !== undefined) {
  console.log('\nCluster: a front and nodes with NATS on loopback\n')
  printCluster(cluster)
}
console.log('\nAims\n')
console.table(aims.map(({ aim, wanted, found, isReached }) => ({ aim, wanted, found: round(found, 2), isReached })))

const machine = {
  node: process.version,
  openssl: process.versions.openssl,
  system: `${platform()} ${release()}`,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  load: loadavg()[0]?.toFixed(1),
  date: new Date().toISOString().slice(0, 10),
}
console.log(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · '),
)
if (values.json !== undefined)
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, peers, rows, ...node, start, messages, dave, screens, bridge, cluster, aims }, undefined, 2)}\n`,
  )
checkRows(rows)
if (peers !== undefined) checkPeers(peers)
if (dave !== undefined) checkRekey(dave.rekey)
if (cluster !== undefined) checkCluster(cluster)
