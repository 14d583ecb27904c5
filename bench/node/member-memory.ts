// Memory per connected member: the growth of a node's resident size while members join.
import { VoiceMode } from '@parley/protocol'
import { Crowd } from '../load/crowd.ts'
import { NodeProcess } from './node-process.ts'

const CHANNEL = 25

export interface MemberMemory {
  members: number
  /** Growth of the resident size per member, in bytes. */
  bytesPerMember: number
  /** Joins per second: LVSP, gateway, IP discovery and key. */
  joinsPerSecond: number
  /** IP discovery requests without a response within half a second. */
  repeatedDiscoveries: number
}

/**
 * Members are silent, in channels of 25, with proved addresses and keys; with `browsers` they use WebRTC. The node gets `settle`
 * milliseconds to collect garbage.
 */
export async function benchMemberMemory(members: number, settle: number, browsers = false): Promise<MemberMemory> {
  const node = await NodeProcess.start(`capacity.sessions=${members * 2}`)
  const channels = Math.floor(members / CHANNEL) + 1
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const plan = { channels, members: CHANNEL, speakers: 0, visitors: 0, payload: 120, mode, browsers }
  const crowd = await Crowd.open(node, plan)
  // The first channel warms up the node, so that compilation does not count.
  await crowd.join(0, CHANNEL)
  await settled(crowd, settle)
  const before = await node.residentBytes()
  const started = performance.now()
  await crowd.join(CHANNEL)
  const seconds = (performance.now() - started) / 1_000
  await settled(crowd, settle)
  const after = await node.residentBytes()
  const known = (await node.metrics()).get('parley_sessions')
  const stayed = crowd.members.filter(({ lost, isJoined }) => lost === 0 && isJoined).length
  await crowd.close()
  await node.stop()
  if (stayed !== channels * CHANNEL || known !== stayed)
    throw new Error(`${stayed} members are connected, the node has ${known} sessions`)
  const joined = stayed - CHANNEL
  const { repeatedDiscoveries } = crowd
  const bytesPerMember = (after - before) / joined
  return { members: joined, bytesPerMember, joinsPerSecond: joined / seconds, repeatedDiscoveries }
}

/** All members acknowledge their messages with a heartbeat, as clients do; then waits. */
async function settled(crowd: Crowd, milliseconds: number): Promise<void> {
  for (const member of crowd.members) member.beat()
  await new Promise(resolve => setTimeout(resolve, milliseconds))
}
