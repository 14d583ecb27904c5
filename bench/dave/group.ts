// Cost of a join and a leave in an encrypted call for the node: CPU and bytes by group size. One davey client commits; the other
// members have davey's key packages, and their commits arrive after the accepted one, as in a call.
import { fileURLToPath } from 'node:url'
import { snowflakeBytes, VoiceOp } from '@parley/protocol'
import { ExternalSender } from '../../packages/core/src/dave/external-sender.ts'
import { DaveGroup } from '../../packages/core/src/dave/group.ts'
import type { DaveSession } from '../../packages/core/src/dave/member.ts'
import { nodeCrypto } from '../../packages/server/src/crypto.ts'
import { CHANNEL } from '../../test/dave/davey-call.ts'
import { DaveyClient } from '../../test/dave/davey-client.ts'
import { median } from '../statistics.ts'

/** Cost of one change in the node alone: medians of all rounds. */
export interface DaveRow {
  members: number
  change: 'join' | 'leave'
  /** Milliseconds of CPU for the accepted commit. */
  accept: number
  /** Milliseconds of CPU until the transition is complete. */
  spent: number
  /** Milliseconds of CPU of the longest step. */
  longest: number
  /** Bytes sent to all members. */
  sent: number
  /** Bytes received from all members. */
  received: number
}

type Change = Omit<DaveRow, 'members' | 'change'>

/** Members added per step while a group grows. */
const GROWTH = 50
const WARM_UP = 30

/** A session without a running client. Its key package is davey's, and it sends the committer's commit after the committer. */
class Silent implements DaveSession {
  readonly voiceState = {}
  readonly userId: string
  readonly keyPackage: Uint8Array
  bytes = 0
  transition = 0

  constructor(userId: string) {
    this.userId = userId
    const client = new DaveyClient(userId, CHANNEL)
    client.sendText(VoiceOp.SessionDescription, '{"dave_protocol_version":1}')
    client.receive()
    this.keyPackage = Uint8Array.from((client.outbox[0] as { payload: Uint8Array }).payload)
  }
  sendText(_op: VoiceOp, text: string): void {
    this.bytes += text.length
  }
  sendBinary(op: VoiceOp, payload: Uint8Array): void {
    this.bytes += payload.length + 3
    if (op === VoiceOp.DaveAnnounceCommit || op === VoiceOp.DaveWelcome)
      this.transition = (payload[0]! << 8) | payload[1]!
  }
  refuseSealed(): void {}
}

class Call {
  readonly #group = new DaveGroup({
    policy: 'allowed',
    id: () => snowflakeBytes(CHANNEL),
    sender: new ExternalSender(nodeCrypto),
    crypto: nodeCrypto,
    note: () => {},
  })
  readonly #committer = new DaveyClient('1', CHANNEL)
  readonly #others: Silent[] = []
  #now = 0
  #nextUser = 2
  #received = 0
  #spent = 0
  #longest = 0
  #accepted: number[] = []

  constructor() {
    this.#join(this.#committer)
  }

  grow(size: number): void {
    while (this.#others.length < size - 1) {
      for (let count = 0; count < GROWTH && this.#others.length < size - 1; count++) this.#joinSilent()
      this.#settle()
    }
  }

  /** Adds or removes one member and completes the transition. Throws if the group does not have the expected size and epoch. */
  measure(change: DaveRow['change']): Change {
    for (const other of this.#others) other.bytes = 0
    this.#received = this.#spent = this.#longest = 0
    this.#accepted = []
    const { epoch } = this.#group.state
    if (change === 'join') this.#joinSilent()
    else this.#time(() => this.#group.leave(this.#others.pop()!, this.#now))
    this.#settle()
    const { state } = this.#group
    const [accept] = this.#accepted
    if (accept === undefined || state.epoch <= epoch || state.members !== this.#others.length + 1)
      throw new Error(`the group has ${state.members} members in epoch ${state.epoch} after a ${change}`)
    const sent = this.#others.reduce((sum, other) => sum + other.bytes, 0)
    return { spent: this.#spent, longest: this.#longest, accept, sent, received: this.#received }
  }

  #joinSilent(): void {
    const other = new Silent(String(this.#nextUser++))
    this.#committer.connected.add(other.userId)
    this.#others.push(other)
    this.#join(other)
    this.#received += other.keyPackage.length
    this.#time(() => this.#group.keyPackage(other, other.keyPackage, this.#now))
  }

  #join(session: DaveSession): void {
    const version = this.#time(() => this.#group.join(session, 1, this.#now))
    session.sendText(VoiceOp.SessionDescription, JSON.stringify({ dave_protocol_version: version }))
    this.#group.joined(session)
  }

  #settle(): void {
    this.#answer()
    for (; this.#group.deadline < Infinity; this.#answer()) {
      this.#now = Math.max(this.#now, this.#group.deadline)
      this.#time(() => this.#group.tick(this.#now))
    }
  }

  /** Delivers the committer's commit first, then the late commits of the others, then ready from all. */
  #answer(): void {
    while (this.#committer.inbox.length > 0) this.#committer.receive()
    for (const message of this.#committer.outbox.splice(0)) {
      if ('transitionId' in message) this.#group.ready(this.#committer, message.transitionId, this.#now)
      else if (message.op === VoiceOp.DaveKeyPackage)
        this.#group.keyPackage(this.#committer, message.payload, this.#now)
      else this.#commit(message.payload)
      this.#answer()
    }
    this.#forOthers(other => {
      if (other.transition !== 0) this.#group.ready(other, other.transition, this.#now)
      other.transition = 0
    })
  }

  #commit(payload: Uint8Array): void {
    this.#received += payload.length * this.#others.length
    const before = this.#spent
    this.#time(() => this.#group.commitWelcome(this.#committer, payload, this.#now))
    this.#accepted.push(this.#spent - before)
    this.#forOthers(other => this.#group.commitWelcome(other, payload, this.#now))
  }

  #time<T>(run: () => T): T {
    const before = this.#spent
    const result = this.#count(run)
    this.#longest = Math.max(this.#longest, this.#spent - before)
    return result
  }

  /** Measures many short steps together, because reading the clock costs as much as one of them. */
  #forOthers(run: (other: Silent) => void): void {
    this.#count(() => {
      for (const other of this.#others) run(other)
    })
  }

  #count<T>(run: () => T): T {
    const start = process.cpuUsage()
    const result = run()
    const { user, system } = process.cpuUsage(start)
    this.#spent += (user + system) / 1_000
    return result
  }
}

/** Measures `rounds` joins and leaves, alternating, for each group size. */
export function benchDave(sizes: readonly number[], rounds: number): DaveRow[] {
  warmUp()
  return sizes.flatMap(members => {
    const call = new Call()
    call.grow(members)
    const joins: Change[] = []
    const leaves: Change[] = []
    for (let round = 0; round < rounds; round++) {
      joins.push(call.measure('join'))
      leaves.push(call.measure('leave'))
    }
    return [
      { members, change: 'join', ...medians(joins) },
      { members, change: 'leave', ...medians(leaves) },
    ]
  })
}

/** Runs before the measurement so that compilation does not count. */
function warmUp(): void {
  const call = new Call()
  call.grow(WARM_UP)
  for (let round = 0; round < WARM_UP; round++) for (const change of ['join', 'leave'] as const) call.measure(change)
}

function medians(changes: readonly Change[]): Change {
  const of = (field: keyof Change) => median(changes.map(change => change[field]))
  return {
    accept: of('accept'),
    spent: of('spent'),
    longest: of('longest'),
    sent: of('sent'),
    received: of('received'),
  }
}

export function printDave(rows: readonly DaveRow[]): void {
  const kilobytes = (bytes: number) => (bytes / 1_000).toFixed(bytes < 100_000 ? 1 : 0)
  console.table(
    rows.map(row => ({
      members: row.members,
      change: row.change,
      'accept the commit, ms': row.accept.toFixed(2),
      'whole transition, ms': row.spent.toFixed(2),
      'longest step, ms': row.longest.toFixed(2),
      'sent, kB': kilobytes(row.sent),
      'received, kB': kilobytes(row.received),
    })),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const sizes = process.argv.slice(2).map(Number)
  printDave(benchDave(sizes.length > 0 ? sizes : [10, 50, 100, 250], 12))
}
