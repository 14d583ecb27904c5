// What a connected member costs in memory: a node full of them, its resident size before and after.
import { VoiceMode } from '@parley/protocol'
import { Crowd } from '../load/crowd.ts'
import { NodeProcess } from './node-process.ts'

const CHANNEL = 25

export interface MemberMemory {
  members: number
  /** Resident bytes per member, everything included. */
  bytesPerMember: number
  /** Members who got in per second: LVSP, gateway, IP discovery and key. */
  joinsPerSecond: number
  /** IP discoveries that were not answered within half a second. */
  askedAgain: number
}

/** Silent members in channels of 25, with proved addresses and keys; `settle` milliseconds for the node to collect its garbage. */
export async function benchMemberMemory(members: number, settle: number): Promise<MemberMemory> {
  const node = await NodeProcess.start(`capacity.sessions=${members * 2}`)
  const channels = Math.floor(members / CHANNEL) + 1
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const crowd = await Crowd.open(node, { channels, members: CHANNEL, speakers: 0, visitors: 0, payload: 120, mode })
  // The first channel warms the node up: code that is compiled once is no member's.
  await crowd.join(0, CHANNEL)
  await settled(crowd, settle)
  const before = await node.residentBytes()
  const started = performance.now()
  await crowd.join(CHANNEL)
  const seconds = (performance.now() - started) / 1_000
  await settled(crowd, settle)
  const after = await node.residentBytes()
  const known = (await node.metrics()).get('parley_sessions')
  const stayed = crowd.members.filter(({ lost, isIn }) => lost === 0 && isIn).length
  await crowd.close()
  await node.stop()
  if (stayed !== channels * CHANNEL || known !== stayed) throw new Error(`${stayed} members stayed, ${known} are known`)
  const joined = stayed - CHANNEL
  const { askedAgain } = crowd
  return { members: joined, bytesPerMember: (after - before) / joined, joinsPerSecond: joined / seconds, askedAgain }
}

/** Everyone acknowledges what he has, as clients do, and time passes. */
async function settled(crowd: Crowd, milliseconds: number): Promise<void> {
  for (const member of crowd.members) member.beat()
  await new Promise(resolve => setTimeout(resolve, milliseconds))
}
