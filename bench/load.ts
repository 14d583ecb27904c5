// `npm run load`: one load on one node, as the options say. Fails if anything that arrives is wrong.
import { parseArgs } from 'node:util'
import { VoiceMode } from '@parley/protocol'
import { Crowd } from './load/crowd.ts'
import { measureLoad } from './load/measure.ts'
import { SHORTEST_PAYLOAD } from './load/media/stamp.ts'
import type { Pace, Plan } from './load/plan.ts'
import { NodeProcess } from './node/node-process.ts'
import { percentile } from './statistics.ts'

const HELP = `npm run load -- [options]

  --channels N    channels (20)
  --members N     members of each channel (25)
  --speakers N    how many of them talk (1)
  --visitors N    how many of them come and go (0)
  --rate N        packets a second of each speaker (50); 0 for as many as the node can take
  --payload N     bytes of each Opus packet (120)
  --browsers      who does not talk comes as a browser
  --mode NAME     encryption mode (aead_aes256_gcm_rtpsize)
  --churn N       joins, and as many leaves, in a second (0); needs visitors
  --seconds N     how long it is measured (10), after a fifth of it to warm up
  --set KEY=VALUE a setting of the node, any number of times`

const { values } = parseArgs({
  options: {
    channels: { type: 'string', default: '20' },
    members: { type: 'string', default: '25' },
    speakers: { type: 'string', default: '1' },
    visitors: { type: 'string', default: '0' },
    rate: { type: 'string', default: '50' },
    payload: { type: 'string', default: '120' },
    browsers: { type: 'boolean', default: false },
    mode: { type: 'string', default: VoiceMode.AeadAes256GcmRtpsize },
    churn: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '10' },
    set: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

const numberOf = (
  name: 'channels' | 'members' | 'speakers' | 'visitors' | 'rate' | 'payload' | 'churn' | 'seconds',
) => {
  const value = Number(values[name])
  if (!(value >= 0)) throw new Error(`expected a number for --${name}, found ${values[name]}`)
  return value
}
const mode = Object.values(VoiceMode).find(name => name === values.mode)
if (mode === undefined) throw new Error(`expected a mode, found ${values.mode}`)
const plan: Plan = {
  channels: numberOf('channels'),
  members: numberOf('members'),
  speakers: numberOf('speakers'),
  visitors: numberOf('visitors'),
  payload: numberOf('payload'),
  mode,
  browsers: values.browsers,
}
if (plan.payload < SHORTEST_PAYLOAD) throw new Error(`expected a payload of at least ${SHORTEST_PAYLOAD} bytes`)
if (plan.speakers + plan.visitors > plan.members) throw new Error('expected no more speakers and visitors than members')
const rate = numberOf('rate')
const pace: Pace = rate === 0 ? { kind: 'saturated' } : { kind: 'paced', perSecond: rate }
const seconds = numberOf('seconds')

const capacity = `capacity.sessions=${plan.channels * plan.members * 2}`
const node = await NodeProcess.start('voice.legacy_modes=true', capacity, ...values.set)
const crowd = await Crowd.open(node, plan)
const before = await node.residentBytes()
const started = performance.now()
const joins = await crowd.join()
const joined = (performance.now() - started) / 1_000
const figures = await measureLoad(crowd, { pace, warmUp: seconds / 5, seconds, churn: numberOf('churn') })
const after = await node.residentBytes()
await crowd.close()
await node.stop()
console.log({
  members: joins.length,
  joinedPerSecond: Math.round(joins.length / joined),
  join: { p50: percentile(joins, 0.5), p99: percentile(joins, 0.99) },
  kilobytesPerMember: (after - before) / joins.length / 1_000,
  ...figures,
})
if (figures.wrong > 0 || figures.checked === 0) throw new Error('a packet was wrong, or none arrived')
