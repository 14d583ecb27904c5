// A channel's end-to-end encryption: its DAVE group, driven by the channel's sessions and the node's clock.

import type { ChannelProperties } from '@parley/protocol'
import { ByteWriter, snowflakeBytes } from '@parley/protocol'
import type { Crypto } from '../crypto.ts'
import type { ExternalSender } from '../dave/external-sender.ts'
import { DaveGroup, type DaveInspection } from '../dave/group.ts'
import type { DaveSession, ReplayedMessage } from '../dave/member.ts'
import type { DavePolicy, DaveState } from '../dave/version.ts'
import type { Deadlines, Timed } from '../deadlines.ts'
import type { Effects } from '../effect.ts'
import type { BackendId, ChannelRef } from './channel-ref.ts'
import type { ChannelSession } from './channel-session.ts'

/** What the channels of a node share for encryption. */
export interface EncryptionHost {
  readonly crypto: Crypto
  readonly effects: Effects
  readonly deadlines: Deadlines
  readonly sender: ExternalSender
  /** For channels whose properties do not say. */
  readonly policy: DavePolicy
  /** Version, epoch or members changed. */
  changed(backend: BackendId, ref: ChannelRef, state: DaveState): void
}

/** The part of a channel that its encryption depends on. */
interface Encrypted extends ChannelRef {
  readonly backend: BackendId
  readonly properties: ChannelProperties
  /** Whether audio that is not encrypted end to end is dropped. */
  requireSealed(isRequired: boolean): void
}

/**
 * Feeds the group and applies what follows from each input: sessions that it closes, its deadline, whether unencrypted
 * audio is dropped, and the report to the backend. Without a DAVE client in the call it costs nothing.
 */
export class Encryption implements Timed {
  readonly #channel: Encrypted
  readonly #host: EncryptionHost
  #group: DaveGroup
  readonly #sessions = new Map<DaveSession, ChannelSession>()
  /** The state last reported. */
  #reported: DaveState = { version: 0, epoch: 0, members: 0 }

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

  /** Whether a client that claims this DAVE version may join, under the channel's policy. */
  admits(daveVersion: number): boolean {
    return this.#group.admits(daveVersion)
  }

  /** The session is about to be sent Session Description. Returns the DAVE version for it. */
  join(session: ChannelSession, now: number): number {
    this.#sessions.set(session, session)
    const version = this.#group.join(session, session.daveVersion, now)
    this.#after(now)
    return version
  }
  /** Session Description was sent. */
  joined(session: DaveSession): void {
    this.#group.joined(session)
  }
  /** The session ended. */
  leave(session: DaveSession, now: number): void {
    if (this.#sessions.delete(session)) this.#input(now, group => group.leave(session, now))
  }
  /** Its connection was lost; it may resume. */
  away(session: DaveSession, now: number): void {
    this.#input(now, group => group.away(session, now))
  }
  /** It has resumed and was sent the messages that it missed. */
  back(session: DaveSession, missed: readonly ReplayedMessage[] | undefined, now: number): void {
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

  /** Every session of the channel ends at once; no member is sent the departures. */
  abandon(now: number): void {
    this.#sessions.clear()
    this.#group = this.#newGroup()
    this.#after(now)
    this.#host.deadlines.remove(this)
  }

  inspect(): DaveInspection {
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
    const last = this.#reported
    if (version === last.version && epoch === last.epoch && members === last.members) return
    this.#reported = { version, epoch, members }
    this.#host.changed(this.#channel.backend, this.#channel, this.#reported)
  }
}

/** A stage is not encrypted end to end unless the backend says so. */
const policyOf = ({ dave, kind }: ChannelProperties, standard: DavePolicy): DavePolicy =>
  dave ?? (kind === 'stage' ? 'off' : standard)

/** The group id that clients use: the channel's id. A stream without a guild uses the id of its server minus one. */
function groupId({ channelId, guildId, properties }: Encrypted): Uint8Array | undefined {
  const id = snowflakeBytes(channelId)
  if (id === undefined || properties.kind !== 'stream' || guildId !== undefined) return id
  return new ByteWriter().u64(BigInt.asUintN(64, BigInt(channelId) - 1n)).bytes()
}
