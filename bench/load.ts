// `npm run load`: puts one load on one node. Fails if a received packet is wrong.
import { parseArgs } from 'node:util'
import { VoiceMode } from '@parley/protocol'
import { Crowd } from './load/crowd.ts'
import { measureLoad } from './load/measure.ts'
import { SHORTEST_PAYLOAD } from './load/media/stamp.ts'
import type { Pace, Plan } from './load/plan.ts'
import type { VideoPlan } from './load/video-plan.ts'
import { NodeProcess } from './node/node-process.ts'
import { percentile } from './statistics.ts'

const HELP = `npm run load -- [options]

  --channels N    number of channels (20)
  --members N     members per channel (25)
  --speakers N    members per channel that send audio (1)
  --visitors N    members per channel that leave and join with --churn (0)
  --rate N        packets per second of each speaker (50); 0 saturates the node
  --payload N     bytes per Opus packet (120)
  --video N       members per channel that send a screen, or with several layers a camera (0); without --speakers no audio then
  --viewers N     members per channel that receive video, its last ones (those that send none)
  --frames N      frames of video per second (60)
  --bits N,N      bits per second of each layer, in ascending order (8000000)
  --browsers      members that do not send join over WebRTC, as browsers do
  --mode NAME     encryption mode (aead_aes256_gcm_rtpsize)
  --churn N       joins per second, with as many leaves (0); needs visitors
  --seconds N     length of the measurement (10), after a warm-up of a fifth of it
  --set KEY=VALUE a setting of the node; repeatable`

const { values } = parseArgs({
  options: {
    channels: { type: 'string', default: '20' },
    members: { type: 'string', default: '25' },
    speakers: { type: 'string' },
    visitors: { type: 'string', default: '0' },
    rate: { type: 'string', default: '50' },
    payload: { type: 'string', default: '120' },
    video: { type: 'string', default: '0' },
    viewers: { type: 'string' },
    frames: { type: 'string', default: '60' },
    bits: { type: 'string', default: '8000000' },
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

type Option = Exclude<keyof typeof values, 'browsers' | 'mode' | 'set' | 'help' | 'bits'>

const numberOf = (name: Option, otherwise = 0) => {
  const value = Number(values[name] ?? otherwise)
  if (!(value >= 0)) throw new Error(`expected a number for --${name}, found ${values[name]}`)
  return value
}

function videoPlan(senders: number): VideoPlan {
  const framesPerSecond = numberOf('frames')
  const layers = values.bits.split(',').map(bits => ({ framesPerSecond, bitsPerSecond: Number(bits) }))
  const wrong = layers.find(({ bitsPerSecond }) => !(bitsPerSecond > 0))
  if (wrong !== undefined || framesPerSecond < 1) throw new Error(`expected bits and frames, found ${values.bits}`)
  const viewers = numberOf('viewers', numberOf('members') - senders)
  return { kind: layers.length > 1 ? 'camera' : 'screen', senders, viewers, layers }
}

const senders = numberOf('video')
const mode = Object.values(VoiceMode).find(name => name === values.mode)
if (mode === undefined) throw new Error(`expected a mode, found ${values.mode}`)
const plan: Plan = {
  channels: numberOf('channels'),
  members: numberOf('members'),
  speakers: numberOf('speakers', senders > 0 ? 0 : 1),
  visitors: numberOf('visitors'),
  payload: numberOf('payload'),
  mode,
  browsers: values.browsers,
  ...(senders > 0 && { video: videoPlan(senders) }),
}
if (plan.payload < SHORTEST_PAYLOAD) throw new Error(`expected a payload of at least ${SHORTEST_PAYLOAD} bytes`)
if (plan.speakers + plan.visitors > plan.members)
  throw new Error('expected at most as many speakers and visitors as members')
if (senders > plan.members || (plan.video?.viewers ?? 0) > plan.members)
  throw new Error('expected at most as many senders and viewers of video as members')
if (senders > 0 && (plan.browsers || plan.visitors > 0))
  throw new Error(
    'expected --video without --browsers and --visitors: all members in video are Discord clients that stay',
  )
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
