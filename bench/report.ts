// `npm run bench`: one table of everything measured, in one run. Fails on wrong results, never on time.
import { writeFileSync } from 'node:fs'
import { cpus, platform, release } from 'node:os'
import { parseArgs } from 'node:util'
import { SrtpProfile, VoiceMode } from '@parley/protocol'
import { aimsOf } from './aims.ts'
import { benchJoinLatency } from './join-latency.ts'
import { benchLvspRequests } from './lvsp-requests.ts'
import { benchMemberMemory } from './member-memory.ts'
import { checkRows, printRows, type Row, readRows, round } from './rows.ts'
import { alone, browsers, byChannels, byLanes, byMembers, type Extent, paced } from './scenarios.ts'

const SCENARIOS = { alone, members: byMembers, lanes: byLanes, paced, channels: byChannels, browsers }

const HELP = `npm run bench -- [--short] [--only LOADS] [--json FILE] [--compare FILE]

  --short         less of everything, in a minute or so: for CI
  --only LOADS    some of ${Object.keys(SCENARIOS).join(', ')}, and nothing of a node as a whole
  --json FILE     writes the figures there too
  --compare FILE  shows an earlier run's figures beside those of this one`

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
  alone: [10, 100],
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
  alone: [100],
  modes: [VoiceMode.AeadXchacha20Poly1305Rtpsize],
  profiles: [SrtpProfile.AeadAes128Gcm],
  listeners: 50,
  lanes: [1, 2],
  channels: [10, 50],
  churn: 20,
}

/** Says on the error stream how far it is, so that the table stays one. What was measured before a failure is shown. */
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

async function measureNode() {
  const join = await benchJoinLatency(short ? 20 : 200)
  const lvsp = await benchLvspRequests(short ? 2_000 : 20_000)
  const memory = await benchMemberMemory(short ? 250 : 5_000)
  return { join, lvsp, memory }
}

function printNode({ join, lvsp, memory }: Awaited<ReturnType<typeof measureNode>>): void {
  const { members } = memory
  const lines: [what: string, figure: string, of: string][] = [
    ['from voice state to first audio, median', `${round(join.median, 1)} ms`, `${join.joins} joins`],
    ['the same, 99th percentile', `${round(join.p99, 1)} ms`, `${join.joins} joins`],
    ['LVSP requests per second', round(lvsp.perSecond), `${lvsp.requests} requests`],
    ['CPU per LVSP request', `${round(lvsp.cpuMicroseconds)} µs`, `${lvsp.requests} requests`],
    ['joins per second', round(memory.joinsPerSecond), `${members} members`],
    ['IP discoveries asked again', round(memory.askedAgain), `${members} members`],
    ['memory per connected member', `${round(memory.bytesPerMember / 1_000)} kB`, `${members} members`],
  ]
  console.table(lines.map(([what, figure, of]) => ({ what, figure, of })))
}

const before = values.compare === undefined ? new Map<string, Row>() : readRows(values.compare)
const extent = short ? SHORT : FULL
const chosen = values.only?.split(',')
const unknown = chosen?.find(name => !(name in SCENARIOS))
if (unknown !== undefined) throw new Error(`expected some of ${Object.keys(SCENARIOS).join(', ')}, found ${unknown}`)
const rows = await collect(
  Object.entries(SCENARIOS).flatMap(([name, scenario]) =>
    chosen === undefined || chosen.includes(name) ? [scenario(extent)] : [],
  ),
)
const node = chosen === undefined ? await measureNode() : undefined
const aims = aimsOf(rows, node?.memory)

console.log('Forwarding: 120-byte frames over loopback, one speaker per channel; CPU is that of the node’s process\n')
printRows(rows, before)
if (node !== undefined) {
  console.log('\nA node\n')
  printNode(node)
}
console.log('\nAims\n')
console.table(aims.map(({ aim, wanted, found, isReached }) => ({ aim, wanted, found: round(found, 2), isReached })))

const machine = {
  node: process.version,
  openssl: process.versions.openssl,
  system: `${platform()} ${release()}`,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  date: new Date().toISOString().slice(0, 10),
}
console.log(
  Object.entries(machine)
    .map(([name, value]) => `${name} ${value}`)
    .join(' · '),
)
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ machine, rows, ...node, aims }, undefined, 2)}\n`)
checkRows(rows)
