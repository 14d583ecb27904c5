// Whether a call may, must or must not be encrypted, and what others may know of how it stands.
import { VoiceClose } from '@parley/protocol'
import type { DaveSession, Member } from './member.ts'

/** `off`: never. `allowed`: whenever every client can. `required`: clients that cannot are turned away. */
export type DavePolicy = 'off' | 'allowed' | 'required'

/** The newest protocol version spoken here; 0 is a call without DAVE. */
export const DAVE_VERSION = 1

/** The version that a member can speak under this policy. */
export function versionOf(member: Member, policy: DavePolicy): number {
  return policy === 'off' || member.isIncapable ? 0 : Math.min(member.claimedVersion, DAVE_VERSION)
}

/** What others may know of a group. */
export interface DaveState {
  /** In force: 1 once every sender has changed over to the group's keys. */
  version: number
  epoch: number
  /** Users in the MLS group. */
  members: number
}

/** A session that has to go. */
export interface DaveEnding {
  session: DaveSession
  code: number
  reason: string
}

/** Code and reason for a client that cannot take part where it has to. */
export const REQUIRED = [VoiceClose.EncryptionRequired, 'the channel requires end-to-end encryption'] as const
