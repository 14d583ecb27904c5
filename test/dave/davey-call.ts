// One channel's DAVE group and its clients with the real library, on a virtual clock, message by message.
import assert from 'node:assert/strict'
import { snowflakeBytes, VoiceOp } from '@parley/protocol'
import { ExternalSender } from '../../packages/core/src/dave/external-sender.ts'
import { DaveGroup, type DaveGroupOptions } from '../../packages/core/src/dave/group.ts'
import { nodeCrypto } from '../../packages/server/src/crypto.ts'
import type { CallClient } from './call-client.ts'
import { DaveyClient } from './davey-client.ts'

export const CHANNEL = '927310423890473011'
const FRAME = Buffer.from([0xfc, 1, 2, 3, 4, 5, 6, 7, 8, 9])

type Make<C> = (userId: string, claimedVersion: number) => C
const daveyClient: Make<DaveyClient> = (userId, claimedVersion) => new DaveyClient(userId, CHANNEL, claimedVersion)

/** Clients use davey unless `make` is given. */
export class DaveyCall<C extends CallClient = DaveyClient> {
  readonly group: DaveGroup
  readonly clients = new Set<C>()
  readonly away = new Set<C>()
  readonly closed: { userId: string; code: number; reason: string }[] = []
  readonly notes: { event: string; fields: Record<string, unknown> }[] = []
  /** Invalid Commit Welcome reports from clients. */
  reports = 0
  readonly #make: Make<C>
  now = 1_000

  constructor(options: Partial<DaveGroupOptions> = {}, make = daveyClient as Make<CallClient> as Make<C>) {
    this.#make = make
    this.group = new DaveGroup({
      policy: 'allowed',
      id: () => snowflakeBytes(CHANNEL),
      sender: new ExternalSender(nodeCrypto),
      crypto: nodeCrypto,
      note: (event, fields) => this.notes.push({ event, fields }),
      ...options,
    })
  }

  /** In gateway order: Session Description, external sender, present members; then the other members are notified. */
  join(userId: string | number, claimedVersion = 1): C {
    const client = this.#make(String(userId), claimedVersion)
    this.describe(client)
    this.#tell([client], VoiceOp.ClientsConnect, { user_ids: [...this.clients].map(other => other.userId) })
    this.#tell(this.clients, VoiceOp.ClientsConnect, { user_ids: [client.userId] })
    this.clients.add(client)
    this.#close()
    return client
  }

  /** Sends Session Description with the DAVE version, initially or again. */
  describe(client: C): void {
    const version = this.group.join(client, client.claimedVersion, this.now)
    client.sendText(VoiceOp.SessionDescription, JSON.stringify({ dave_protocol_version: version }))
    this.group.joined(client)
  }

  leave(client: C): void {
    if (!this.clients.delete(client)) return
    this.away.delete(client)
    this.#tell(this.clients, VoiceOp.ClientDisconnect, { user_id: client.userId })
    this.group.leave(client, this.now)
    this.#close()
  }

  /** The client loses its connection. Messages from the node are kept for the replay; its own undelivered ones are lost. */
  drop(client: C): void {
    if (!this.clients.has(client) || this.away.has(client)) return
    this.away.add(client)
    client.outbox.length = 0
    this.group.away(client, this.now)
    this.#close()
  }
  resume(client: C): void {
    if (!this.away.delete(client)) return
    const missed = client.inbox.map(message => ({
      op: message.op as VoiceOp,
      body: 'payload' in message ? message.payload : JSON.stringify(message.data),
    }))
    this.group.back(client, missed, this.now)
    this.#close()
  }

  /** Delivers one message of the client to the node. */
  send(client: C): void {
    const message = client.outbox.shift()
    if (message === undefined || !this.clients.has(client)) return
    if (message.op === VoiceOp.DaveKeyPackage && 'payload' in message)
      this.group.keyPackage(client, message.payload, this.now)
    else if ('payload' in message) this.group.commitWelcome(client, message.payload, this.now)
    else if (message.op === VoiceOp.DaveTransitionReady) this.group.ready(client, message.transitionId, this.now)
    else this.#report(client, message.transitionId)
    this.#close()
  }

  /** Delivers all messages in both directions without advancing the clock. */
  deliver(): void {
    for (let busy = true; busy; ) {
      busy = false
      for (const client of [...this.clients]) {
        if (this.away.has(client)) continue
        while (client.inbox.length > 0) {
          client.receive()
          busy = true
        }
        while (client.outbox.length > 0) {
          this.send(client)
          busy = true
        }
      }
    }
  }

  tick(now: number): void {
    this.now = Math.max(this.now, now)
    this.group.tick(this.now)
    this.#close()
  }

  /** Advances the clock from deadline to deadline and delivers all messages at each. */
  run(duration = 5_000): void {
    const until = this.now + duration
    this.deliver()
    for (let idle = 0; this.group.deadline <= until; ) {
      const before = this.now
      this.tick(this.group.deadline)
      this.deliver()
      idle = this.now > before ? 0 : idle + 1
      assert.ok(idle < 1_000, 'the deadline never moves')
    }
    this.now = until
  }

  /** Asserts that all members share one group, that the node's view matches theirs, and that every pair decrypts. */
  assertConverged(what = ''): void {
    const members = [...this.clients].filter(client => !this.away.has(client))
    for (const client of members) assert.deepEqual(client.thrown, [], `${what}: ${client.userId} threw`)
    if (members.length < 2) return
    const { version, epoch, members: count } = this.group.state
    const users = this.#inspectedUsers()
    const roster = [...users.keys()].sort()
    assert.deepEqual([version, count], [1, users.size], `${what}: version and members`)
    for (const { userId } of members) assert.ok(users.has(userId), `${what}: ${userId} has a leaf`)
    const authenticator = members[0]!.view()?.authenticator
    for (const member of members) {
      const leaf = users.get(member.userId)!
      const view = member.view()
      const seen = { ...view, users: view?.users.sort() }
      assert.deepEqual(seen, { epoch, authenticator, users: roster, leaf }, `${what}: view of ${member.userId}`)
    }
    this.assertHeard(what)
  }

  /** Asserts that every pair of members decrypts each other's frames, or passes them through at version 0. */
  assertHeard(what = ''): void {
    const members = [...this.clients].filter(client => !this.away.has(client))
    for (const from of members) {
      const sealed = from.encrypt(FRAME)
      assert.equal(sealed.equals(FRAME), this.group.state.version === 0, `${what}: ${from.userId} seals`)
      for (const to of members)
        if (to !== from)
          assert.deepEqual(to.decrypt(from.userId, sealed), FRAME, `${what}: ${from.userId} to ${to.userId}`)
    }
  }

  /** The node's leaf indices by user. */
  #inspectedUsers(): Map<string, number> {
    const { users } = this.group.inspect()
    return new Map(users.flatMap(({ userId, leaf }) => (leaf === undefined ? [] : [[userId, leaf]])))
  }

  #report(client: C, transitionId: number): void {
    this.reports++
    this.group.invalid(client, transitionId, this.now)
  }

  #tell(clients: Iterable<C>, op: VoiceOp, data: unknown): void {
    for (const client of clients) client.sendText(op, JSON.stringify(data))
  }

  #close(): void {
    for (const { session, code, reason } of this.group.takeEndings()) {
      this.closed.push({ userId: session.userId, code, reason })
      this.leave(session as C)
    }
  }
}
