// The messages that a group sends to its members.
import { encodeTransition, VoiceOp } from '@parley/protocol'
import type { ExternalSender } from './external-sender.ts'
import type { Member } from './member.ts'
import { type AcceptedCommit, recipientsOf } from './mls-group.ts'

/** Op 25, once per session: some clients throw at a second one, others ignore it. */
export function sendExternalSender(member: Member, sender: ExternalSender): void {
  if (member.hasExternalSender) return
  member.hasExternalSender = true
  member.session.sendBinary(VoiceOp.DaveExternalSender, sender.entry)
}

/** Op 24 for epoch 1: the client discards its group, creates one of its own and sends a key package. */
export function sendPrepareEpoch(member: Member, version: number, sender: ExternalSender, now: number): void {
  member.hasDaveSession = true
  member.resetRequested()
  member.requireKeyPackage(now)
  member.session.sendText(VoiceOp.DavePrepareEpoch, JSON.stringify({ protocol_version: version, epoch: 1 }))
  // A client without a DAVE session creates it on op 24, so the external sender must follow.
  sendExternalSender(member, sender)
}

/** Op 21. Transition id 0 is executed at once. */
export function sendPrepareTransition(members: readonly Member[], version: number, id: number): void {
  const text = JSON.stringify({ protocol_version: version, transition_id: id })
  for (const { session } of members) session.sendText(VoiceOp.DavePrepareTransition, text)
}

/** Op 29 to the members of the previous epoch, op 30 to the added ones. */
export function sendCommit(id: number, commit: AcceptedCommit, present: Iterable<Member>): void {
  const announcement = encodeTransition(id, commit.commit.bytes)
  for (const { session } of commit.committed) session.sendBinary(VoiceOp.DaveAnnounceCommit, announcement)
  const here = new Set(Array.from(present, ({ session }) => session.userId))
  const gone = commit.users.filter(userId => !here.has(userId))
  for (const { member, welcome } of commit.welcomed) sendWelcome(member, encodeTransition(id, welcome), gone)
  for (const member of recipientsOf(commit)) member.unconfirmedTransition = id
}

/**
 * libdave refuses a Welcome to a group that contains a user it does not know from op 11, or knows to have left. A user who
 * left while the commit was in progress stays in the group until the next commit, so op 11 announces that user again for the
 * duration of the Welcome.
 */
function sendWelcome({ session }: Member, payload: Uint8Array, gone: readonly string[]): void {
  if (gone.length > 0) session.sendText(VoiceOp.ClientsConnect, JSON.stringify({ user_ids: gone }))
  session.sendBinary(VoiceOp.DaveWelcome, payload)
  for (const user_id of gone) session.sendText(VoiceOp.ClientDisconnect, JSON.stringify({ user_id }))
}
