// `npm run reliability`: what calls and heartbeats lose while connections drop, backends and lanes fail, and strangers flood a node.
// Fails when an aim is missed.
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { measureBackendRestarts } from './reliability/backend-restarts.ts'
import { type Extent, type Figure, isMissed, printFigures } from './reliability/figures.ts'
import { measureFlood } from './reliability/flood.ts'
import type { FloodKind } from './reliability/flood-process.ts'
import { measureConnectedLaneCrashes, measureLaneCrashes } from './reliability/lane-crashes.ts'
import { measureLongOperations } from './reliability/long-operations.ts'
import { measureLvspDrops } from './reliability/lvsp-drops.ts'

const FLOODS: readonly FloodKind[] = ['half-open', 'handshakes', 'json', 'garbage']
const PROGRAMS: Record<string, (extent: Extent) => Promise<Figure[]>> = {
  'lvsp-drops': measureLvspDrops,
  'backend-restarts': measureBackendRestarts,
  'lane-crashes': measureLaneCrashes,
  'connected-lane-crashes': measureConnectedLaneCrashes,
  'long-operations': measureLongOperations,
  ...Object.fromEntries(FLOODS.map(kind => [kind, (extent: Extent) => measureFlood(kind, extent)])),
}

const HELP = `npm run reliability -- [--short] [--only NAMES]

  --short        a reduced run of about a minute, for CI, with aims that a busy machine meets
  --only NAMES   comma-separated programs of ${Object.keys(PROGRAMS).join(', ')}`

const FULL: Extent = {
  lvspDrops: 1_000,
  backendRestarts: 100,
  laneCrashes: 20,
  pairs: 10,
  floodSeconds: 30,
  halfOpen: 10_000,
  handshakesPerSecond: 5_000,
  jsonSockets: 60,
  garbagePerSecond: 200_000,
  channels: 100_000,
  aims: { heartbeatP99: 100, loss: 0.001, interruption: 5_000, turn: 50 },
}
const SHORT: Extent = {
  lvspDrops: 50,
  backendRestarts: 10,
  laneCrashes: 3,
  pairs: 3,
  floodSeconds: 4,
  halfOpen: 1_000,
  handshakesPerSecond: 1_000,
  jsonSockets: 20,
  garbagePerSecond: 20_000,
  channels: 2_000,
  aims: { heartbeatP99: 2_000, loss: 0.2, interruption: 20_000, turn: 500 },
}

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const names = values.only?.split(',') ?? Object.keys(PROGRAMS)
const unknown = names.filter(name => PROGRAMS[name] === undefined)
if (values.help || unknown.length > 0) {
  console.log(unknown.length > 0 ? `unknown: ${unknown.join(', ')}\n\n${HELP}` : HELP)
  process.exit(unknown.length > 0 ? 2 : 0)
}

console.log(`Node.js ${process.versions.node}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)} at the start`)
const missed: string[] = []
for (const name of names) {
  console.log(`\n${name}`)
  const figures = await PROGRAMS[name]!(values.short ? SHORT : FULL)
  printFigures(figures)
  missed.push(...figures.filter(isMissed).map(({ what }) => `${name}: ${what}`))
}
for (const each of missed) console.log(`missed: ${each}`)
process.exit(missed.length === 0 ? 0 : 1)
