// What a group tells its members, and what each of them owes it then.
import { encodeTransition, VoiceOp } from '@parley/protocol'
import type { ExternalSender } from './external-sender.ts'
import type { Member } from './member.ts'
import { type Accepted, recipientsOf } from './mls-group.ts'

/** Op 25, once per session: some clients throw at a second one, and keep the first. */
export function introduceSender(member: Member, sender: ExternalSender): void {
  if (member.hasExternalSender) return
  member.hasExternalSender = true
  member.session.sendBinary(VoiceOp.DaveExternalSender, sender.entry)
}

/** Op 24 for epoch 1: the client drops its group, makes one of its own, and sends a key package. */
export function prepareEpoch(member: Member, version: number, sender: ExternalSender, now: number): void {
  member.isTold = true
  member.begins()
  member.owesKeyPackage(now)
  member.session.sendText(VoiceOp.DavePrepareEpoch, JSON.stringify({ protocol_version: version, epoch: 1 }))
  // A client without a DAVE session makes one when it hears of the epoch, and not before.
  introduceSender(member, sender)
}

/** Op 21. A transition with id 0 is executed at once. */
export function prepareTransition(members: readonly Member[], version: number, id: number): void {
  const text = JSON.stringify({ protocol_version: version, transition_id: id })
  for (const { session } of members) session.sendText(VoiceOp.DavePrepareTransition, text)
}

/** Op 29 to those who were in the group, op 30 to those who come in. */
export function announceCommit(id: number, accepted: Accepted, present: Iterable<Member>): void {
  const { commit, committed, welcomed, users } = accepted
  const announcement = encodeTransition(id, commit.bytes)
  for (const { session } of committed) session.sendBinary(VoiceOp.DaveAnnounceCommit, announcement)
  const here = new Set(Array.from(present, ({ session }) => session.userId))
  const gone = users.filter(userId => !here.has(userId))
  for (const { member, welcome } of welcomed) sendWelcome(member, encodeTransition(id, welcome), gone)
  for (const member of recipientsOf(accepted)) member.unconfirmed = id
}

/**
 * libdave refuses the Welcome to a group with anybody in it of whom its client has not been told, or was told that they left:
 * who left while the commit was made is in the group until the next one, and is here once more for as long as the Welcome takes.
 */
function sendWelcome({ session }: Member, payload: Uint8Array, gone: readonly string[]): void {
  if (gone.length > 0) session.sendText(VoiceOp.ClientsConnect, JSON.stringify({ user_ids: gone }))
  session.sendBinary(VoiceOp.DaveWelcome, payload)
  for (const user_id of gone) session.sendText(VoiceOp.ClientDisconnect, JSON.stringify({ user_id }))
}
