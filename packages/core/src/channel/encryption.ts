// A channel's end-to-end encryption: its DAVE group, with the clock and the endings that the group asks for.
import { ByteWriter, snowflakeBytes, type VoiceOp } from '@parley/protocol'
import type { Crypto } from '../crypto.ts'
import type { ExternalSender } from '../dave/external-sender.ts'
import { DaveGroup } from '../dave/group.ts'
import type { DaveSession } from '../dave/member.ts'
import type { DavePolicy, DaveState } from '../dave/version.ts'
import type { Deadlines, Timed } from '../deadlines.ts'
import type { Effects } from '../effect.ts'
import type { BackendId, ChannelProperties, ChannelRef } from './voice-state.ts'

/** A session as its channel's group knows it, and how it ends. */
export interface EncryptedSession extends DaveSession {
  /** The highest DAVE version its client claims. */
  readonly daveVersion: number
  end(ending: { code: number; reason: string }, now: number): void
}

/** What all channels of a node share for it. */
export interface EncryptionHost {
  readonly crypto: Crypto
  readonly effects: Effects
  readonly deadlines: Deadlines
  readonly sender: ExternalSender
  /** For channels of which the backend says nothing. */
  readonly policy: DavePolicy
  /** Version, epoch or members changed. */
  changed(backend: BackendId, ref: ChannelRef, state: DaveState): void
}

/** A channel, as far as its encryption depends on it. */
interface Encrypted extends ChannelRef {
  readonly backend: BackendId
  readonly properties: ChannelProperties
  /** Whether nothing is to be heard in it that is not sealed. */
  requireSealed(isRequired: boolean): void
}

export class Encryption implements Timed {
  readonly #channel: Encrypted
  readonly #host: EncryptionHost
  #group: DaveGroup
  readonly #sessions = new Map<DaveSession, EncryptedSession>()
  #told: DaveState = { version: 0, epoch: 0, members: 0 }

  constructor(channel: Encrypted, host: EncryptionHost) {
    this.#channel = channel
    this.#host = host
    this.#group = this.#newGroup()
  }

  get state(): DaveState {
    return this.#group.state
  }
  get deadline(): number {
    return this.#group.deadline
  }

  tick(now: number): void {
    this.#group.tick(now)
    this.#after(now)
  }

  admits(daveVersion: number): boolean {
    return this.#group.admits(daveVersion)
  }

  /** The session is about to be sent its description: the version to say there. */
  join(session: EncryptedSession, now: number): number {
    this.#sessions.set(session, session)
    const version = this.#group.join(session, session.daveVersion, now)
    this.#after(now)
    return version
  }
  /** It has been sent. */
  joined(session: DaveSession): void {
    this.#group.joined(session)
  }
  leave(session: DaveSession, now: number): void {
    if (this.#sessions.delete(session)) this.#input(now, group => group.leave(session, now))
  }
  away(session: DaveSession, now: number): void {
    this.#input(now, group => group.away(session, now))
  }
  /** It has resumed, and was sent again what it had missed: messages with these opcodes. */
  back(session: DaveSession, missed: readonly VoiceOp[], now: number): void {
    this.#input(now, group => group.back(session, missed, now))
  }

  keyPackage(session: DaveSession, payload: Uint8Array, now: number): void {
    this.#input(now, group => group.keyPackage(session, payload, now))
  }
  commitWelcome(session: DaveSession, payload: Uint8Array, now: number): void {
    this.#input(now, group => group.commitWelcome(session, payload, now))
  }
  ready(session: DaveSession, transitionId: number, now: number): void {
    this.#input(now, group => group.ready(session, transitionId, now))
  }
  invalid(session: DaveSession, transitionId: number, now: number): void {
    this.#input(now, group => group.invalid(session, transitionId, now))
  }

  /** The channel's properties changed. */
  propertiesChanged(now: number): void {
    this.#input(now, group => group.setPolicy(this.#policy, now))
  }

  /** Every session of the channel ends at once: nobody is told of anybody's leaving. */
  abandon(now: number): void {
    this.#sessions.clear()
    this.#group = this.#newGroup()
    this.#after(now)
    this.#host.deadlines.remove(this)
  }

  inspect(): object {
    return this.#group.inspect()
  }

  get #policy(): DavePolicy {
    return policyOf(this.#channel.properties, this.#host.policy)
  }

  #newGroup(): DaveGroup {
    const { backend, channelId, guildId } = this.#channel
    const { sender, crypto, effects } = this.#host
    return new DaveGroup({
      policy: this.#policy,
      id: () => groupId(this.#channel),
      sender,
      crypto,
      note: (event, fields) => effects.note(event, fields, { backend, channel: channelId, guild: guildId }),
    })
  }

  #input(now: number, feed: (group: DaveGroup) => void): void {
    feed(this.#group)
    this.#after(now)
  }

  #after(now: number): void {
    for (const { session, code, reason } of this.#group.takeEndings())
      this.#sessions.get(session)?.end({ code, reason }, now)
    this.#host.deadlines.update(this)
    const { version, epoch, members } = this.#group.state
    this.#channel.requireSealed(version > 0 && this.#policy === 'required')
    const told = this.#told
    if (version === told.version && epoch === told.epoch && members === told.members) return
    this.#told = { version, epoch, members }
    this.#host.changed(this.#channel.backend, this.#channel, this.#told)
  }
}

/** The audience of a stage hears it in the clear, unless the backend wants otherwise. */
const policyOf = ({ dave, kind }: ChannelProperties, standard: DavePolicy): DavePolicy =>
  dave ?? (kind === 'stage' ? 'off' : standard)

/** What clients name their group by: the channel's id. A stream that was given none counts one down from its server's id. */
function groupId({ channelId, guildId, properties }: Encrypted): Uint8Array | undefined {
  const id = snowflakeBytes(channelId)
  if (id === undefined || properties.kind !== 'stream' || guildId !== undefined) return id
  return new ByteWriter().u64(BigInt.asUintN(64, BigInt(channelId) - 1n)).bytes()
}
