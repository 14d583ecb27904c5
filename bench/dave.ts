// What a member's coming and going costs the node in an encrypted call: CPU and bytes by the size of the group.
// One client of the real library commits; the others have its key packages, and answer as late as all but one do in a call.
import { snowflakeBytes, type VoiceOp } from '@parley/protocol'
import { DaveGroup } from '../packages/core/src/dave/dave-group.ts'
import { ExternalSender } from '../packages/core/src/dave/external-sender.ts'
import type { DaveSession } from '../packages/core/src/dave/member.ts'
import { nodeCrypto } from '../packages/server/src/crypto.ts'
import { CHANNEL } from '../test/dave/davey-call.ts'
import { DaveyClient } from '../test/dave/davey-client.ts'

const SIZES = process.argv.slice(2).map(Number)
const ROUNDS = 12

/** A session whose client is not run: its key package is real, and its answers are the committer's, come too late. */
class Silent implements DaveSession {
  readonly userId: string
  readonly keyPackage: Uint8Array
  bytes = 0
  transition = 0

  constructor(userId: string) {
    this.userId = userId
    const client = new DaveyClient(userId, CHANNEL)
    client.sendText(4 as VoiceOp, '{"dave_protocol_version":1}')
    client.receive()
    this.keyPackage = Uint8Array.from((client.outbox[0] as { payload: Uint8Array }).payload)
  }
  sendText(_op: VoiceOp, text: string): void {
    this.bytes += text.length
  }
  sendBinary(op: VoiceOp, payload: Uint8Array): void {
    this.bytes += payload.length + 3
    if (op === 29 || op === 30) this.transition = (payload[0]! << 8) | payload[1]!
  }
  refuseSealed(): void {}
}

class Bench {
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
  accepted: number[] = []

  constructor() {
    this.#join(this.#committer)
  }

  grow(size: number): void {
    while (this.#others.length < size - 1) {
      for (let count = 0; count < 50 && this.#others.length < size - 1; count++) this.#joinSilent()
      this.#settle()
    }
  }

  /** One more, or one fewer; all of it up to the end of the transition. */
  measure(kind: 'join' | 'leave') {
    for (const other of this.#others) other.bytes = 0
    this.#received = this.#spent = this.#longest = 0
    this.accepted = []
    if (kind === 'join') this.#joinSilent()
    else this.#time(() => this.#group.leave(this.#others.pop()!, this.#now))
    this.#settle()
    const sent = this.#others.reduce((sum, other) => sum + other.bytes, 0)
    return { spent: this.#spent, longest: this.#longest, accept: this.accepted[0] ?? 0, sent, received: this.#received }
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
    session.sendText(4 as VoiceOp, JSON.stringify({ dave_protocol_version: version }))
    this.#group.joined(session)
  }

  #settle(): void {
    this.#answer()
    for (; this.#group.deadline < Infinity; this.#answer()) {
      this.#now = Math.max(this.#now, this.#group.deadline)
      this.#time(() => this.#group.tick(this.#now))
    }
  }

  /** The committer is first; everybody else's commit is late, and then all are ready. */
  #answer(): void {
    while (this.#committer.inbox.length > 0) this.#committer.receive()
    for (const message of this.#committer.outbox.splice(0)) {
      if ('transitionId' in message) this.#group.ready(this.#committer, message.transitionId, this.#now)
      else if (message.op === 26) this.#group.keyPackage(this.#committer, message.payload, this.#now)
      else this.#commit(message.payload)
      this.#answer()
    }
    for (const other of this.#others) {
      if (other.transition !== 0) this.#time(() => this.#group.ready(other, other.transition, this.#now))
      other.transition = 0
    }
  }

  #commit(payload: Uint8Array): void {
    this.#received += payload.length * this.#others.length
    const start = performance.now()
    this.#time(() => this.#group.commitWelcome(this.#committer, payload, this.#now))
    this.accepted.push(performance.now() - start)
    for (const other of this.#others) this.#time(() => this.#group.commitWelcome(other, payload, this.#now))
  }

  #time<T>(run: () => T): T {
    const start = performance.now()
    const result = run()
    const spent = performance.now() - start
    this.#spent += spent
    this.#longest = Math.max(this.#longest, spent)
    return result
  }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const ms = (value: number) => value.toFixed(2)
const kilobytes = (value: number) => (value / 1_000).toFixed(value < 100_000 ? 1 : 0)

console.log('| members | change | accept the commit, ms | all of it, ms | longest turn, ms | sent, kB | received, kB |')
console.log('|--:|---|--:|--:|--:|--:|--:|')
for (const size of SIZES.length > 0 ? SIZES : [10, 50, 100, 250]) {
  const bench = new Bench()
  bench.grow(size)
  const kinds = { join: [] as ReturnType<Bench['measure']>[], leave: [] as ReturnType<Bench['measure']>[] }
  for (let round = 0; round < ROUNDS; round++) {
    kinds.join.push(bench.measure('join'))
    kinds.leave.push(bench.measure('leave'))
  }
  for (const [kind, results] of Object.entries(kinds)) {
    const of = (field: keyof (typeof results)[number]) => median(results.map(result => result[field]))
    console.log(
      `| ${size} | ${kind} | ${ms(of('accept'))} | ${ms(of('spent'))} | ${ms(of('longest'))} | ${kilobytes(of('sent'))} | ${kilobytes(of('received'))} |`,
    )
  }
}
