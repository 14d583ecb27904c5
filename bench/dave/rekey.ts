// Added packet delay while a large encrypted call changes its keys: in that call and in another call on the same node.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { VoiceMode } from '@parley/protocol'
import { Crowd } from '../load/crowd.ts'
import type { Mls } from '../load/dave/mls.ts'
import { drained, lossOf } from '../load/measure.ts'
import type { Stream } from '../load/media/stream.ts'
import type { Member } from '../load/member.ts'
import type { Plan } from '../load/plan.ts'
import { NodeProcess } from '../node/node-process.ts'
import { percentile } from '../statistics.ts'

export interface RekeyFigures {
  members: number
  rekeys: number
  /** Median milliseconds from the proposals to the new keys. */
  duration: number
  /** Delays in the call that changes its keys. */
  same: Comparison
  /** Delays in another call with as many members. */
  other: Comparison
  /** Share of lost copies in both calls, 0 to 1. */
  loss: number
  checked: number
  wrong: number
}
/** Delays while keys change, and during an equally long time before. */
export interface Comparison {
  during: Delays
  before: Delays
}
/** Milliseconds from sending to arrival of all copies. */
interface Delays {
  copies: number
  p50: number
  p99: number
  worst: number
}

/** Microseconds on the clock of stamps. */
interface Span {
  from: number
  to: number
}
interface Copy {
  sentAt: number
  arrivedAt: number
}

const SELF = fileURLToPath(import.meta.url)
const VISITORS = 4
const PATIENCE = 30_000
const POLL = 20
/** Milliseconds between two changes, for the comparison without a change. */
const GAP = 400
/** Microseconds before the proposals and after the new keys that belong to a change, because the node works during them. */
const MARGIN = 20_000
const MILLISECOND = 1_000

/**
 * A member leaves and joins again, alternating. The members run in a separate process with low priority, so that their work does
 * not take CPU from the node.
 */
export async function benchRekey(members: number, changes: number): Promise<RekeyFigures> {
  const child = fork(SELF, [String(members), String(changes)], { serialization: 'advanced' })
  const [figures] = (await Promise.race([once(child, 'message'), ended(child)])) as [RekeyFigures]
  return figures
}

async function ended(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`the process of the members exited with ${code}`)
}

async function measure(members: number, changes: number): Promise<RekeyFigures> {
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const plan: Plan = { channels: 2, members, speakers: 1, visitors: VISITORS, payload: 120, mode, encrypted: 1 }
  const node = await NodeProcess.start()
  setPriority(constants.priority.PRIORITY_LOW)
  const crowd = await Crowd.open(node, plan)
  try {
    await crowd.join(0, 1)
    await crowd.join(1)
    return await new Rekeying(crowd, crowd.mls!).run(changes)
  } finally {
    await crowd.close()
    await node.stop()
  }
}

class Rekeying {
  readonly #crowd: Crowd
  readonly #mls: Mls
  readonly #copies: [same: Copy[], other: Copy[]] = [[], []]
  readonly #spans: Span[] = []
  #proposedAt: number | undefined
  #changed: () => void = () => {}

  constructor(crowd: Crowd, mls: Mls) {
    this.#crowd = crowd
    this.#mls = mls
    mls.proposed = () => {
      this.#proposedAt ??= crowd.sockets.now()
    }
    crowd.encryptionChanged = () => this.#executed()
  }

  async run(changes: number): Promise<RekeyFigures> {
    const { plan, visitors, receiver, traffic, streams } = this.#crowd
    await this.#grown(plan.members)
    const [first] = streams
    for (const stream of streams) stream.reset(performance.now())
    Object.assign(receiver.counts, { packets: 0, checked: 0, wrong: 0, late: 0 })
    receiver.trace = (stream, sequence, slot) => this.#received(stream === first ? 0 : 1, stream, sequence, slot)
    traffic.start(streams, { kind: 'paced', perSecond: 50 }, 1)
    await pause(GAP)
    this.#spans.length = 0
    for (let change = 0; change < changes; change++) await this.#change(visitors[(change >> 1) % VISITORS]!, change)
    await pause(GAP)
    traffic.stop()
    await drained(this.#crowd)
    return this.#figures()
  }

  /** Waits until the committer's group has `size` members. */
  async #grown(size: number): Promise<void> {
    const end = performance.now() + PATIENCE
    while ((await this.#mls.ask({ kind: 'size' })) !== size || this.#proposedAt !== undefined) {
      if (performance.now() > end) throw new Error(`the group did not grow to ${size} members`)
      await pause(POLL)
    }
    await pause(GAP)
  }

  async #change(visitor: Member, change: number): Promise<void> {
    const changed = new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('a change of keys did not complete in time')), PATIENCE)
      this.#changed = () => {
        clearTimeout(late)
        resolve()
      }
    })
    if (change % 2 === 0) visitor.leave()
    else await visitor.join()
    await changed
    await pause(GAP)
  }

  #executed(): void {
    if (this.#proposedAt === undefined) return
    this.#spans.push({ from: this.#proposedAt, to: this.#crowd.sockets.now() })
    this.#proposedAt = undefined
    this.#changed()
  }

  #received(call: 0 | 1, stream: Stream, sequence: number, slot: number): void {
    this.#copies[call].push({ sentAt: stream.sentAt(sequence), arrivedAt: this.#crowd.sockets.arrivedAt(slot) })
  }

  #figures(): RekeyFigures {
    const { receiver, plan, members } = this.#crowd
    const { checked, wrong } = receiver.counts
    const during = this.#spans.map(({ from, to }) => ({ from: from - MARGIN, to: to + MARGIN }))
    const before = during.map(({ from, to }) => ({ from: from - MARGIN - (to - from), to: from - MARGIN }))
    const compare = (copies: readonly Copy[]) => ({ during: delays(copies, during), before: delays(copies, before) })
    return {
      members: plan.members,
      rekeys: this.#spans.length,
      duration: percentile(
        this.#spans.map(({ from, to }) => (to - from) / MILLISECOND),
        0.5,
      ),
      same: compare(this.#copies[0]),
      other: compare(this.#copies[1]),
      loss: lossOf(this.#crowd),
      checked,
      wrong: wrong + this.#mls.restarts + members.reduce((lost, member) => lost + member.lost, 0),
    }
  }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

/** Delays of the copies that were in flight during one of the spans. */
function delays(copies: readonly Copy[], spans: readonly Span[]): Delays {
  const within = copies.filter(({ sentAt, arrivedAt }) => spans.some(({ from, to }) => sentAt < to && arrivedAt > from))
  const took = within.map(({ sentAt, arrivedAt }) => (arrivedAt - sentAt) / MILLISECOND)
  const worst = took.reduce((most, each) => Math.max(most, each), 0)
  return { copies: took.length, p50: percentile(took, 0.5), p99: percentile(took, 0.99), worst }
}

/** Milliseconds that a change of keys added to the longest delay of a copy, in either call. */
export const addedByRekey = ({ same, other }: RekeyFigures): number =>
  Math.max(0, same.during.worst - same.before.worst, other.during.worst - other.before.worst)

/** Throws unless keys changed and all checked packets were right. */
export function checkRekey({ rekeys, checked, wrong }: RekeyFigures): void {
  if (rekeys === 0 || checked === 0 || wrong > 0)
    throw new Error(`${rekeys} changes of keys, ${checked} right packets, ${wrong} wrong packets`)
}

export function printRekey(figures: RekeyFigures): void {
  const { members, rekeys, duration, same, other, loss, checked, wrong } = figures
  const percent = (loss * 100).toFixed(2)
  console.log(`${rekeys} changes of keys at ${members} members, ${duration.toFixed(0)} ms each; loss ${percent} %,`)
  console.log(`${checked} copies opened, ${wrong} wrong. Milliseconds from sending to arrival:`)
  const rows: [call: string, when: string, delays: Delays][] = [
    ['same call', 'before', same.before],
    ['same call', 'while keys change', same.during],
    ['other call', 'before', other.before],
    ['other call', 'while keys change', other.during],
  ]
  console.table(
    rows.map(([call, when, { copies, p50, p99, worst }]) => ({
      call,
      when,
      copies,
      p50: p50.toFixed(2),
      p99: p99.toFixed(2),
      worst: worst.toFixed(2),
    })),
  )
}

if (process.argv[1] === SELF) {
  const [members = '100', changes = '20'] = process.argv.slice(2)
  const figures = await measure(Number(members), Number(changes))
  if (process.send !== undefined) process.send(figures, () => process.exit())
  else printRekey(figures)
}
