// `npm run bench`: one table of everything measured, in one run. Fails on wrong results, never on time.
import { writeFileSync } from 'node:fs'
import { cpus, platform, release } from 'node:os'
import { parseArgs } from 'node:util'
import { VoiceMode } from '@parley/protocol'
import { aimsOf } from './aims.ts'
import { benchJoinLatency } from './join-latency.ts'
import { benchLvspRequests } from './lvsp-requests.ts'
import { benchMemberMemory } from './member-memory.ts'
import { checkRows, printRows, type Row, readRows, round } from './rows.ts'
import { byChannels, byLanes, byMembers, type Extent, paced } from './scenarios.ts'

const HELP = `npm run bench -- [--short] [--json FILE] [--compare FILE]

  --short         less of everything, in a minute or so: for CI
  --json FILE     writes the figures there too
  --compare FILE  shows an earlier run's figures beside those of this one`

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
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
  modes: Object.values(VoiceMode),
  lanes: [1, 2, 3, 4],
  channels: [10, 100, 1_000],
  churn: 20,
}
const SHORT: Extent = {
  rounds: 1,
  seconds: 0.5,
  allMembers: 200,
  members: [25, 100],
  modes: [VoiceMode.AeadXchacha20Poly1305Rtpsize],
  lanes: [1, 2],
  channels: [10, 50],
  churn: 20,
}

/** Says on the error stream how far it is, so that the table stays one. */
async function collect(scenarios: readonly AsyncGenerator<Row>[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const scenario of scenarios)
    for await (const row of scenario) {
      rows.push(row)
      const seconds = (performance.now() / 1_000).toFixed(0)
      console.error(`  ${seconds} s: ${row.load}, ${row.engine}, ${row.mode}: ${row.ratio.toFixed(2)} to ${row.base}`)
    }
  return rows
}

const before = values.compare === undefined ? new Map<string, Row>() : readRows(values.compare)
const extent = short ? SHORT : FULL
const rows = await collect([byMembers(extent), byLanes(extent), paced(extent), byChannels(extent)])
const join = await benchJoinLatency(short ? 20 : 200)
const lvsp = await benchLvspRequests(short ? 2_000 : 20_000)
const memory = await benchMemberMemory(short ? 250 : 5_000)
const aims = aimsOf(rows, memory)

console.log('Forwarding: 120-byte frames over loopback, one speaker per channel; CPU is that of the node’s process\n')
printRows(rows, before)
console.log('\nA node\n')
console.table([
  { what: 'from voice state to first audio, median', figure: `${round(join.median, 1)} ms`, of: `${join.joins} joins` },
  { what: 'the same, 99th percentile', figure: `${round(join.p99, 1)} ms`, of: `${join.joins} joins` },
  { what: 'LVSP requests per second', figure: round(lvsp.perSecond), of: `${lvsp.requests} requests` },
  { what: 'CPU per LVSP request', figure: `${round(lvsp.cpuMicroseconds)} µs`, of: `${lvsp.requests} requests` },
  { what: 'joins per second', figure: round(memory.joinsPerSecond), of: `${memory.members} members` },
  { what: 'IP discoveries asked again', figure: round(memory.askedAgain), of: `${memory.members} members` },
  {
    what: 'memory per connected member',
    figure: `${round(memory.bytesPerMember / 1_000)} kB`,
    of: `${memory.members} members`,
  },
])
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
  writeFileSync(values.json, `${JSON.stringify({ machine, rows, join, lvsp, memory, aims }, undefined, 2)}\n`)
checkRows(rows)
