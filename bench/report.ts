// `npm run bench`: one table of everything measured, in one run. Fails on wrong results, never on time.
import { writeFileSync } from 'node:fs'
import { cpus, platform, release } from 'node:os'
import { parseArgs } from 'node:util'
import { benchJoinLatency } from './join-latency.ts'
import { benchLvspRequests } from './lvsp-requests.ts'
import { benchPortableEngine } from './micro/portable-engine.ts'
import { benchSessionMemory } from './session-memory.ts'

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(
    'npm run bench -- [--short] [--json FILE]\n\n  --short      a minute less precise: for CI\n  --json FILE  writes the figures there too',
  )
  process.exit(0)
}
const { short } = values

const round = (value: number, digits = 0) => value.toLocaleString('en', { maximumFractionDigits: digits })

console.log('Forwarding, portable engine: one speaker, 120-byte frames, saturated, loopback\n')
const portable = await benchPortableEngine({
  seconds: short ? 0.3 : 3,
  members: short ? [10, 100] : [10, 25, 100],
  modes: short ? ['aead_aes256_gcm_rtpsize', 'aead_xchacha20_poly1305_rtpsize'] : undefined,
})
console.table(
  portable.map(row => ({
    mode: row.mode,
    members: row.members,
    'of a bare send': round(row.ratio, 2),
    'µs CPU': round(row.microseconds, 1),
    'per CPU second': round(row.packetsPerCpuSecond),
    'opened right': row.opened,
    wrong: row.wrong,
  })),
)
if (portable.some(row => row.wrong > 0 || row.opened === 0))
  throw new Error('a forwarded packet was wrong, or none arrived')

const join = await benchJoinLatency(short ? 20 : 200)
const lvsp = await benchLvspRequests(short ? 2_000 : 20_000)
const memory = await benchSessionMemory(short ? 500 : 5_000)
console.log('\nA node in a process of its own\n')
console.table([
  { what: 'from voice state to first audio, median', figure: `${round(join.median, 1)} ms`, of: `${join.joins} joins` },
  { what: 'the same, 99th percentile', figure: `${round(join.p99, 1)} ms`, of: `${join.joins} joins` },
  { what: 'LVSP requests per second', figure: round(lvsp.perSecond), of: `${lvsp.requests} requests` },
  { what: 'CPU per LVSP request', figure: `${round(lvsp.cpuMicroseconds)} µs`, of: `${lvsp.requests} requests` },
  {
    what: 'memory per connected, silent session',
    figure: `${round(memory.bytesPerSession / 1_000)} kB`,
    of: `${memory.sessions} sessions`,
  },
])

const machine = {
  node: process.version,
  system: `${platform()} ${release()}`,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  date: new Date().toISOString().slice(0, 10),
}
console.log(Object.values(machine).join(' · '))
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ machine, portable, join, lvsp, memory }, undefined, 2)}\n`)
