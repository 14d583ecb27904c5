// `npm run load`: puts one load on one node. Fails if a received packet is wrong.
import { parseArgs } from 'node:util'
import { VoiceMode } from '@parley/protocol'
import { Crowd } from './load/crowd.ts'
import { measureLoad } from './load/measure.ts'
import { SHORTEST_PAYLOAD } from './load/media/stamp.ts'
import type { Pace, Plan } from './load/plan.ts'
import { NodeProcess } from './node/node-process.ts'
import { percentile } from './statistics.ts'

const HELP = `npm run load -- [options]

  --channels N    number of channels (20)
  --members N     members per channel (25)
  --speakers N    members per channel that send audio (1)
  --visitors N    members per channel that leave and join with --churn (0)
  --rate N        packets per second of each speaker (50); 0 saturates the node
  --payload N     bytes per Opus packet (120)
  --browsers      members that do not send join over WebRTC, as browsers do
  --mode NAME     encryption mode (aead_aes256_gcm_rtpsize)
  --churn N       joins per second, with as many leaves (0); needs visitors
  --seconds N     length of the measurement (10), after a warm-up of a fifth of it
  --set KEY=VALUE a setting of the node; repeatable`

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
if (plan.speakers + plan.visitors > plan.members)
  throw new Error('expected at most as many speakers and visitors as members')
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
if (figures.wrong > 0 || figures.checked === 0) throw new Error('wrong packets, or no packets received')
