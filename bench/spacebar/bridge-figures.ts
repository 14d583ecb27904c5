// Figures of the bridge to Spacebar: foreign messages that it discards, joins, the delay that it adds to one, memory.
import { setTimeout as sleep } from 'node:timers/promises'
import { VoiceClient } from '@parley/client'
import { round } from '../report/rows.ts'
import { median, percentile } from '../statistics.ts'
import { Bridged, type BusMember, frameOf, sessionOf, tokenOf } from './bridged.ts'
import { JoinDatabase } from './join-database.ts'

const PER_CHANNEL = 25
const BATCH = 500
/** Between VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE: the shortest time that was seen on Spacebar. */
const TOKEN_DELAY = 7
/** After this time the node has the voice state of a join. */
const SETTLED = 100
const POLL = 5
/** The rows of these users are not in the database: the bridge would remove them soon after. */
const PATIENCE = 40_000

export interface BridgeExtent {
  /** Foreign messages. */
  messages: number
  /** Joins at once. */
  joins: number
  /** Joins whose delay is measured, with and without the bridge. */
  delays: number
  /** Users in calls whose memory is measured. */
  users: number
}

export type BridgeReport = Awaited<ReturnType<typeof measureBridge>>

export async function measureBridge({ messages, joins, delays, users }: BridgeExtent) {
  const discard = await benchDiscard(messages)
  const alone = await benchJoins(joins)
  const database = JoinDatabase.isAvailable ? await JoinDatabase.open(joins + delays * 2) : undefined
  try {
    const checked = database && (await benchJoins(joins, database.url))
    const delay = await benchDelay(delays, database?.url)
    return { discard, joins: alone, checkedJoins: checked, delay, memory: await benchMemory(users) }
  } finally {
    await database?.close()
  }
}

/** Messages of users as they are on the bus: half a kilobyte each. */
async function benchDiscard(messages: number) {
  const bridged = await Bridged.open()
  const data = {
    id: '1',
    channel_id: '4',
    content: 'x'.repeat(300),
    author: { id: '5', username: 'user' },
    mentions: [],
  }
  const frame = frameOf({ id: '4', event: { event: 'MESSAGE_CREATE', data, channel_id: '4' } })
  const batch = Buffer.concat(Array.from({ length: BATCH }, () => frame))
  const send = async (count: number) => {
    for (let sent = 0; sent < count; sent += BATCH) await bridged.write(batch)
  }
  const warmUp = Math.ceil(messages / 10 / BATCH) * BATCH
  await send(warmUp)
  const before = await bridged.received(warmUp)
  const started = performance.now()
  await send(messages)
  const after = await bridged.received(warmUp + messages)
  const seconds = (performance.now() - started) / 1_000
  await bridged.close()
  const cpuMicroseconds = ((after.cpuSeconds - before.cpuSeconds) / messages) * 1e6
  return { messages, bytes: frame.length, perSecond: messages / seconds, cpuMicroseconds }
}

/** Each user joins a channel of its own, which is the most work: until the node has them all. */
async function benchJoins(joins: number, database?: string) {
  const bridged = await Bridged.open(database)
  const before = await bridged.figures()
  const started = performance.now()
  await joinAll(bridged, joins, 1)
  const seconds = (performance.now() - started) / 1_000
  const { cpuSeconds } = await bridged.figures()
  await bridged.close()
  return { joins, perSecond: joins / seconds, cpuMilliseconds: ((cpuSeconds - before.cpuSeconds) / joins) * 1_000 }
}

/** Resolves when the node has the channels of all. */
async function joinAll(bridged: Bridged, users: number, perChannel: number): Promise<void> {
  for (let index = 0; index < users; index++) {
    const member = memberOf(index, perChannel)
    await bridged.voiceState(member)
    await bridged.voiceServer(member)
  }
  const channels = Math.ceil(users / perChannel)
  const end = performance.now() + PATIENCE
  for (;;) {
    const found = (await bridged.node.metrics()).get('parley_channels') ?? 0
    if (found >= channels) return
    if (performance.now() > end) throw new Error(`expected ${channels} channels, the node has ${found}`)
    await sleep(POLL)
  }
}

/**
 * Identify to Session Description of users whose voice server update reaches them and the bus at the same time, minus that of users
 * whose voice state the node already has.
 */
async function benchDelay(delays: number, database?: string) {
  const bridged = await Bridged.open(database)
  const times = { early: [] as number[], late: [] as number[] }
  for (let index = 0; index < delays * 2; index++) {
    const isEarly = index % 2 === 0
    const member = memberOf(index, 1)
    await bridged.voiceState(member)
    await sleep(TOKEN_DELAY)
    await bridged.voiceServer(member)
    if (isEarly) await sleep(SETTLED)
    times[isEarly ? 'early' : 'late'].push(await connectTime(bridged, member))
  }
  await bridged.close()
  const warm = (list: readonly number[]) => list.slice(Math.min(10, Math.floor(delays / 4)))
  const [early, late] = [warm(times.early), warm(times.late)]
  const added = (share: number) => percentile(late, share) - percentile(early, share)
  return { joins: late.length, withoutBridge: median(early), added: added(0.5), addedP99: added(0.99) }
}

async function connectTime(bridged: Bridged, { userId, guildId, channelId }: BusMember): Promise<number> {
  const { endpoint } = bridged.node
  const credentials = { serverId: guildId, channelId, userId, sessionId: sessionOf(userId), token: tokenOf(userId) }
  const client = new VoiceClient({ endpoint, tls: false, ...credentials })
  const started = performance.now()
  await client.connect()
  const time = performance.now() - started
  await client.close()
  return time
}

async function benchMemory(users: number) {
  const bridged = await Bridged.open()
  const before = await bridged.figures()
  await joinAll(bridged, users, PER_CHANNEL)
  await sleep(SETTLED)
  const after = await bridged.figures()
  await bridged.close()
  if (after.users !== users) throw new Error(`expected ${users} users in calls, the bridge has ${after.users}`)
  const { heapBytes, residentBytes } = after
  return { users, heapBytes: heapBytes - before.heapBytes, residentBytes, residentBefore: before.residentBytes }
}

const memberOf = (index: number, perChannel: number): BusMember => ({
  userId: String(10_000 + index),
  guildId: '100',
  channelId: String(100_000 + Math.floor(index / perChannel)),
})

export function printBridge({ discard, joins, checkedJoins, delay, memory }: BridgeReport): void {
  const { messages, bytes } = discard
  const checked: [string, string, string][] =
    checkedJoins === undefined
      ? []
      : [
          [
            'joins per second, permissions from PostgreSQL',
            round(checkedJoins.perSecond),
            `${checkedJoins.joins} joins`,
          ],
          ['CPU of the bridge per such join', `${round(checkedJoins.cpuMilliseconds, 2)} ms`, `${joins.joins} joins`],
        ]
  const lines: [what: string, figure: string, of: string][] = [
    ['foreign messages per second', round(discard.perSecond), `${messages} of ${bytes} bytes`],
    ['CPU per foreign message', `${round(discard.cpuMicroseconds, 1)} µs`, `${messages} messages`],
    ['joins per second', round(joins.perSecond), `${joins.joins} joins, a channel each`],
    ['CPU of the bridge per join', `${round(joins.cpuMilliseconds, 2)} ms`, `${joins.joins} joins`],
    ...checked,
    ['delay added to a join, median', `${round(delay.added, 1)} ms`, `to ${round(delay.withoutBridge, 1)} ms`],
    ['the same, 99th percentile', `${round(delay.addedP99, 1)} ms`, `${delay.joins} joins`],
    ['heap for users in calls', `${round(memory.heapBytes / 1e6, 1)} MB`, `${memory.users} users`],
    [
      'resident memory with them',
      `${round(memory.residentBytes / 1e6)} MB`,
      `${round(memory.residentBefore / 1e6)} MB before`,
    ],
  ]
  console.table(lines.map(([what, figure, of]) => ({ what, figure, of })))
}
